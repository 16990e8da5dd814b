"""Who may set the clock, who may change a time that is known, and what then expires."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from gateway.clock import Clock, ClockStep, Deadline, UplinkTimeSource
from gateway.clock.step_queue import ClockStepQueue
from gateway.clock.time_sample import SECOND_NS
from gateway.event import Trust
from tests.sim.clock import DAY_S, SimulatedClock

AHEAD_NS = 400 * DAY_S * SECOND_NS
FIRST = UplinkTimeSource("district", "a.example")
SECOND = UplinkTimeSource("police", "b.example")
# An optional uplink over http: heard only because the settings say so.
OPTIONAL = UplinkTimeSource("plain", "10.0.0.9", alone=False, secure=False)


def clock_of(*lenders: UplinkTimeSource) -> SimulatedClock:
    clock = SimulatedClock()
    clock.lend(lenders)
    return clock


def receipts(
    clock: SimulatedClock, says: dict[str, int], minutes: int, every_s: float = 60
) -> list[ClockStep]:
    """Receipts for so long; each platform's clock is off by so much. Every step that came of it."""
    steps = []
    for _ in range(round(minutes * 60 / every_s)):
        for name, off_ns in says.items():
            at_ns = clock.kernel.true_ns + off_ns
            steps.append(clock.learn(Trust.PLATFORM, at_ns, 50_000_000, name))
        clock.advance(every_s)
    return [step for step in steps if step is not None]


def off_s(clock: Clock) -> float:
    wall_ns = clock.stamp().wall_ns
    assert wall_ns is not None
    assert isinstance(clock, SimulatedClock)
    return (wall_ns - clock.kernel.true_ns) / SECOND_NS


@pytest.mark.parametrize("skew_s", [2, 2 * DAY_S])
@pytest.mark.parametrize("order", [("district", "police"), ("police", "district")])
def test_two_platforms_that_disagree_move_nothing_and_the_first_rules(
    order: Sequence[str], skew_s: int
) -> None:
    """It was 14,140 steps in twelve minutes."""
    clock = clock_of(FIRST, SECOND)
    says = {"district": 0, "police": skew_s * SECOND_NS}
    steps = receipts(clock, {name: says[name] for name in order}, 12, every_s=0.5)
    assert len(steps) <= 2
    assert off_s(clock) == pytest.approx(0, abs=0.1)
    assert clock.skew_s("police") == pytest.approx(skew_s, abs=0.2)
    assert clock.skew_s("district") == 0


def test_the_first_time_of_a_boot_comes_from_one_receipt() -> None:
    clock = clock_of(FIRST)
    assert clock.learn(Trust.PLATFORM, clock.kernel.true_ns, 0, "district") is not None
    assert off_s(clock) == 0


def test_the_first_time_of_a_boot_comes_from_an_optional_uplink_that_stays_with_it() -> None:
    clock = clock_of(FIRST, UplinkTimeSource("side", "d.example", required=False))
    receipts(clock, {"side": 0}, 2)
    assert clock.stamp().wall_ns is None
    receipts(clock, {"side": 0}, 1)
    assert off_s(clock) == pytest.approx(0, abs=0.1)


def test_an_optional_plain_uplink_never_sets_the_clock_alone() -> None:
    clock = clock_of(FIRST, OPTIONAL)
    receipts(clock, {"plain": AHEAD_NS}, 600)
    assert clock.stamp().wall_ns is None
    clock.learn(Trust.PERSON, clock.kernel.true_ns, SECOND_NS)
    receipts(clock, {"plain": AHEAD_NS}, 600)
    assert off_s(clock) == pytest.approx(0, abs=1)


def test_an_uplink_that_may_not_lend_time_is_only_compared() -> None:
    clock = clock_of(FIRST, UplinkTimeSource("other", "c.example", lends=False))
    receipts(clock, {"other": AHEAD_NS}, 10)
    assert clock.stamp().wall_ns is None
    receipts(clock, {"district": 0, "other": AHEAD_NS}, 10)
    assert off_s(clock) == pytest.approx(0, abs=0.1)
    assert clock.skew_s("other") == pytest.approx(AHEAD_NS / SECOND_NS, abs=1)
    assert clock.skew_s("nobody") is None


def test_one_wrong_receipt_changes_no_time_that_is_known() -> None:
    clock = clock_of(FIRST)
    receipts(clock, {"district": 0}, 10)
    for _ in range(100):
        assert not receipts(clock, {"district": AHEAD_NS}, 1)
        assert not receipts(clock, {"district": 0}, 1)
    assert off_s(clock) == pytest.approx(0, abs=0.1)


def test_a_wrong_first_time_is_outlived_by_the_right_one() -> None:
    """Two receipts minutes apart, NTP, a second source: each of them mends it."""
    clock = clock_of(FIRST, SECOND)
    receipts(clock, {"district": AHEAD_NS}, 1)
    (step,) = receipts(clock, {"district": 0}, 3)
    assert step.old is not None
    assert off_s(clock) == pytest.approx(0, abs=0.1)

    clock = clock_of(FIRST, SECOND)
    receipts(clock, {"district": AHEAD_NS}, 10)
    clock.kernel.hold()
    assert clock.poll() is not None
    assert off_s(clock) == pytest.approx(0, abs=0.1)

    clock = clock_of(FIRST, SECOND)
    receipts(clock, {"district": AHEAD_NS}, 10)
    clock.learn(Trust.METER, clock.kernel.true_ns, 5 * SECOND_NS, "em-b3")
    assert clock.learn(Trust.PLATFORM, clock.kernel.true_ns, 0, "police") is not None
    assert off_s(clock) == pytest.approx(0, abs=0.1)


def test_a_platform_that_changes_its_mind_must_stay_with_it_longer_each_time() -> None:
    clock = clock_of(FIRST)
    receipts(clock, {"district": 0}, 1)
    moved = [
        len(receipts(clock, {"district": SECOND_NS * 10 * (turn % 2)}, 5)) for turn in range(1, 20)
    ]
    assert moved[:2] == [1, 1]  # after two minutes, after four
    assert moved[2:] == [0] * 17


def test_small_words_do_not_add_up() -> None:
    """A platform that is 0.9 s further at each receipt has moved the clock by a slew an hour."""
    clock = clock_of(FIRST)
    creep_ns = 0
    for _ in range(1200):
        clock.learn(Trust.PLATFORM, clock.kernel.true_ns + creep_ns, 0, "district")
        clock.advance(1)
        creep_ns += SECOND_NS * 9 // 10
    assert off_s(clock) < 2


def test_a_process_that_starts_anew_in_a_boot_knows_the_time(tmp_path) -> None:
    kept = tmp_path / "clock"
    kernel = SimulatedClock().kernel
    clock = Clock("0" * 16, kernel, kept=kept)
    clock.learn(Trust.PLATFORM, kernel.true_ns, 0, "district")
    clock.keep()
    kernel.advance(30)
    again = Clock("0" * 16, kernel, kept=kept)
    assert again.stamp() == clock.stamp()
    assert again.learn(Trust.PLATFORM, kernel.true_ns + AHEAD_NS, 0, "district") is None
    assert Clock("1" * 16, kernel, kept=kept).stamp().wall_ns is None
    for garbage in (b"", b"{}", b'{"boot":"0000000000000000","kept":{}}', b"\xff" * 50):
        kept.write_bytes(garbage)
        assert Clock("0" * 16, kernel, kept=kept).stamp().wall_ns is None


def test_two_words_vouch_for_a_time_and_one_does_not() -> None:
    clock = clock_of(FIRST, SECOND, UplinkTimeSource("twin", "a.example"))
    receipts(clock, {"district": 0, "twin": 0}, 10)  # one site is one witness
    assert clock.vouched() is None
    receipts(clock, {"police": 0}, 1)
    assert clock.vouched() is not None
    clock.advance(DAY_S + 1)
    assert clock.vouched() is None


def test_ntp_vouches_until_a_platform_contradicts_it() -> None:
    clock = clock_of(FIRST)
    clock.kernel.hold()
    clock.poll()
    assert clock.vouched() is not None
    clock.learn(Trust.PLATFORM, clock.kernel.true_ns + 90 * SECOND_NS, 0, "district")
    assert clock.vouched() is None
    assert off_s(clock) == pytest.approx(0, abs=0.1)
    assert clock.status().doubt == "sources"


def test_the_expiry_clock_rises_by_two_words_and_sinks_by_none_of_them() -> None:
    clock = clock_of(FIRST, SECOND)
    start_ns = clock.floor_ns
    receipts(clock, {"district": AHEAD_NS}, 60)
    assert clock.floor_ns - start_ns < DAY_S * SECOND_NS  # one platform alone raises nothing
    receipts(clock, {"district": AHEAD_NS, "police": AHEAD_NS}, 60)
    high_ns = clock.floor_ns
    assert high_ns > clock.kernel.true_ns + AHEAD_NS - SECOND_NS
    clock.kernel.hold()
    clock.poll()
    receipts(clock, {"district": 0, "police": 0}, 60)
    assert off_s(clock) == pytest.approx(0, abs=0.1)
    assert clock.floor_ns >= high_ns
    assert clock.status().doubt == "floor"
    after = clock.rebooted()
    assert after.floor_ns >= high_ns


def test_a_person_who_agrees_with_the_right_sources_ends_a_wrong_floor() -> None:
    clock = SimulatedClock(floor_ns=SimulatedClock().kernel.true_ns + AHEAD_NS)
    clock.lend([FIRST])
    right_ns = clock.kernel.true_ns
    assert not clock.plausible(Trust.PERSON, right_ns, 90 * SECOND_NS)  # alone: never
    clock.kernel.hold()
    clock.poll()
    assert clock.status().doubt == "floor"
    assert clock.plausible(Trust.PERSON, right_ns, 90 * SECOND_NS)
    clock.learn(Trust.PERSON, right_ns, 90 * SECOND_NS)
    assert clock.floor_ns <= right_ns
    assert clock.status().doubt == ""


def test_a_platform_below_a_wrong_floor_sets_the_clock_when_it_stays_with_it() -> None:
    clock = SimulatedClock(floor_ns=SimulatedClock().kernel.true_ns + AHEAD_NS)
    clock.lend([FIRST])
    receipts(clock, {"district": 0}, 1)
    assert clock.stamp().wall_ns is None
    receipts(clock, {"district": 0}, 3)
    assert off_s(clock) == pytest.approx(0, abs=0.1)


def test_what_comes_over_an_uplink_is_judged_by_that_platforms_own_time() -> None:
    """A first platform that is 400 days ahead does not make the second one's orders expire."""
    clock = clock_of(FIRST, SECOND, OPTIONAL)
    receipts(clock, {"district": AHEAD_NS, "police": 0, "plain": -AHEAD_NS}, 10)
    assert off_s(clock) == pytest.approx(AHEAD_NS / SECOND_NS, abs=1)
    own_ns = clock.stamp_of("police").wall_ns
    assert own_ns is not None
    assert abs(own_ns - clock.kernel.true_ns) < SECOND_NS
    assert clock.stamp_of("plain") == clock.stamp()  # anybody could feign that
    clock.kernel.hold()
    clock.poll()
    receipts(clock, {"district": 0, "police": -AHEAD_NS}, 10)
    assert clock.stamp_of("police").wall_ns != own_ns
    assert clock.vouched() is not None  # two say so, and one does not
    assert clock.stamp_of("police") == clock.stamp()


def test_a_persons_second_word_replaces_his_first() -> None:
    clock = clock_of()
    clock.learn(Trust.PERSON, clock.kernel.true_ns + AHEAD_NS, SECOND_NS)
    assert clock.learn(Trust.PERSON, clock.kernel.true_ns, SECOND_NS) is not None
    assert off_s(clock) == 0


def test_a_hundred_meters_push_no_platform_out_and_a_silent_one_makes_room() -> None:
    clock = clock_of(FIRST)
    receipts(clock, {"district": 0}, 3)
    for number in range(100):
        clock.learn(Trust.METER, clock.kernel.true_ns + AHEAD_NS, SECOND_NS, f"m{number}")
    assert clock.skew_s("district") == 0
    assert clock.vouched() is None
    assert clock.status().doubt == ""  # a meter's clock is often wrong: nobody is asked for that
    clock.advance(DAY_S + 1)
    receipts(clock, {"district": 0}, 1)
    clock.learn(Trust.METER, clock.kernel.true_ns, SECOND_NS, "right")
    assert clock.vouched() is not None


def test_of_two_meters_alike_the_first_that_spoke_is_believed_in_every_process() -> None:
    """It was the one whose name a process happened to hash lower."""
    for number in range(20):
        clock = clock_of()
        for name, off_ns in ((f"first-{number}", 0), (f"second-{number}", SECOND_NS // 2)):
            clock.learn(Trust.METER, clock.kernel.true_ns + off_ns, 5 * SECOND_NS, name)
        assert off_s(clock) == 0


def test_a_dead_battery_yields_to_the_platform_which_it_never_seconds() -> None:
    clock = clock_of(FIRST)
    clock.learn(Trust.RTC, clock.kernel.true_ns - DAY_S * SECOND_NS, SECOND_NS)
    receipts(clock, {"district": 0}, 3)
    assert off_s(clock) == pytest.approx(0, abs=0.1)
    assert clock.vouched() is None
    vague_ns = 3600 * SECOND_NS
    clock.learn(Trust.METER, clock.kernel.true_ns, vague_ns, "em-b3")
    assert clock.vouched() is None  # who may be wrong by an hour seconds nobody


def test_steps_within_a_minute_are_one_and_one_that_went_back_is_none() -> None:
    steps = ClockStepQueue()
    second = SECOND_NS
    steps.add(ClockStep(None, 1000 * second, 1 * second, Trust.PLATFORM))
    told = steps.due(1 * second)
    assert told is not None
    assert told.old is None
    steps.add(ClockStep(1010 * second, 2010 * second, 11 * second, Trust.PLATFORM))
    steps.add(ClockStep(2020 * second, 5020 * second, 21 * second, Trust.NTP))
    assert steps.due(60 * second) is None
    told = steps.due(61 * second)
    assert told == ClockStep(1020 * second, 5020 * second, 21 * second, Trust.NTP)
    assert steps.due(200 * second) is None
    steps.add(ClockStep(5000 * second, 6000 * second, 200 * second, Trust.NTP))
    steps.add(ClockStep(6010 * second, 5010 * second, 210 * second, Trust.NTP))
    assert steps.due(300 * second) is None
    steps.requeue(told)
    assert steps.due(300 * second) == told


def test_a_deadline_resumes_after_a_power_cut_only_by_a_time_that_is_vouched_for() -> None:
    clock = clock_of(FIRST)
    clock.kernel.hold()
    clock.poll()
    deadline = clock.deadline(600)
    assert deadline.resumed(clock) == deadline
    after = clock.rebooted(off_s=100)
    after.lend([FIRST])
    assert deadline.resumed(after) is None  # nobody knows yet
    assert deadline.passed(after)
    receipts(after, {"district": 0}, 3)
    assert deadline.resumed(after) is None  # one witness is not enough
    after.kernel.hold()
    after.poll()
    resumed = deadline.resumed(after)
    assert resumed is not None
    assert resumed.left_ns(after) / SECOND_NS == pytest.approx(600 - 100 - 180, abs=1)
    late = after.rebooted(off_s=1000)
    late.kernel.hold()
    late.poll()
    over = deadline.resumed(late)
    assert over is not None
    assert over.passed(late)
    assert Deadline("f" * 16, 5).resumed(late) is None  # of an earlier release: nobody can tell


def test_what_the_floor_has_passed_has_passed_whoever_says_what() -> None:
    clock = clock_of(FIRST, SECOND)
    receipts(clock, {"district": 0, "police": 0}, 3)
    deadline = clock.deadline(60)
    clock.advance(120)
    after = clock.rebooted(off_s=5)
    over = deadline.resumed(after)
    assert over is not None
    assert over.passed(after)


def test_the_floor_never_goes_back_as_time_goes_by() -> None:
    clock = clock_of(FIRST, SECOND)
    seen = []
    for minute in range(600):
        off_ns = (minute * 7919 % 13 - 6) * SECOND_NS
        receipts(clock, {"district": off_ns, "police": off_ns}, 1)
        seen.append(clock.floor_ns)
    assert all(later >= earlier for earlier, later in pairwise(seen))
