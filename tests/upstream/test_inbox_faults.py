"""A mistake, a full disk, a garbled answer: each costs one command, and none an emergency."""

import asyncio
import json
import random
from pathlib import Path

import msgspec

from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.errors import JournalFull, UsageError
from gateway.event import Lane
from gateway.signing import Signer
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from tests.sim.loop import simulated
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import STATION, MemoryJournal

HAND = Signer(b"the platform's hand, in the test")
NOW_MS = 1_795_000_000_000
FINAL = {"done", "failed", "refused", "expired"}


class Asked(msgspec.Struct):
    note: str = ""


class Disk(MemoryJournal):
    """A journal whose disk may be full."""

    full = False

    async def append(self, events, state=()):
        if self.full:
            await asyncio.sleep(0)
            raise JournalFull("journal.full")
        return await super().append(events, state)


class Tower:
    """A platform that hands out what has not ended, and a station that may stumble over it."""

    def __init__(self) -> None:
        self.clock, self.journal = loop_clock(), Disk()
        self.faults: list[str] = []
        self.done: list[str] = []
        self.queue: dict[str, bytes] = {}
        self.answers: list[object] = []
        self.asked_s: list[float] = []
        kinds = [
            CommandKind("bell", Asked, self.act),
            CommandKind("siren", Asked, self.act, ExecutionGuarantee.AT_LEAST_ONCE),
            CommandKind("maybe", Asked, self.act, urgent=self.urgent),
        ]
        self.inbox = Inbox(
            "d", self.journal, self.clock, station=STATION, kinds=kinds,
            keys=CommandKeys(Path("/nowhere"), HAND.public),
            on_fault=lambda where, error: self.faults.append(f"{where} {type(error).__name__}"),
        )  # fmt: skip

    async def act(self, asked: Asked, mandate) -> object:
        if asked.note == "wrong":
            raise KeyError("what somebody typed")
        self.done.append(mandate.id)
        return object() if asked.note == "odd" else {"note": asked.note}

    @staticmethod
    def urgent(asked: Asked) -> bool:
        return {"yes": True, "no": False}[asked.note]

    def issue(self, kind: str, note: str = "", ttl_s: int = 3600) -> str:
        name = uuid7(NOW_MS + len(self.queue))
        body = {
            "id": name,
            "kind": kind,
            "station": STATION,
            "issued": rfc3339(NOW_MS),
            "expires": rfc3339(NOW_MS + ttl_s * 1000),
            "data": {"note": note},
        }
        self.queue[name] = json.dumps({**body, "signature": HAND.sign(body)}).encode()
        return name

    def told(self, name: str) -> list[tuple[str, str | None]]:
        receipts = [json.loads(b"{" + e.body)["data"] for e in self.journal.lanes[Lane.SERVICE]]
        return [(r["state"], r.get("reason_code")) for r in receipts if r["of"] == name]

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        self.asked_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return PollAnswer(answer)
        found = [
            raw
            for name, raw in self.queue.items()
            if name > since.after and not FINAL & {state for state, _ in self.told(name)}
        ]
        if not found:
            await asyncio.sleep(wait_s)
        return PollAnswer(found)

    async def live(self, for_s: float) -> None:
        running = asyncio.ensure_future(self.inbox.run(self, random.Random(1)))
        await asyncio.sleep(for_s)
        assert not running.done(), running
        running.cancel()
        await asyncio.wait([running])


@simulated
async def test_a_mistake_in_a_kind_costs_that_command_and_its_neighbours_go_on():
    tower = Tower()
    before, wrong, after = tower.issue("bell"), tower.issue("bell", "wrong"), tower.issue("bell")
    siren, doubtful = tower.issue("siren", "wrong"), tower.issue("maybe", "neither")
    await tower.live(10)
    assert tower.done == [before, after]
    assert tower.told(wrong) == [("accepted", None), ("failed", "inbox.fault")]
    assert tower.told(siren) == [("accepted", None), ("failed", "inbox.fault")]
    assert tower.told(doubtful) == [("refused", "inbox.fault")]
    assert tower.faults == ["inbox.d KeyError"] * 3
    bodies = b"".join(entry.body for entry in tower.journal.lanes[Lane.SERVICE])
    assert b"what somebody typed" not in bodies


@simulated
async def test_an_end_that_cannot_be_written_is_told_without_its_detail():
    tower = Tower()
    odd = tower.issue("bell", "odd")
    await tower.live(10)
    assert tower.told(odd) == [("accepted", None), ("done", None)]
    assert tower.faults == ["inbox.d TypeError"]


@simulated
async def test_on_a_full_disk_an_emergency_sounds_once_and_the_rest_waits():
    tower = Tower()
    tower.journal.full = True
    bell, siren = tower.issue("bell"), tower.issue("siren")
    living = asyncio.ensure_future(tower.live(120))
    await asyncio.sleep(5)
    assert tower.done == [siren]
    later = tower.issue("siren")
    await asyncio.sleep(5)
    assert tower.done == [siren, later]
    assert tower.told(bell) == []
    tower.journal.full = False
    await until(lambda: tower.told(bell)[-1:] == [("done", None)])
    await living
    assert tower.done == [siren, later, bell]
    for name in (siren, later):
        assert ("done", None) in tower.told(name)
        assert not any(state in ("failed", "refused", "expired") for state, _ in tower.told(name))
    assert len(tower.asked_s) < 60


@simulated
async def test_a_process_that_starts_on_a_full_disk_still_hears_an_emergency():
    tower = Tower()
    first = tower.issue("bell")
    body = b'{"state":"accepted","deadline":{"boot":"x","at_ns":1},"kind":"bell","data":"{}"}'
    tower.journal.state["inbox-d", first] = body
    await tower.inbox.load()
    tower.journal.full = True
    siren = tower.issue("siren")
    living = asyncio.ensure_future(tower.live(200))
    await asyncio.sleep(5)
    assert tower.done == [siren]
    tower.journal.full = False
    await living
    assert tower.told(first)[0] == ("failed", "inbox.interrupted")


@simulated
async def test_a_poll_that_breaks_in_an_unforeseen_way_is_a_fault_and_goes_on():
    tower = Tower()
    tower.answers = [ZeroDivisionError(), [b"\xff", b"7", b'{"id":', b""]]
    bell = tower.issue("bell")
    await tower.live(20)
    assert tower.done == [bell]
    assert tower.faults == ["inbox.d ZeroDivisionError"]


@simulated
async def test_a_stop_leaves_nothing_that_goes_on():
    tower = Tower()
    tower.journal.full = True
    tower.issue("siren")
    await tower.live(5)
    assert len(asyncio.all_tasks()) == 1


@simulated
async def test_what_is_too_large_to_be_repeated_is_repeated_without_its_detail():
    tower = Tower()
    bell = tower.issue("bell", "a long story")
    await tower.live(5)
    append = tower.journal.append

    async def narrow(events, state=()):
        if any(b"a long story" in msgspec.json.encode(event.data) for event in events):
            raise UsageError("journal.too-large")
        return await append(events, state)

    tower.journal.append = narrow
    async with asyncio.TaskGroup() as acting:
        answered = await tower.inbox.handle_command(tower.queue[bell], acting)
    assert answered.stored
    assert tower.told(bell)[-1] == ("duplicate", None)
    assert tower.faults == []


@simulated
async def test_an_answer_that_can_never_be_written_holds_up_nothing():
    tower = Tower()
    append = tower.journal.append

    async def broken(events, state=()):
        if any(event.correlation == bad for event in events):
            raise ZeroDivisionError
        return await append(events, state)

    tower.journal.append = broken
    bad, bell = tower.issue("bell"), tower.issue("bell")
    await tower.live(30)
    assert tower.done == [bell]
    assert len(tower.asked_s) < 30


@simulated
async def test_an_emergency_that_waits_for_the_time_can_be_taken_back():
    tower = Tower()
    siren = tower.issue("siren")
    deadline = {"boot": "x", "at_ns": 1, "wall_ns": NOW_MS * 10**6}
    row = {"state": "accepted", "deadline": deadline, "kind": "siren", "data": "{}"}
    tower.journal.state["inbox-d", siren] = json.dumps({**row, "shelf": "urgent"}).encode()
    await tower.inbox.load()
    living = asyncio.ensure_future(tower.live(60))
    await asyncio.sleep(10)
    assert tower.done == []
    assert tower.inbox.cancel(siren) is not None
    await living
    assert tower.told(siren)[-1] == ("failed", "inbox.cancelled")
