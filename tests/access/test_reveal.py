"""A resident's fields are shown only with an act that says who looked."""

from pathlib import Path

import pytest

from gateway.audit import Actor, ActOrigin, ActResult
from gateway.audit.reveal import reveal_fields
from gateway.errors import JournalFull
from gateway.journal.personal_store import PersonalStore
from tests.access.harness import site

FIELDS = {"name": "陈奶奶", "phone": "13820460007"}


async def test_who_looks_is_written_and_what_they_saw_is_not(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        store = PersonalStore(None, b"k" * 32, made.clock)
        token = store.put(FIELDS, 3600)
        who, place = Actor("staff", "zhang"), ActOrigin("10.0.0.7", "abcd1234")
        assert await reveal_fields(made.ledger, store, token, who=who, place=place) == FIELDS
        store.erase(token)
        assert await reveal_fields(made.ledger, store, token, who=who, place=place) is None
        acts = [past.act for past in await made.acts(2)]
        assert [(act.what, act.who.id, act.result) for act in acts] == [
            ("private/reveal", "zhang", ActResult.FAILED),
            ("private/reveal", "zhang", ActResult.DONE),
        ]
        written = b"".join(await made.events())
        for secret in (*FIELDS.values(), token):
            assert secret.encode() not in written
        store.close()


async def test_nothing_is_shown_that_cannot_be_written_down(tmp_path: Path, monkeypatch) -> None:
    async with site(tmp_path) as made:
        store = PersonalStore(None, b"k" * 32, made.clock)
        token = store.put(FIELDS, 3600)

        async def full(*_given, **_named):
            raise JournalFull("journal.full")

        monkeypatch.setattr(made.journal, "append", full)
        with pytest.raises(JournalFull):
            await reveal_fields(
                made.ledger, store, token, who=Actor("staff", "z"), place=ActOrigin()
            )
        store.close()
