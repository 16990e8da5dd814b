"""How soon an order that lies at the platform is heard: roads that close, return, and cut."""

import asyncio
import contextlib
import itertools
import json
import os
import random
from pathlib import Path

import msgspec
import pytest

from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.errors import BadReceipt, DeliveryRejected, PlatformUnreachable
from gateway.event import Lane
from gateway.signing import Signer
from gateway.upstream.feed.sender import Sender
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_poll import CommandPoll
from gateway.upstream.inbox.idle_wait import (
    LONGER_AFTER_S,
    LONGER_AFTER_S_MAX,
    WAIT_S_MAX,
    WAIT_S_MIN,
    IdleWait,
)
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import BROKEN, TIMEOUT, PollAnswer, PollPosition
from tests.sim.loop import run, simulated
from tests.upstream.fake_platform import FakePlatform
from tests.upstream.harness import loop_clock
from tests.upstream.ledger import STATION, MemoryJournal, sample

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
HAND = Signer(b"the platform's hand, in the test")
NOW_MS = 1_795_000_000_000
CONNECT_S = 5.0


class Siren(msgspec.Struct):
    pass


class Town(FakePlatform):
    """A platform with one order to hand out, behind a road that is closed or cuts what is idle.

    `hangs`: a closed road swallows what is sent in place of refusing it. `cut_s`: so long a
    question may stay open; `says`: whether the end of it is heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.cut_s: float | None = None
        self.says = True
        self.order: bytes | None = None
        self.heard_s: float | None = None
        self.asked: list[tuple[float, float]] = []
        self.ended_s: list[float] = []
        self.changed = asyncio.Event()

    def be(self, *, away: bool) -> None:
        """The road closes, or is there again."""
        self.away = away
        self.changed.set()

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        self.asked.append((now_s(), wait_s))
        try:
            return await self._commands(since, wait_s)
        finally:
            self.ended_s.append(now_s())

    async def _commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        began_s = now_s()
        if self.away:
            await asyncio.sleep(CONNECT_S if self.hangs else 0.01)
            raise PlatformUnreachable("upstream.unreachable")
        while self.order is None or since.after:
            ends_s = began_s + wait_s
            cut_s = ends_s + 1 if self.cut_s is None else began_s + self.cut_s
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(ends_s, cut_s) - now_s()):
                    await self.changed.wait()
            if self.away or now_s() >= cut_s:
                await asyncio.sleep(0 if self.says else ends_s + CONNECT_S - now_s())
                raise PlatformUnreachable(BROKEN if self.says else TIMEOUT)
            if now_s() >= ends_s:
                return PollAnswer([])
        return PollAnswer([self.order])

    def issue(self) -> None:
        body = {
            "id": uuid7(NOW_MS),
            "kind": "siren",
            "station": STATION,
            "issued": rfc3339(NOW_MS),
            "expires": rfc3339(NOW_MS + 3_600_000),
        }
        self.order = json.dumps({**body, "signature": HAND.sign(body)}).encode()
        self.changed.set()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def sounds_after(seed: int, *, hangs: bool = False, alarm: bool = False) -> float:
    """Half an hour away; how long after the road's return the order sounds that lay there."""
    rng, town, clock, journal = random.Random(seed), Town(), loop_clock(), MemoryJournal()
    sounded = asyncio.Event()

    async def act(_asked: Siren, _mandate: object) -> None:
        sounded.set()

    sender = Sender(
        "d", journal.follower("d", retaining=True), journal, town, clock,
        station=STATION, rng=random.Random(seed),
    )  # fmt: skip
    inbox = Inbox(
        "d", journal, clock, station=STATION, keys=CommandKeys(Path("/nowhere"), HAND.public),
        kinds=[CommandKind("siren", Siren, act, ExecutionGuarantee.AT_LEAST_ONCE)],
    )  # fmt: skip
    sender.on_return, inbox.on_return = inbox.on_reconnected, sender.on_reconnected
    tasks = [asyncio.ensure_future(sender.run()), asyncio.ensure_future(inbox.run(town, rng))]
    await asyncio.sleep(rng.uniform(10, 70))
    town.hangs = hangs
    town.be(away=True)
    await asyncio.sleep(1800 + rng.uniform(0, 60))
    town.issue()
    if alarm:
        await journal.append([sample(Lane.ALARM, clock.stamp())])
    town.be(away=False)
    returned_s = now_s()
    await sounded.wait()
    took_s = now_s() - returned_s
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return took_s


RETURNS = max(12, int(60 * SHARE))


def late(seeds: int, **how: bool) -> list[float]:
    return sorted(run(sounds_after(SEED + seed, **how)) for seed in range(seeds))


def test_after_half_an_hour_away_an_emergency_order_sounds_within_two_seconds():
    waited_s = late(3)
    assert waited_s[-1] <= 2.0


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("alarm", [False, True])
def test_of_sixty_returns_of_the_road_none_is_heard_late(alarm):
    waited_s = late(RETURNS, alarm=alarm)
    print(f"{RETURNS} returns, seed {SEED}: worst {waited_s[-1]:.1f} s")
    print(f"an emergency order after half an hour away: median {waited_s[RETURNS // 2]:.1f} s")
    assert waited_s[-1] <= 2.0


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_where_the_closed_road_swallows_all_it_takes_no_longer_than_an_attempt():
    waited_s = late(RETURNS, hangs=True)
    print(f"{RETURNS} silent returns, seed {SEED}: worst {waited_s[-1]:.1f} s")
    assert waited_s[-1] <= CONNECT_S + 2.0


async def polled(town: Town, for_s: float, poll: CommandPoll | None = None) -> CommandPoll:
    """Ask for so long."""
    poll = poll or CommandPoll(town, random.Random(SEED))

    async def ask() -> None:
        while True:
            await poll.next_commands(PollPosition())

    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(for_s)
    asking.cancel()
    await asyncio.wait([asking])
    return poll


@simulated
@pytest.mark.parametrize("says", [True, False])
async def test_a_network_that_cuts_what_is_idle_is_learnt_and_never_backed_off_from(says):
    town = Town()
    town.cut_s, town.says = 30.0, says
    await polled(town, 3000)
    waits = [wait_s for _, wait_s in town.asked]
    assert waits[0] == WAIT_S_MAX
    assert set(waits[1:]) == {WAIT_S_MAX / 2}
    pauses = [at_s - end_s for end_s, (at_s, _) in zip(town.ended_s, town.asked[1:], strict=False)]
    assert max(pauses) < 0.1


@simulated
async def test_a_network_that_has_got_better_is_asked_for_longer_again():
    town = Town()
    town.cut_s = 20.0
    poll = await polled(town, 600)
    assert town.asked[-1][1] < 20
    town.cut_s = None
    await polled(town, 5 * LONGER_AFTER_S, poll)
    assert town.asked[-1][1] == WAIT_S_MAX


@simulated
async def test_the_road_that_opens_wakes_whoever_waits_and_replaces_what_hangs():
    town = Town()
    town.away = town.hangs = True
    poll = CommandPoll(town, random.Random(SEED))
    asking = asyncio.ensure_future(polled(town, 600, poll))
    await asyncio.sleep(302)
    town.away = False
    poll.on_reconnected()
    await asyncio.sleep(0.1)
    assert now_s() - town.asked[-1][0] < 0.2
    asked = len(town.asked)
    await asyncio.sleep(5)
    assert len(town.asked) == asked
    poll.on_reconnected()
    await asyncio.sleep(0.1)
    assert len(town.asked) == asked + 1
    poll.on_reconnected()  # the question is young: it was put on this road
    await asyncio.sleep(0.1)
    assert len(town.asked) == asked + 1
    await asking


@simulated
async def test_a_platform_that_refuses_is_asked_every_few_seconds_and_one_that_is_away_oftener():
    class Deaf(Town):
        error: Exception

        async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
            self.asked.append((now_s(), wait_s))
            raise self.error

    counts = {}
    for name, error in {
        "away": PlatformUnreachable("upstream.unreachable"),
        "refuses": DeliveryRejected("upstream.refused", status=500),
        "busy": PlatformUnreachable("upstream.busy", status=503, retry_after_s=300.0),
        "locked": DeliveryRejected("upstream.unauthorised", status=401),
        "garbled": BadReceipt("upstream.no-commands"),
    }.items():
        town = Deaf()
        town.error = error
        await polled(town, 3600)
        counts[name] = len(town.asked)
    assert 2300 < counts["away"] < 4500
    assert 600 < counts["refuses"] < 2000
    assert 300 < counts["busy"] < 400
    assert counts["locked"] < 60
    assert 600 < counts["garbled"] < 2000


def test_waits_halve_at_cuts_and_grow_ever_more_rarely():
    wait, cut = IdleWait(), PlatformUnreachable(BROKEN)
    assert wait.on_cut(cut, 30, 0.0)
    assert wait.wait_s == WAIT_S_MAX / 2
    now, tried = 0.0, []
    while now < 40 * LONGER_AFTER_S:
        now += 20.0
        wait.on_answered(now)
        if wait.wait_s > WAIT_S_MAX / 2:
            tried.append(now)
            assert wait.on_cut(cut, 28, now)
            assert wait.wait_s == WAIT_S_MAX / 2
    pauses = [later - before for before, later in itertools.pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= LONGER_AFTER_S_MAX + 20
    for _ in range(9):
        wait.on_cut(cut, 20, now)
    assert wait.wait_s == WAIT_S_MIN


def test_a_question_that_died_with_the_road_shortens_nothing():
    wait = IdleWait()
    assert wait.on_cut(PlatformUnreachable(TIMEOUT), 60, 0.0)
    wait.on_lost()
    assert wait.wait_s == WAIT_S_MAX
    assert wait.on_cut(PlatformUnreachable(BROKEN), 30, 0.0)
    wait.on_answered(1.0)
    wait.on_lost()
    assert wait.wait_s == WAIT_S_MAX / 2


@pytest.mark.parametrize(
    ("error", "after_s"),
    [
        (PlatformUnreachable("upstream.unreachable"), 30),
        (PlatformUnreachable(BROKEN), 1.0),
        (DeliveryRejected("upstream.refused", status=500), 30),
        (PlatformUnreachable("upstream.busy", status=503), 30),
    ],
)
def test_what_is_no_cut_changes_nothing(error, after_s):
    wait = IdleWait()
    assert not wait.on_cut(error, after_s, 0.0)
    assert wait.wait_s == WAIT_S_MAX
    assert wait.on_cut(PlatformUnreachable("upstream.busy", status=504), 30, 0.0)
