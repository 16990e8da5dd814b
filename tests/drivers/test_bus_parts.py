"""The bus's pure parts: breaker, budget, quarantine, patience, queue, occupancy."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus import breaker as breaker_module
from drivers.bus.adaptive_timeout import FIRST_S, FLOOR_S, AdaptiveTimeout
from drivers.bus.breaker import (
    TABLE,
    TRIPS,
    WINDOW_S,
    WINDOW_SHARE,
    Breaker,
    BreakerEvent,
    BreakerState,
)
from drivers.bus.quarantine import ECHO_S, SUSPECT_REPLIES, Quarantine
from drivers.bus.queue import JobQueue
from drivers.bus.stats import DeviceStats, Occupancy
from drivers.contract import GarbledReply, NoReply, RequestRefused
from drivers.family import Transaction
from drivers.modbus import codec


def test_the_breakers_drawing_is_its_table() -> None:
    drawn = re.sub(r"\s+", " ", breaker_module.__doc__ or "")
    for state in BreakerState:
        assert state.name in drawn
    assert "CLOSED ──failures──► OPEN ──time──► PROBING ──answer──► CLOSED" in drawn
    arrows = {
        (BreakerState.CLOSED, BreakerEvent.FAILURES, BreakerState.OPEN),
        (BreakerState.OPEN, BreakerEvent.TIME, BreakerState.PROBING),
        (BreakerState.PROBING, BreakerEvent.ANSWER, BreakerState.CLOSED),
        (BreakerState.OPEN, BreakerEvent.ANSWER, BreakerState.CLOSED),
        (BreakerState.PROBING, BreakerEvent.FAILURE, BreakerState.OPEN),
        (BreakerState.PROBING, BreakerEvent.LINE, BreakerState.OPEN),
    }
    moves = {(old, sign, new) for (old, sign), new in TABLE.items() if old is not new}
    assert moves == arrows


def dead(timeout_s: float, seed: int) -> tuple[list[float], list[float]]:
    """Three hours of a dead device polled every 5 s: when it was asked, and when probed."""
    breaker, now_s, asked, delays = Breaker(random.Random(seed)), 0.0, [], []
    while now_s < 3 * WINDOW_S:
        if breaker.is_closed:
            now_s += 5
        else:
            delays.append(breaker.retry_at_s - now_s)
            now_s = breaker.retry_at_s
            breaker.begin_probe()
        now_s += timeout_s
        asked.append(now_s)
        breaker.record_failure(now_s, timeout_s)
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
        breaker.record_failure(10.0, 1.0)
    breaker.record_answer()
    assert breaker.is_closed
    for _ in range(TRIPS):
        assert breaker.is_closed
        breaker.record_failure(20.0, 1.0)
    assert 4 <= breaker.retry_at_s - 20 <= 6


def test_a_probe_cut_short_by_the_line_is_asked_again_at_once() -> None:
    breaker = Breaker(random.Random(1))
    for _ in range(TRIPS):
        breaker.record_failure(10.0, 1.0)
    breaker.begin_probe()
    breaker.on_line_up(12.0)
    assert (breaker.condition, breaker.retry_at_s) == (BreakerState.OPEN, 12.0)


def read(address: int, count: int = 2) -> Transaction:
    body = codec.read_request(1, 3, address, count)
    answer = codec.ExpectedReply.for_request(body)
    return Transaction(
        request=codec.rtu_frame(body),
        expect=codec.RtuExpect(answer),
        decode=lambda _: [],
        points=(),
    )


REPLY = codec.rtu_frame(bytes.fromhex("01 03 04 00 01 00 02"))
OTHER = codec.rtu_frame(bytes.fromhex("01 03 04 00 03 00 04"))
REFUSAL = codec.rtu_frame(bytes.fromhex("01 83 04"))


def acquainted() -> Quarantine:
    """One whose device has been heard before, alone."""
    rest = Quarantine(1.0)
    rest.suspect = 0
    return rest


def heard(rest: Quarantine, frame: bytes, now_s: float) -> float | None:
    """As the bus would show it a whole frame that nobody waits for."""
    (expect,) = rest.kins
    assert expect.find(frame, final=True) == (0, len(frame))
    return rest.match_surplus(expect.kin, frame, now_s)


def test_a_device_rests_until_a_late_window_has_passed_in_silence() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(0), 11.0) == 12.0
    assert heard(rest, REPLY, 11.5) == pytest.approx(1.5)
    assert rest.free_at_s(read(0), 11.5) == 12.5


def test_a_device_that_never_falls_silent_does_not_rest_for_ever() -> None:
    rest = acquainted()
    rest.record_answer(read(0), REPLY, 10.0, 10.1)
    now_s, free = 11.0, 0
    for _ in range(1000):  # another master asks it all the time, say
        heard(rest, REPLY, now_s)
        free += rest.free_at_s(read(0), now_s) <= now_s
        now_s += 0.3
    assert free > 300  # half of the time; a stray frame later on rests it again
    heard(rest, REPLY, now_s + 100)
    assert rest.free_at_s(read(0), now_s + 100) == now_s + 101


def test_what_could_be_taken_for_a_late_reply_is_not_asked() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(0), 12.0) == 12.0
    assert rest.free_at_s(read(100, 3), 12.0) == 12.0  # another length: cannot be mistaken
    assert rest.free_at_s(read(100), 12.0) == 40.0


def test_a_refusal_of_the_same_function_is_believed_of_nobody_else_while_one_is_owed() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    assert rest.doubts_refusals(read(100, 3), 12.0)
    assert not rest.doubts_refusals(read(0), 12.0)
    assert not rest.doubts_refusals(read(100, 3), 40.0)
    good_only = read(100, 3).expect.good_only()
    assert good_only.find(REFUSAL, final=True) is None
    assert read(100, 3).expect.find(REFUSAL, final=True) == (0, 5)


def test_after_a_refusal_nothing_of_the_kind_is_asked_before_its_echo_is_over() -> None:
    rest = acquainted()
    rest.record_answer(read(0), REFUSAL, 10.0, 10.1)
    rest.record_refusal(read(0))
    assert rest.free_at_s(read(100, 3), 10.1) == pytest.approx(10.1 + ECHO_S)
    assert rest.free_at_s(read(0), 10.1) == 0.0


def test_an_answer_shows_how_late_the_next_may_be_but_settles_nothing_at_once() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    rest.record_answer(read(0), REPLY, 28.9, 29.0)  # perhaps the answer to the first, 19 s old
    assert rest.free_at_s(read(0), 29.0) == 12.0
    assert rest.free_at_s(read(100), 29.0) == pytest.approx(28.9 + 1.5 * 19 + 1)
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    rest.record_answer(read(0), REPLY, 12.9, 13.0)
    assert rest.free_at_s(read(100), 13.5) == pytest.approx(12.9 + 10)  # it may be overtaken
    assert heard(rest, REPLY, 15.9) == pytest.approx(3.0)


def test_where_another_waits_for_a_doubt_to_end_it_is_not_renewed() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(100), 12.0) == 40.0
    assert rest.free_at_s(read(0), 12.0) == 12.0  # not even its lateness is known
    rest.record_answer(read(0), REPLY, 12.0, 12.1)
    until_s = rest.free_at_s(read(100), 13.0)
    assert rest.free_at_s(read(0), 13.0) == until_s < 23
    assert rest.free_at_s(read(100), until_s) <= until_s


def test_an_answer_of_another_look_pays_for_nothing() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    rest.record_answer(read(100, 3), REPLY, 12.1, 12.2)
    assert rest.free_at_s(read(100), 12.9) == 40.0


def test_a_reply_that_never_comes_is_given_up() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    assert rest.free_at_s(read(100), 39.9) == 40.0
    assert rest.free_at_s(read(100), 40.0) <= 40.0
    assert heard(rest, REPLY, 40.0) is None


def test_who_was_asked_again_at_once_and_was_late_after_all_has_not_answered_twice() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 10.2, window_s=0.1)
    assert rest.free_at_s(read(0), 10.2) == pytest.approx(10.3)
    rest.record_answer(read(0), REPLY, 10.3, 10.35)  # the first one's
    assert heard(rest, REPLY, 10.36) == pytest.approx(0.06)
    assert not rest.twice
    assert heard(rest, REPLY, 10.4) is None  # both have come
    assert rest.twice


def test_debts_are_bounded() -> None:
    rest = acquainted()
    for n in range(100):
        rest.record_failure(read(0), 10.0 + n / 10, 11.0 + n / 10)
    paid = 0
    while heard(rest, REPLY, 21.0) is not None:
        paid += 1
    assert paid == 16


def test_a_whole_reply_that_nobody_has_asked_for_is_a_surplus_and_rests_the_device() -> None:
    rest = acquainted()
    rest.record_answer(read(0), REPLY, 10.0, 10.1)
    assert not rest.twice
    assert heard(rest, OTHER, 10.15) is None
    assert rest.twice
    assert rest.suspect == SUSPECT_REPLIES
    assert rest.free_at_s(read(0), 10.2) == pytest.approx(11.15)
    assert rest.upset_s == 10.15


def test_a_repetition_word_for_word_speaks_against_no_value() -> None:
    rest = acquainted()
    rest.record_answer(read(0), REPLY, 10.0, 10.1)
    assert heard(rest, REPLY, 10.15) is None
    assert rest.suspect == SUSPECT_REPLIES
    assert rest.upset_s < 0


def test_an_echo_is_a_surplus_even_while_something_is_owed() -> None:
    rest = acquainted()
    rest.record_failure(read(0), 10.0, 11.0)
    rest.record_answer(read(0), REPLY, 12.0, 12.1)
    assert heard(rest, REPLY, 12.3) is None
    assert heard(rest, REPLY, 13.3) == pytest.approx(1.3)


def test_a_surplus_is_disproved_by_what_it_may_have_followed_only() -> None:
    rest, one, two, other = acquainted(), read(0), read(10, 2), read(20, 3)
    longer = codec.rtu_frame(bytes.fromhex("01 03 06 00 01 00 02 00 03"))
    rest.regular = frozenset(each.request for each in (one, two, other))
    rest.record_answer(other, longer, 9.0, 9.1)
    rest.record_answer(one, REPLY, 10.0, 10.1)
    heard(rest, OTHER, 10.2)
    assert rest.doubled == {one.request: SUSPECT_REPLIES}
    rest.record_answer(two, REPLY, 20.0, 20.1)
    heard(rest, OTHER, 20.2)
    half = SUSPECT_REPLIES // 2
    assert rest.doubled == {one.request: half, two.request: half}
    for n in range(SUSPECT_REPLIES):
        rest.record_answer(other, longer, 30.0 + n, 30.1 + n)
    for n in range(half):
        rest.record_answer(one, REPLY, 70.0 + n, 70.1 + n)
    assert rest.twins
    assert rest.doubled == {two.request: half}
    parts = [read(10, 1).request, read(11, 1).request]
    rest.replan([two.request], parts)
    assert rest.doubled == dict.fromkeys(parts, half)
    rest.replan(parts, [])  # the device does not have them: any others must do
    for n in range(half):
        assert rest.is_unsure
        rest.record_answer(other, longer, 90.0 + n, 90.1 + n)
    assert not rest.is_unsure
    assert not rest.twins


def test_what_could_be_taken_for_the_reply_before_waits_until_that_cannot_come_again() -> None:
    rest = Quarantine(1.0)
    for at_s in (0.0, 5.0):
        assert rest.is_unsure  # a stranger: there may be two
        rest.record_answer(read(0), REPLY, at_s, at_s + 0.1)
    assert not rest.is_unsure
    rest.record_answer(read(0), REPLY, 10.0, 10.1)
    assert rest.free_at_s(read(100), 10.11) == pytest.approx(10.1 + ECHO_S)
    assert rest.free_at_s(read(100, 3), 10.11) == 0.0
    assert rest.free_at_s(read(0), 10.11) == 0.0


def test_after_a_surplus_every_answer_is_unsure_until_enough_have_been_alone() -> None:
    rest = acquainted()
    rest.record_answer(read(0), REPLY, 10.0, 10.1)
    heard(rest, OTHER, 10.2)
    for n in range(SUSPECT_REPLIES):
        at_s = 20.0 + n
        assert rest.is_unsure
        rest.record_answer(read(0), REPLY, at_s, at_s + 0.1)
        if n + 1 < SUSPECT_REPLIES:
            assert rest.free_at_s(read(0), at_s + 0.1) == pytest.approx(at_s + 0.1 + ECHO_S)
    assert not rest.is_unsure


@given(rtts=st.lists(st.floats(0.001, 5), min_size=8, max_size=50), most=st.floats(0.3, 3))
def test_patience_stays_between_the_floor_and_the_settings(rtts, most) -> None:
    patience = AdaptiveTimeout(most)
    assert patience.timeout_s == min(FIRST_S, most)
    for rtt_s in rtts:
        patience.record_reply(rtt_s)
    assert FLOOR_S <= patience.timeout_s <= most
    assert patience.timeout_s >= min(max(rtts) * 2.8, most)


def test_who_was_never_heard_is_waited_for_twice_as_long_each_time() -> None:
    patience = AdaptiveTimeout(1.0, reply_s=0.1)
    waits = []
    for _ in range(4):
        waits.append(patience.timeout_s)
        patience.record_timeout()
    assert waits == pytest.approx([0.4, 0.7, 1.0, 1.0])
    patience.record_reply(0.05)
    assert patience.timeout_s == 1.0


def test_each_time_out_doubles_the_wait() -> None:
    patience = AdaptiveTimeout(2.0)
    for _ in range(8):
        patience.record_reply(0.03)
    waits = []
    for _ in range(5):
        waits.append(patience.timeout_s)
        patience.record_timeout()
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0])


def test_who_is_late_twice_is_waited_for_beyond_the_settings_until_silent_again() -> None:
    patience = AdaptiveTimeout(1.0)
    patience.record_late(4.0)
    assert (patience.timeout_s, patience.is_beyond) == (1.0, False)
    patience.record_late(4.0)
    for _ in range(8):
        patience.record_reply(4.0)
    assert (patience.timeout_s, patience.is_beyond) == (6.0, True)
    for _ in range(3):
        patience.record_timeout()
    assert (patience.timeout_s, patience.is_beyond) == (1.0, False)


def test_an_answer_much_later_than_usual_is_unusual_and_who_answers_at_once_is_swift() -> None:
    patience = AdaptiveTimeout(1.0)
    assert not patience.is_unusual(0.9)  # nothing is usual yet
    for _ in range(8):
        assert not patience.is_swift
        patience.record_reply(0.02)
    assert patience.is_swift
    assert not patience.is_unusual(0.05)
    assert patience.is_unusual(0.07)
    patience.record_reply(0.07)
    assert not patience.is_swift
    assert not patience.is_unusual(0.07)


def test_where_alarm_inputs_wait_nobody_is_waited_for_longer_than_it_needs() -> None:
    patience = AdaptiveTimeout(1.0, 0.3)
    assert patience.timeout_s == 0.3
    for _ in range(20):
        patience.record_timeout()
    assert patience.timeout_s == 0.3
    assert patience.probe_s == FLOOR_S
    patience.record_late(0.5)
    assert patience.timeout_s == patience.probe_s == pytest.approx(0.75)
    for _ in range(5):
        patience.record_late(4.0)
    assert patience.timeout_s == patience.probe_s == 1.0


class Ticket:
    def __init__(self, name: str, priority: int, deadline_s: float, ready_s: float = 0.0) -> None:
        self.name, self.priority, self.deadline_s = name, priority, deadline_s
        self._ready_s = ready_s

    def ready_s(self, now_s: float) -> float:
        return self._ready_s


def test_the_queue_goes_by_urgency_then_deadline_among_those_that_may_go() -> None:
    queue: JobQueue[Ticket] = JobQueue()
    for ticket in (
        Ticket("meter", 5, 20), Ticket("earlier", 5, 10), Ticket("alarm", 1, 90),
        Ticket("resting", 0, 0, ready_s=50),
    ):  # fmt: skip
        queue.put(ticket)
    order = []
    while (taken := queue.pop_ready(40))[0] is not None:
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
    for fault in (NoReply("a"), GarbledReply("b"), RequestRefused("c"), NoReply("d")):
        stats.record_fault(fault)
    for rtt_s in (0.004, 0.03, 9.0):
        stats.record_reply(rtt_s)
    assert (stats.timeouts, stats.crc, stats.exceptions) == (2, 1, 1)
    assert stats.rtt == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
