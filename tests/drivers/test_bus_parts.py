"""The bus's pure parts: breaker, budget, quarantine, patience, queue, occupancy."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus import breaker as breaker_module
from drivers.bus.breaker import TABLE, TRIPS, WINDOW_S, WINDOW_SHARE, Breaker, Condition, Sign
from drivers.bus.patience import FLOOR_S, Patience
from drivers.bus.quarantine import Quarantine
from drivers.bus.queue import Queue
from drivers.bus.stats import DeviceStats, Occupancy
from drivers.contract import Garbled, NoReply, Refused
from drivers.family import Transaction
from drivers.modbus import codec


def test_the_breakers_drawing_is_its_table() -> None:
    drawn = re.sub(r"\s+", " ", breaker_module.__doc__ or "")
    for state in Condition:
        assert state.name in drawn
    assert "CLOSED ──failures──► OPEN ──time──► PROBING ──answer──► CLOSED" in drawn
    arrows = {
        (Condition.CLOSED, Sign.FAILURES, Condition.OPEN),
        (Condition.OPEN, Sign.TIME, Condition.PROBING),
        (Condition.PROBING, Sign.ANSWER, Condition.CLOSED),
        (Condition.OPEN, Sign.ANSWER, Condition.CLOSED),
        (Condition.PROBING, Sign.FAILURE, Condition.OPEN),
        (Condition.PROBING, Sign.LINE, Condition.OPEN),
    }
    moves = {(old, sign, new) for (old, sign), new in TABLE.items() if old is not new}
    assert moves == arrows


def dead(timeout_s: float, seed: int) -> tuple[list[float], list[float]]:
    """Three hours of a dead device polled every 5 s: when it was asked, and when probed."""
    breaker, now_s, asked, delays = Breaker(random.Random(seed)), 0.0, [], []
    while now_s < 3 * WINDOW_S:
        if breaker.closed:
            now_s += 5
        else:
            delays.append(breaker.retry_at_s - now_s)
            now_s = breaker.retry_at_s
            breaker.probe()
        now_s += timeout_s
        asked.append(now_s)
        breaker.failed(now_s, timeout_s)
    return asked, delays


def test_back_off_doubles_up_to_five_minutes_with_jitter() -> None:
    _, delays = dead(1.0, seed=3)
    for delay, nominal in zip(delays, [5, 10, 20, 40, 80, 160, 300, 300, 300], strict=False):
        assert 0.8 * nominal <= delay <= 1.2 * nominal
    assert len({round(delay, 6) for delay in delays}) == len(delays)


@given(timeout_s=st.floats(0.2, 30), seed=st.integers(0, 99))
def test_a_dead_device_never_takes_more_than_its_share_of_any_hour(timeout_s, seed) -> None:
    asked, _ = dead(timeout_s, seed)
    for end_s in asked:
        within = sum(timeout_s for at_s in asked if end_s - WINDOW_S < at_s <= end_s)
        forced = TRIPS * timeout_s  # the breaker cannot know before it has tripped
        assert within <= max(WINDOW_S * WINDOW_SHARE, forced) + 1e-6


def test_one_answer_closes_the_breaker_and_forgets_the_back_off() -> None:
    breaker = Breaker(random.Random(1))
    for _ in range(TRIPS + 4):
        breaker.failed(10.0, 1.0)
    breaker.answered()
    assert breaker.closed
    for _ in range(TRIPS):
        assert breaker.closed
        breaker.failed(20.0, 1.0)
    assert 4 <= breaker.retry_at_s - 20 <= 6


def test_a_probe_cut_short_by_the_line_is_asked_again_at_once() -> None:
    breaker = Breaker(random.Random(1))
    for _ in range(TRIPS):
        breaker.failed(10.0, 1.0)
    breaker.probe()
    breaker.line_up(12.0)
    assert (breaker.condition, breaker.retry_at_s) == (Condition.OPEN, 12.0)


def read(address: int, count: int = 2) -> Transaction:
    body = codec.read(1, 3, address, count)
    answer = codec.Answer.to(body)
    return Transaction(
        request=codec.rtu(body), expect=codec.RtuExpect(answer), decode=lambda _: [], points=()
    )


REPLY = codec.rtu(bytes.fromhex("01 03 04 00 01 00 02"))


def test_a_device_rests_while_its_reply_may_come() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(0), 11.0) == 12.0
    assert rest.heard(REPLY[:5], 11.3, None) is None
    assert rest.heard(REPLY[5:], 11.5, None) == pytest.approx(1.5)
    assert rest.free_at_s(read(0), 11.5) == 11.5
    assert rest.free_at_s(read(100), 11.5) == 11.5


def test_what_could_be_taken_for_a_late_reply_is_not_asked() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(0), 12.0) == 12.0
    assert rest.free_at_s(read(100, 3), 12.0) == 12.0  # another length: cannot be mistaken
    assert rest.free_at_s(read(100), 12.0) == 40.0


def test_an_answer_pays_for_the_oldest_request_and_shows_how_late_the_next_may_be() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    rest.answered(read(0), 12.9, 13.0)  # perhaps the answer to the first, 3 s old
    assert rest.free_at_s(read(0), 13.0) <= 13.0
    assert rest.free_at_s(read(100), 13.0) == pytest.approx(12.9 + 1.5 * 3 + 1)
    assert rest.heard(REPLY, 15.9, None) == pytest.approx(3.0)
    assert rest.free_at_s(read(100), 15.9) <= 15.9


def test_an_answer_of_another_look_pays_for_nothing() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    rest.answered(read(100, 3), 12.1, 12.2)
    assert rest.free_at_s(read(100), 12.3) == 40.0


def test_the_answer_that_is_being_waited_for_is_no_debt() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    assert rest.heard(REPLY, 12.0, read(0).expect) is None
    assert rest.heard(b"", 12.1, None) == pytest.approx(2.1)


def test_a_reply_that_never_comes_is_given_up() -> None:
    rest = Quarantine(1.0)
    rest.timed_out(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(100), 39.9) == 40.0
    assert rest.free_at_s(read(100), 40.0) <= 40.0
    assert rest.heard(REPLY, 40.0, None) is None


def test_debts_are_bounded() -> None:
    rest = Quarantine(1.0)
    for n in range(100):
        rest.timed_out(read(0), 10.0 + n / 10, 11.0 + n / 10)
    paid = 0
    while rest.heard(REPLY, 21.0, None) is not None:
        paid += 1
    assert paid == 16


@given(rtts=st.lists(st.floats(0.001, 5), min_size=8, max_size=50), most=st.floats(0.3, 3))
def test_patience_stays_between_the_floor_and_the_settings(rtts, most) -> None:
    patience = Patience(most)
    assert patience.timeout_s == most
    for rtt_s in rtts:
        patience.replied(rtt_s)
    assert FLOOR_S <= patience.timeout_s <= most
    assert patience.timeout_s >= min(max(rtts) * 2.8, most)


def test_each_time_out_doubles_the_wait() -> None:
    patience = Patience(2.0)
    for _ in range(8):
        patience.replied(0.03)
    waits = []
    for _ in range(5):
        waits.append(patience.timeout_s)
        patience.timed_out()
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0])


class Ticket:
    def __init__(self, name: str, priority: int, deadline_s: float, ready_s: float = 0.0) -> None:
        self.name, self.priority, self.deadline_s = name, priority, deadline_s
        self._ready_s = ready_s

    def ready_s(self, now_s: float) -> float:
        return self._ready_s


def test_the_queue_goes_by_urgency_then_deadline_among_those_that_may_go() -> None:
    queue: Queue[Ticket] = Queue()
    for ticket in (
        Ticket("meter", 5, 20), Ticket("earlier", 5, 10), Ticket("alarm", 1, 90),
        Ticket("resting", 0, 0, ready_s=50),
    ):  # fmt: skip
        queue.put(ticket)
    order = []
    while (taken := queue.take(40))[0] is not None:
        order.append(taken[0].name)
    assert order == ["alarm", "earlier", "meter"]
    assert taken == (None, 50)
    assert len(queue) == 1


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=80))
def test_the_busy_share_is_that_of_the_last_minute(steps) -> None:
    now_s, busy = 1000.0, []
    occupied = Occupancy(now_s)
    for idle_s, used_s in steps:
        start_s = now_s + idle_s
        now_s = start_s + used_s
        occupied.add(start_s, now_s)
        busy.append((start_s, now_s))
    floor_s = int(now_s) - 59  # whole seconds
    taken_s = sum(max(0.0, end - max(start, floor_s)) for start, end in busy)
    window_s = min(max(now_s - 1000.0, 1.0), 60.0)
    assert occupied.share(now_s) == pytest.approx(min(taken_s / window_s, 1.0), abs=1e-6)


def test_the_busy_share_falls_when_nothing_goes_on() -> None:
    occupied = Occupancy(0.0)
    occupied.add(0.0, 30.0)
    assert occupied.share(60.0) == pytest.approx(29 / 60)
    assert occupied.share(3600.0) == 0.0


def test_a_device_counts_its_faults_by_kind_and_its_times_in_buckets() -> None:
    stats = DeviceStats()
    for fault in (NoReply("a"), Garbled("b"), Refused("c"), NoReply("d")):
        stats.fault(fault)
    for rtt_s in (0.004, 0.03, 9.0):
        stats.replied(rtt_s)
    assert (stats.timeouts, stats.crc, stats.exceptions) == (2, 1, 1)
    assert stats.rtt == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
