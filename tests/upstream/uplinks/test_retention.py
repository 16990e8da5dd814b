"""What a transported batch lets the journal delete: nothing for an hour, and it travels on."""

from functools import partial

from gateway.event import Lane
from gateway.upstream.feed.retention import KEPT_S, TransportedFollower
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.contract import Delivery, DeliveryReceipt, EventBatch
from tests.sim.loop import simulated
from tests.upstream.harness import Rig, loop_clock, until
from tests.upstream.ledger import STATION, MemoryJournal

S = 1_000_000_000


def test_the_journal_is_let_go_of_only_after_the_time_it_is_kept() -> None:
    now_ns = 0
    journal = MemoryJournal()
    journal.lanes[Lane.ALARM] = [None] * 9  # type: ignore[list-item]
    inner = journal.follower("post", retaining=True)
    follower = TransportedFollower(inner, lambda: now_ns)
    follower.receipt({Lane.ALARM: 3})
    assert (follower.position[Lane.ALARM], inner.position[Lane.ALARM]) == (3, 0)
    now_ns = 60 * S
    follower.receipt({Lane.ALARM: 9})
    now_ns = round(KEPT_S * S) - 1
    follower.receipt({})
    assert inner.position[Lane.ALARM] == 0
    now_ns += 1
    follower.receipt({})
    assert inner.position[Lane.ALARM] == 3
    now_ns += 60 * S
    follower.receipt({})
    assert (follower.position[Lane.ALARM], inner.position[Lane.ALARM]) == (9, 9)


class Post:
    """Takes whatever comes; nobody knows where it ends."""

    def __init__(self) -> None:
        self.taken: list[tuple[Lane, int]] = []

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        self.taken += [(entry.lane, entry.seq) for entry in batch.entries]
        upto = {entry.lane.wire: entry.seq for entry in batch.entries}
        return Delivery(DeliveryReceipt(batch.epoch, upto), 1)


def stands_at_the_end(follower: TransportedFollower, journal: MemoryJournal) -> bool:
    return follower.position == journal.heads()


@simulated
async def test_events_travel_once_and_a_restart_within_the_hour_sends_them_again() -> None:
    rig, post = Rig(), Post()
    clock = loop_clock()
    for _ in range(2):
        follower = TransportedFollower(rig.follower, clock.now_ns)
        rig.sender = Sender("post", follower, rig.journal, post, clock, station=STATION)
        async with rig.running():
            await rig.fact(Lane.TELEMETRY, 5)
            await until(partial(stands_at_the_end, follower, rig.journal), 60)
            assert rig.follower.position[Lane.TELEMETRY] == 0
    first, again = post.taken[:5], post.taken[5:]
    assert first == again[:5]
    assert len(again) == 10
    async with rig.running():
        await until(rig.settled, KEPT_S + 120, every_s=10)
    assert len(post.taken) == 15
