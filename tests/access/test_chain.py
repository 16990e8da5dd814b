"""The audit's chain: any change, loss or insertion is found, at the first act that it touches."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import ACT, ActEventData, Actor, ActOrigin, ActResult
from gateway.errors import JournalFull
from gateway.event import Event, Timestamps, encode_tail
from gateway.journal import StateChange
from gateway.journal.chain import (
    ALTERED,
    CUT,
    MISSING,
    ORIGIN,
    TYPE,
    ChainHead,
    ChainProof,
    act_seal,
    decode_head,
    verify_chain,
)
from gateway.journal.events import QUOTA, Gap, encode_gap
from gateway.journal.stored_state import SET_ASIDE
from tests.access.harness import Site, site

STAMPS = Timestamps("0" * 15 + "1", 5_000_000_000)


def cloud(seq: int, body: bytes) -> bytes:
    return b'{"sequence":"%012d",' % seq + body


def chained(count: int, seed: int = 0) -> tuple[list[bytes], ChainHead]:
    """A lane in which acts stand among other entries."""
    luck, events, head, seq = random.Random(seed), [], ChainHead(), 0
    for n in range(1, count + 1):
        if luck.random() < 0.3:
            seq += 1
            events.append(cloud(seq, b'"type":"cn.yizhan.station.started.v1","data":{}}'))
        seq += 1
        act = ActEventData(
            n, head.seal, "keys/add", ActResult.DONE, Actor("staff", "0217"), ActOrigin("10.0.0.7")
        )
        event = Event(kind=ACT, source="audit", stamps=STAMPS, data=act)
        told = json.loads(b"{" + encode_tail(event, "s"))
        told["data"]["seal"] = act_seal(told)
        head = ChainHead(n, told["data"]["seal"])
        events.append(cloud(seq, json.dumps(told, ensure_ascii=False).encode()[1:]))
    return events, head


def gap(first: int, last: int) -> bytes:
    told = Gap(lane="service", first=first, last=last, why=QUOTA)
    return cloud(last, encode_gap("s", STAMPS, told))


def places_of_acts(events: list[bytes]) -> list[int]:
    return [i for i, event in enumerate(events) if TYPE.encode() in event]


def test_the_kind_is_the_one_that_the_journal_looks_for() -> None:
    assert ACT.type == TYPE


@given(st.integers(0, 30), st.integers(0, 100))
def test_a_whole_chain_is_proven(count: int, seed: int) -> None:
    events, head = chained(count, seed)
    assert verify_chain(events, head) == ChainProof(min(count, 1), count, count, 0, None)


@given(st.data())
def test_any_change_of_any_act_is_found_there(data) -> None:
    events, head = chained(12, data.draw(st.integers(0, 50)))
    at = data.draw(st.sampled_from(places_of_acts(events)))
    told = json.loads(events[at])
    n = told["data"]["n"]
    spot = data.draw(st.sampled_from(["who", "what", "result", "place", "time", "bootid", "seal"]))
    match spot:
        case "who":
            told["data"]["who"]["id"] = "0218"
        case "what" | "result":
            told["data"][spot] += "x"
        case "place":
            told["data"]["place"]["address"] = "10.0.0.8"
        case "seal":
            told["data"]["seal"] = ORIGIN
        case _:
            told[spot] = "2026-11-23T06:05:00.000Z"
    events[at] = json.dumps(told).encode()
    broken = verify_chain(events, head).broken
    assert broken is not None
    assert (broken.n, broken.why) == (n, ALTERED)


@given(st.data())
def test_a_chain_that_moved_is_proven_by_the_acts_numbers(data) -> None:
    """Newer acts stand before those that came over; what had been receipted did not come."""
    events, head = chained(12, data.draw(st.integers(0, 50)))
    acts = [events[at] for at in places_of_acts(events)]
    gone, at = data.draw(st.integers(0, 4)), data.draw(st.integers(6, 12))
    moved = acts[at:] + acts[gone:at]
    assert verify_chain(moved, head, moved=True) == ChainProof(gone + 1, 12, 12 - gone, gone)
    told = json.loads(moved[-1])
    told["data"]["what"] += "x"
    altered = [*moved[:-1], json.dumps(told).encode()]
    assert verify_chain(altered, head, moved=True).broken is not None
    assert verify_chain(moved[:-1], head, moved=True).broken is not None


@given(st.data())
def test_an_act_taken_out_or_put_in_again_is_found(data) -> None:
    events, head = chained(12, data.draw(st.integers(0, 50)))
    at = data.draw(st.sampled_from(places_of_acts(events)[:-1]))
    n = json.loads(events[at])["data"]["n"]
    broken = verify_chain(events[:at] + events[at + 1 :], head).broken
    assert broken is not None
    assert (broken.n, broken.why) == (n + 1, MISSING)
    broken = verify_chain(events[: at + 1] + events[at:], head).broken
    assert broken is not None
    assert broken.why == MISSING


def test_a_forged_act_with_a_seal_of_its_own_breaks_the_next() -> None:
    events, head = chained(5)
    at = places_of_acts(events)[2]
    told = json.loads(events[at])
    told["data"]["what"] = "keys/disable"
    told["data"]["seal"] = act_seal(told)
    events[at] = json.dumps(told).encode()
    broken = verify_chain(events, head).broken
    assert broken is not None
    assert (broken.n, broken.why) == (4, MISSING)


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_chain_cut_short_is_found_by_its_head(cut: int) -> None:
    events, head = chained(5)
    kept = events[: places_of_acts(events)[-cut]]
    broken = verify_chain(kept, head).broken
    assert broken is not None
    assert (broken.n, broken.why) == (5, CUT)


def test_a_forged_end_is_found_by_its_head() -> None:
    events, head = chained(5)
    told = json.loads(events[-1])
    told["data"]["what"] = "keys/disable"
    told["data"]["seal"] = act_seal(told)
    broken = verify_chain([*events[:-1], json.dumps(told).encode()], head).broken
    assert broken is not None
    assert (broken.n, broken.why) == (5, ALTERED)


def test_what_was_evicted_with_a_gap_on_record_is_no_break() -> None:
    events, head = chained(9)
    at = places_of_acts(events)
    assert verify_chain([gap(1, at[3] + 1), *events[at[3] + 1 :]], head) == ChainProof(5, 9, 5, 4)
    middle = [*events[: at[2]], gap(at[2] + 1, at[4] + 1), *events[at[4] + 1 :]]
    assert verify_chain(middle, head) == ChainProof(1, 9, 6, 3)
    without = [*events[: at[2]], *events[at[4] + 1 :]]
    assert verify_chain(without, head).broken is not None


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_an_act_of_garbage_is_a_break_and_no_crash(parts: list[bytes]) -> None:
    for part in parts:
        text = part.decode("latin-1")
        told = {"sequence": "1", "type": TYPE, "data": {"n": text, "prev": 1, "seal": [text]}}
        assert verify_chain([json.dumps(told).encode()], None).broken is not None


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


async def test_acts_written_at_once_form_one_chain(made: Site) -> None:
    await asyncio.gather(
        *(made.ledger.record(Actor("staff", "a"), "keys/add", on=str(n)) for n in range(40))
    )
    proof = await made.proof()
    assert (proof.acts, proof.broken) == (40, None)


async def test_a_caller_who_goes_away_breaks_nothing(made: Site) -> None:
    for _ in range(10):
        task = asyncio.create_task(made.ledger.record(Actor("staff", "a"), "keys/add"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await made.ledger.record(Actor("staff", "a"), "keys/add")
    assert (await made.proof()).acts == 11


SEAL = b"a" * 64


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"n":2}',
        b'{"n":0,"seal":"%s"}' % SEAL,
        b'{"n":2,"seal":"A"}',
        b'{"n":2,"seal":"%s\\n"}' % SEAL,
        b'{"n":2,"seal":"%s"}' % ORIGIN.encode(),
        b'{"n":2,"seal":"%s","seq":-1}' % SEAL,
    ],
)
def test_what_no_act_has_left_is_no_end(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        decode_head("head", body)
    assert decode_head("head", b'{"n":2,"seal":"%s"}' % SEAL) == ChainHead(2, SEAL.decode())


async def test_a_lost_end_is_named_and_found_by_the_last_act(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.ledger.record(Actor("staff", "a"), "keys/add")
        await made.ledger.record(Actor("staff", "a"), "keys/add")
    async with site(tmp_path) as made:
        await made.journal.append([], [StateChange("audit", "head", b"{}")])
    async with site(tmp_path) as made:  # a whole start in which nobody does anything
        assert (made.ledger.head.n, "head" in await made.journal.load("audit")) == (2, False)
        assert list(await made.journal.load(SET_ASIDE)) == ["audit/head"]
    async with site(tmp_path) as made:
        await made.ledger.record(Actor("staff", "a"), "keys/add")
        proof = await made.proof()
    assert (proof.acts, proof.broken) == (3, None)


async def test_an_act_that_the_journal_refuses_leaves_no_hole(made: Site, monkeypatch) -> None:
    good = made.journal.append

    async def full(*_given, **_named):
        raise JournalFull("journal.full")

    monkeypatch.setattr(made.journal, "append", full)
    change = StateChange("access", "account/x", b"{}")
    with pytest.raises(JournalFull):
        await made.ledger.record(Actor("staff", "a"), "keys/add", state=[change])
    monkeypatch.setattr(made.journal, "append", good)
    await made.ledger.record(Actor("staff", "a"), "keys/add")
    proof = await made.proof()
    assert (proof.acts, proof.broken) == (1, None)
    assert "account/x" not in await made.journal.load("access"), "neither act nor state"
