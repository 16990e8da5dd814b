"""When the disk is taken for dead, and what the station then has."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.errors import JournalHeld
from gateway.event import Lane
from gateway.journal import Journal, open_or_volatile
from gateway.journal.strikes import WITHIN_NS, Strikes, recent
from tests.sim.clock import SimulatedClock
from tests.sim.journal import SMALL, STATION, fact

BOOT = "0" * 15 + "1"


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        ([f"{BOOT} 100", f"{BOOT} 200"], 2),
        ([f"{BOOT} 100", "ffffffffffffffff 200"], 1),  # before a reboot: another disk, perhaps
        ([f"{BOOT} {10**18}", "garbage", f"{BOOT} x"], 0),
    ],
)
def test_strikes_count_within_a_minute_of_one_boot(lines, count):
    assert recent(lines, BOOT, 300) == count
    assert recent(lines, BOOT, 10**18 + WITHIN_NS + 1) == 0


@given(st.lists(st.text(), max_size=5))
def test_a_damaged_file_counts_for_nothing(lines):
    assert recent(lines, BOOT, 10**12) == 0


def test_two_processes_strike_together(tmp_path):
    clock = SimulatedClock()
    Strikes(tmp_path, clock).note()
    assert not Strikes(tmp_path, clock).out()
    clock.advance(59)
    Strikes(tmp_path, clock).note()
    assert Strikes(tmp_path, clock).out()
    clock.advance(2)
    assert not Strikes(tmp_path, clock).out()


def test_where_nothing_can_be_written_this_process_remembers(tmp_path):
    (tmp_path / "run").write_text("no directory")
    strikes = Strikes(tmp_path / "run", SimulatedClock())
    strikes.note()
    strikes.note()
    assert strikes.out()


async def opened(directory, runtime):
    return await open_or_volatile(
        directory,
        runtime=runtime,
        station=STATION,
        options=SMALL,
        clock=Clock.open(runtime),
        retaining=("district",),
        pause_s=0,
    )


async def test_a_sound_disk_gets_the_journal(tmp_path):
    journal = await opened(tmp_path, tmp_path / "run")
    assert not journal.volatile
    with pytest.raises(JournalHeld):
        await opened(tmp_path, tmp_path / "run")
    await journal.close()


async def test_a_dead_disk_gets_a_journal_in_memory_that_says_so(tmp_path):
    (tmp_path / "state").write_text("no directory")
    journal = await opened(tmp_path / "state", tmp_path / "run")
    assert journal.volatile
    assert journal.stats().volatile
    (told,) = await journal.read(Lane.ALARM, 0)
    assert json.loads(b"{" + told.body)["data"] == {
        "former": None, "why": "journal.epoch-volatile",
    }  # fmt: skip
    assert (await journal.append([fact(Lane.EMERGENCY)]))[0].seq == 1
    assert journal.follower("district", retaining=True).waiting()[Lane.EMERGENCY] == 1
    await journal.close()


async def test_two_errors_while_running_within_a_minute_are_enough(tmp_path):
    """Each is a process that ended; the disk opened every time."""
    for _ in range(2):
        journal = await opened(tmp_path, tmp_path / "run")
        assert not journal.volatile
        journal._core._db.close()  # from now on every job fails
        with pytest.raises(Exception, match=r"journal\.unknown"):
            await journal.append([fact(Lane.EMERGENCY)])
        assert journal.fatal.done()
        await asyncio.sleep(0)  # the callback
        await journal.close()
    journal = await opened(tmp_path, tmp_path / "run")
    assert journal.volatile
    assert isinstance(journal, Journal)
    await journal.close()
