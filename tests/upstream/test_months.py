"""Months of a district's commands through one inbox, killed now and then."""

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from gateway.clock import Clock
from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.errors import PlatformUnreachable
from gateway.event import Trust
from gateway.signing import Signer
from gateway.upstream.inbox import command_store as shelves
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import UNREACHABLE, PollAnswer, PollPosition
from tests.sim.clock import SimulatedKernel
from tests.sim.loop import START_S, run
from tests.upstream.ledger import STATION, MemoryJournal

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
HAND = Signer(b"the platform's hand, in the test")
NOW_MS = 1_795_000_000_000
DAY_S = 86_400
AWAY_S = 1200
RIDES_A_DAY, UPDATES = 20, 3
FINAL = {"done", "failed", "refused", "expired"}


class Said(msgspec.Struct):
    text: str = ""


class Due(NamedTuple):
    """Something that happens at that second of the simulation."""

    at_s: float
    what: str


class District:
    """The platform and its station; what each has seen."""

    def __init__(self, seed: int, *, cursors: bool) -> None:
        self.rng = random.Random(seed)
        self.cursors = cursors
        self.journal = MemoryJournal()
        self.queue: list[tuple[str, bytes]] = []
        self.open: dict[str, tuple[int, bytes]] = {}
        self.told: dict[str, list[tuple[str, str | None]]] = {}
        self.done: Counter[str] = Counter()
        self.kinds: dict[str, str] = {}
        self.changed = asyncio.Event()
        self.boots = self.kills = self.appends = 0
        self.rows_max = self.bytes_max = 0
        self.away_until_s = 0.0
        self._append, self.journal.append = self.journal.append, self.append
        self.boot()

    def boot(self) -> None:
        loop = asyncio.get_running_loop()
        self.boots += 1
        self.clock = Clock(f"{self.boots:016x}", SimulatedKernel(
            boottime=lambda: round(loop.time() * 1e9)))  # fmt: skip

    def now_ms(self) -> int:
        return NOW_MS + round((asyncio.get_running_loop().time() - START_S) * 1000)

    async def append(self, events, state=()):
        made = await self._append(events, state)
        for entry in made:
            receipt = json.loads(b"{" + entry.body)["data"]
            of, said = receipt["of"], (receipt["state"], receipt.get("reason_code"))
            self.told.setdefault(of, []).append(said)
            if said[0] in FINAL:
                self.open.pop(of, None)
        self.appends += 1
        if self.appends % 20 == 0:
            self.weigh()
        for lane in self.journal.lanes.values():
            lane.clear()  # the platform has receipted it, and the test has seen it
        return made

    def weigh(self) -> None:
        kept = [body for (room, _), body in self.journal.state.items() if room.startswith("inbox")]
        self.rows_max = max(self.rows_max, len(kept))
        self.bytes_max = max(self.bytes_max, sum(map(len, kept)))

    def issue(self, kind: str, ttl_s: int, text: str = "") -> None:
        skew_ms = self.rng.choice((0, 0, -40, -900, 300)) if self.cursors else 0
        name = uuid7(self.now_ms() + skew_ms)
        body = {
            "id": name,
            "kind": kind,
            "station": STATION,
            "issued": rfc3339(self.now_ms()),
            "expires": rfc3339(self.now_ms() + ttl_s * 1000),
            "data": {"text": text},
        }
        raw = json.dumps({**body, "signature": HAND.sign(body)}).encode()
        self.queue.append((name, raw))
        self.open[name] = (len(self.queue), raw)
        self.kinds[name] = kind
        self.changed.set()

    async def act(self, said: Said, mandate) -> dict:
        self.done[mandate.id] += 1
        await asyncio.sleep(self.rng.choice((0.0, 0.01, 2.0)))
        return {"text": said.text}

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        await asyncio.sleep(0.02)
        if asyncio.get_running_loop().time() < self.away_until_s:
            await asyncio.sleep(5)
            raise PlatformUnreachable(UNREACHABLE)
        ends_s = asyncio.get_running_loop().time() + wait_s
        while True:
            begin = int(since.cursor) if since.cursor else 0
            found = [
                each
                for name, each in self.open.items()
                if (each[0] > begin if since.cursor else name > since.after)
            ][:32]
            if found:
                cursor, raws = found[-1][0], [raw for _, raw in found]
                if self.rng.random() < 0.02:
                    raws.append(self.rng.choice(self.queue)[1])  # and an old one once more
                return PollAnswer(raws, str(cursor) if self.cursors else "")
            self.changed.clear()
            left_s = ends_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                return PollAnswer([], str(len(self.queue)) if self.cursors else "")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self.changed.wait()

    def inbox(self) -> Inbox:
        kinds = [
            CommandKind("ride.update", Said, self.act),
            CommandKind("settings.apply", Said, self.act),
            CommandKind("broadcast.siren", Said, self.act, ExecutionGuarantee.AT_LEAST_ONCE),
            ping_command(self.clock),
        ]
        return Inbox(
            "d", self.journal, self.clock, station=STATION, kinds=kinds,
            keys=CommandKeys(Path("/nowhere"), HAND.public),
        )  # fmt: skip

    async def start(self) -> asyncio.Task:
        self.clock.learn(Trust.NTP, self.now_ms() * 1_000_000, 1_000_000)
        inbox = self.inbox()
        await inbox.load()
        return asyncio.ensure_future(inbox.run(self, random.Random(self.rng.random())))

    def day(self, begins_s: float) -> list[Due]:
        rng, found = self.rng, []
        for _ in range(RIDES_A_DAY):
            at_s = begins_s + rng.uniform(0, DAY_S - 3000)
            found += [Due(at_s + n * rng.uniform(60, 900), "ride") for n in range(UPDATES)]
        for what, most in (("siren", 3), ("settings", 2), ("ping", 24), ("kill", 3), ("away", 1)):
            found += [
                Due(begins_s + rng.uniform(0, DAY_S), what) for _ in range(rng.randint(0, most))
            ]
        if rng.random() < 0.15:
            found.append(Due(begins_s + rng.uniform(0, DAY_S), "reboot"))
        return sorted(found)


async def live(days: int, seed: int, *, cursors: bool) -> District:
    district, loop = District(seed, cursors=cursors), asyncio.get_running_loop()
    running = await district.start()
    for number in range(days):
        for due in district.day(START_S + number * DAY_S):
            await asyncio.sleep(max(0.0, due.at_s - loop.time()))
            assert not running.done(), running
            match due.what:
                case "ride":
                    district.issue("ride.update", 3600)
                case "siren":
                    district.issue("broadcast.siren", 1800)
                case "settings":
                    district.issue("settings.apply", 30 * DAY_S, "x" * 20_000)
                case "ping":
                    district.issue("ping", 20 * DAY_S)
                case "away":
                    district.away_until_s = loop.time() + AWAY_S
                case what:
                    running.cancel()
                    await asyncio.wait([running])
                    district.kills += 1
                    if what == "reboot":
                        district.boot()
                    running = await district.start()
    await asyncio.sleep(2 * DAY_S)
    running.cancel()
    await asyncio.wait([running])
    return district


def judged(days: int, seed: int, *, cursors: bool) -> str:
    district = run(live(days, seed, cursors=cursors))
    busy = Counter(
        district.kinds[name]
        for name, states in district.told.items()
        if ("refused", "inbox.busy") in states
    )
    doubled = [name for name, times in district.done.items() if times > 1]
    sirens = [name for name, kind in district.kinds.items() if kind == "broadcast.siren"]
    refused = [name for name in sirens if any(s == "refused" for s, _ in district.told[name])]
    assert {district.kinds[name] for name in doubled} <= {"broadcast.siren"}
    assert (busy["broadcast.siren"], busy["ride.update"], busy["settings.apply"]) == (0, 0, 0)
    assert refused == []
    assert not district.open
    assert district.rows_max <= sum(shelves.ROWS_MAX.values()) + 8
    assert district.bytes_max <= 2 * shelves.DETAILS_BYTES_MAX
    return (
        f"{days} days, seed {seed}, {'cursors' if cursors else 'ids'}: {len(district.queue)}"
        f" commands ({len(sirens)} emergencies), {district.kills} kills; busy: {dict(busy)},"
        f" {len(doubled)} done twice, at most {district.rows_max} rows,"
        f" {district.bytes_max >> 10} KiB"
    )


@pytest.mark.parametrize("cursors", [False, True])
def test_two_days_of_a_district(cursors):
    judged(2, SEED, cursors=cursors)


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("cursors", [False, True])
def test_months_of_a_district(cursors):
    print(judged(max(20, int(365 * SHARE)), SEED, cursors=cursors))
