"""Storage lost: who may come in is read from the copy, and from nowhere else."""

import errno
import os
from pathlib import Path

import pytest

from gateway.access import Access
from gateway.audit import AuditLog
from gateway.audit.events import CONSOLE, HERE
from gateway.errors import AccessDenied, JournalFull
from gateway.journal import Journal, JournalOptions, StateChange
from tests.access.harness import CHEAP, PASSWORDS, STATION, MovedClock, Site, site


async def lost(made: Site) -> Access:
    """The same station, started on a journal in memory."""
    clock = MovedClock()
    journal = await Journal.open_in_memory(station=STATION, options=JournalOptions(), clock=clock)
    ledger = await AuditLog.open(journal, clock)
    keys = made.folder / "keys"
    return await Access.open(journal, ledger, clock, keys, cost=CHEAP, volatile=True)


async def test_the_people_of_yesterday_come_in_and_those_who_were_shut_out_do_not(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        signed = await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())
        caller = made.access.identify(signed.token)
        assert caller is not None
        await made.access.set_pin(caller, PASSWORDS["zhang"], "4826", made.place())
        await made.keys.disable(CONSOLE, HERE, "guest")
        access = await lost(made)
        assert access.claimed
        assert access.claim_code is None
        assert access.identify(signed.token) is None, "everybody shows anew who they are"
        await access.unlock("zhang", "4826", made.place(), signed.desk)
        await access.sign_in("boss", PASSWORDS["boss"], made.place())
        with pytest.raises(AccessDenied):
            await access.sign_in("guest", PASSWORDS["guest"], made.place())
        access.close()


async def test_what_is_changed_while_it_is_lost_does_not_outlive_that(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish("boss")
        copy = tmp_path / "keys" / "accounts.json"
        before = copy.read_bytes()
        assert copy.stat().st_mode & 0o777 == 0o600
        access = await lost(made)
        await access.sign_in("boss", PASSWORDS["boss"], made.place())
        assert copy.read_bytes() == before
        access.close()


@pytest.mark.parametrize("text", ["", '{"account/boss": [1', '{"account/boss": {}, "x/y": 1}'])
async def test_a_copy_that_cannot_be_read_lets_nobody_in(tmp_path: Path, text: str) -> None:
    async with site(tmp_path) as made:
        await made.furnish("boss")
        (tmp_path / "keys" / "accounts.json").write_text(text, "utf-8")
        access = await lost(made)
        assert not access.claimed
        access.close()


async def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    async with site(tmp_path) as made:
        monkeypatch.setattr(os, "fsync", full)
        access = await lost(made)
        code = access.claim_code
        assert code is not None
        assert code == access.claim_code, "the same for as long as the process lives"
        await access.claim(code, "boss", "王工", PASSWORDS["boss"], made.place())
        access.close()


async def test_an_account_whose_row_is_broken_comes_back_from_the_copy(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish("boss")
        keys = made.folder / "keys"
        await made.journal.append([], [StateChange("access", "account/boss", b"?")])
        for _ in range(2):  # and is in the journal again for the start after
            access = await Access.open(made.journal, made.ledger, made.clock, keys, cost=CHEAP)
            assert access.claimed
            await access.sign_in("boss", PASSWORDS["boss"], made.place())
            access.close()


async def test_on_a_full_disk_people_come_in_and_nobody_new_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as made:
        await made.furnish("boss", "guest")

        async def full(*_: object, **__: object) -> None:
            raise JournalFull("journal.full")

        monkeypatch.setattr(made.ledger, "record", full)
        signed = await made.access.sign_in("boss", PASSWORDS["boss"], made.place())
        assert made.access.identify(signed.token) is not None
        with pytest.raises(AccessDenied):
            await made.access.sign_in("boss", "a wrong one", made.place())
        with pytest.raises(JournalFull):
            await made.keys.disable(CONSOLE, HERE, "guest")
