"""The invariant, under schedules of faults that hypothesis invents, in virtual time.

For the follower: every number ever issued is stored by the platform, or inside a gap that was
reported to it; nothing is reported as a gap that could have been sent; each lane arrives in order
where one batch is under way at a time.
"""

import asyncio
import os
import random
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from gateway.errors import BadReceipt, DeliveryRejected, PlatformUnreachable
from gateway.event import Lane
from gateway.upstream.feed import batch_source
from gateway.upstream.feed.throughput import FLIGHTS_MAX
from tests.sim.loop import run
from tests.upstream.fake_platform import lost, no_receipt
from tests.upstream.harness import Rig

SEED = int(os.environ.get("YIZHAN_SEED", "20261123"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))

LANES = st.sampled_from(list(Lane))
MOODS = st.sampled_from(
    ["normal", "away", "no-receipt", "lost", "busy", "refuses", "small", "lies", "slow", "jumbled"]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fact"), LANES, st.integers(1, 150) | st.sampled_from([300, 700])),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.004, 0.02, 1.0, 90.0])),
        st.tuples(st.just("mood"), MOODS),
        st.tuples(st.just("kill"), st.integers(0, 100)),
        st.tuples(st.just("evict"), LANES, st.integers(0, 100), st.integers(1, 40)),
        st.tuples(st.just("poison"), LANES, st.integers(1, 60)),
        st.tuples(st.just("reject"), LANES, st.integers(1, 60)),
        st.tuples(st.just("forget"), LANES, st.integers(0, 100)),
        st.tuples(st.just("newest"), st.booleans()),
    ),
    min_size=4,
    max_size=40,
)


class Story:
    """One schedule, played against a sender; what it may cost is written down as it happens."""

    def __init__(self, *, retaining: bool = True) -> None:
        self.rig = Rig(retaining=retaining)
        self.positions = [dict(self.rig.follower.position)]
        self.excused: set[tuple[str, int]] = set()
        self.orderly = set(Lane)
        self.sending: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.rig.sender = self.rig.new_sender()
        self.sending = asyncio.ensure_future(self.rig.sender.run())

    async def fact(self, lane: Lane, count: int) -> None:
        self.positions.append(dict(self.rig.follower.position))
        await self.rig.fact(lane, count)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def kill(self, percent: int) -> None:
        """The process dies; the position on disk may be an older one."""
        assert self.sending is not None
        self.sending.cancel()
        await asyncio.wait([self.sending])
        if self.rig.follower.retaining:
            self.positions.append(dict(self.rig.follower.position))
            self.rig.follower.position = dict(self.positions[len(self.positions) * percent // 101])
        else:  # it stands at the end, above what the platform has
            self.rig.restarted()
            self.orderly.clear()
        self.start()

    async def evict(self, lane: Lane, percent: int, count: int) -> None:
        head = self.rig.journal.heads()[lane]
        first = 1 + head * percent // 101
        last = min(head, first + count - 1)
        overlaps = any(a <= last and first <= b for a, b in self.rig.journal.gone[lane])
        if first <= last and not overlaps:
            self.rig.journal.evict(lane, first, last)
            self.excused |= {(lane.wire, seq) for seq in range(first, last + 1)}

    async def poison(self, lane: Lane, seq: int) -> None:
        self.rig.platform.indigestible.add((lane.wire, seq))
        self.excused.add((lane.wire, seq))

    async def reject(self, lane: Lane, seq: int) -> None:
        self.rig.platform.rejects.add((lane.wire, seq))
        self.excused.add((lane.wire, seq))

    async def forget(self, lane: Lane, percent: int) -> None:
        """The platform is put back to an older state of its store."""
        platform = self.rig.platform
        platform.forget(lane.wire, platform.upto(lane.wire) * percent // 101)
        self.orderly.discard(lane)

    async def newest(self, wanted: bool) -> None:  # hypothesis counts it out
        """The platform says what it holds, or not any more."""
        self.rig.platform.holds = wanted
        self.orderly.clear()

    async def mood(self, mood: str) -> None:
        platform = self.rig.platform
        platform.jitter_s = 4.0 if mood == "jumbled" else 0.0
        platform.away, platform.before, platform.after = False, None, None
        platform.delay_s = 30.0 if mood == "slow" else 0.005
        if mood in {"slow", "jumbled"}:  # several are under way, and need not come in their turn
            self.orderly.clear()
        if mood == "away":
            platform.away = True
        elif mood == "lies":
            platform.after = _epoch_lie
        elif mood == "lost":
            platform.after = lost
        elif mood in _BEFORE:
            platform.before = _BEFORE[mood]

    async def end(self) -> None:
        await self.mood("normal")
        for lane in Lane:  # a platform that forgot the last numbers learns of them by the next
            await self.fact(lane, 1)
        await self.rig.until_settled(within_s=20_000)
        assert self.sending is not None
        assert not self.sending.done()
        self.sending.cancel()

    def check(self) -> None:
        platform, heads = self.rig.platform, self.rig.journal.heads()
        for lane in Lane:
            assert platform.settled(lane.wire) >= {*range(1, heads[lane] + 1)}
            order = [seq for name, seq in platform.order if name == lane.wire]
            assert lane not in self.orderly or order == sorted(order)
        gaps = {(name, seq) for name, seqs in platform.gaps.items() for seq in seqs}
        assert gaps <= self.excused
        assert {lane.wire: platform.upto(lane.wire) for lane in Lane} == {
            lane.wire: seq for lane, seq in heads.items()
        }


def _busy(_batch: object) -> None:
    raise PlatformUnreachable("upstream.busy", status=503, retry_after_s=2.0)


def _refuses(_batch: object) -> None:
    raise DeliveryRejected("upstream.refused", status=500)


def _epoch_lie(_batch: object) -> None:
    raise BadReceipt("upstream.receipt-epoch")


def _small(batch) -> None:
    if len(batch.entries) > 7:
        raise DeliveryRejected("upstream.too-large", status=413)


_BEFORE = {"busy": _busy, "refuses": _refuses, "small": _small, "no-receipt": no_receipt}


async def play(steps: list[tuple], *, retaining: bool) -> None:
    story = Story(retaining=retaining)
    story.start()
    with mock.patch.object(batch_source, "LIVE_BEHIND_MAX", 40):
        for name, *arguments in steps:
            await getattr(story, name)(*arguments)
        await story.end()
    story.check()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.booleans())
def test_no_schedule_of_faults_loses_a_number(steps, retaining):
    run(play(steps, retaining=retaining))


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_no_schedule_of_faults_loses_a_number_at_length():
    played = 0

    @seed(SEED)
    @settings(
        max_examples=max(10, int(3000 * SHARE)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS, st.booleans())
    def schedules(steps, retaining):
        nonlocal played
        played += 1
        run(play(steps, retaining=retaining))

    schedules()
    print(f"{played} schedules of faults, seed {SEED}: every number stored or in a gap")


@pytest.mark.parametrize("lane", [Lane.TELEMETRY, Lane.ALARM])
def test_a_bad_event_in_a_hole_is_found_while_newer_ones_go_on(lane):
    """Found by a schedule: two batches, one refused and one taken, followed each other for ever."""

    async def story() -> int:
        made = Story()
        made.start()
        await made.fact(lane, 91)
        await made.wait(90.0)
        await made.poison(lane, 20)
        await made.forget(lane, 2)
        before = len(made.rig.platform.batches)
        await made.fact(lane, 1)
        await made.rig.until_settled(within_s=30)
        made.sending.cancel()
        made.check()
        return len(made.rig.platform.batches) - before

    assert run(story()) < 40


def test_an_emergency_is_never_behind_what_is_less_urgent():
    async def story(rng: random.Random) -> None:
        rig = Rig()
        rig.platform.delay_s = rng.choice([0.001, 0.05, 1.0])
        await rig.fact(Lane.TELEMETRY, rng.randrange(1, 3000))
        await rig.fact(Lane.SERVICE, rng.randrange(1, 300))
        async with rig.running():
            await asyncio.sleep(rng.uniform(0, 3))
            before = len(rig.platform.batches)
            await rig.fact(Lane.EMERGENCY)
            # its own request, plus at most one that its courier had under way
            await asyncio.sleep(2 * rig.platform.delay_s + 0.001)
            assert ("emergency", 1) in rig.platform.stored
            assert ("emergency",) in rig.platform.batches[before : before + 1 + FLIGHTS_MAX]

    for number in range(30):
        run(story(random.Random(SEED + number)))
