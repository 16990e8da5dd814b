"""Which source is believed, how wrong it may be, and when station time moves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Timekeeper, TimeSample
from gateway.clock.time_sample import (
    DRIFT_PPM,
    EARLIEST_NS,
    FRESH_NS,
    LATEST_NS,
    SECOND_NS,
    STEP_NS,
)
from gateway.event import Trust
from tests.sim.clock import DAY_S, SIMULATED_START_NS, SimulatedClock, SimulatedKernel

SOURCES = [trust for trust in Trust if trust is not Trust.NONE]
NOON_NS = SIMULATED_START_NS


def test_nothing_said_is_no_time_at_all() -> None:
    clock = SimulatedClock()
    stamp = clock.stamp()
    assert (stamp.wall_ns, stamp.trust) == (None, Trust.NONE)
    status = clock.status()
    assert (status.trust, status.wall_ns, status.error_s) == (Trust.NONE, None, math.inf)


def test_the_system_clock_is_only_plausible_however_right_it_looks() -> None:
    clock = SimulatedClock()
    assert clock.status().plausible_ns == SIMULATED_START_NS
    assert clock.stamp().wall_ns is None


def test_an_impossible_system_clock_is_not_even_plausible() -> None:
    clock = SimulatedClock()
    clock.kernel.set_wall(0)
    assert clock.status().plausible_ns is None


@pytest.mark.parametrize("better", range(len(SOURCES)))
def test_a_better_source_wins_whoever_spoke_last(better: int) -> None:
    for worse in range(better + 1, len(SOURCES)):
        keeper = Timekeeper()
        keeper.learn(TimeSample(SOURCES[better], NOON_NS, 0, SECOND_NS), 0)
        step = keeper.learn(TimeSample(SOURCES[worse], NOON_NS + 90 * SECOND_NS, 5, 0), 5)
        assert step is None
        best = keeper.time
        assert best is not None
        assert best.source is SOURCES[better]


def test_a_stale_source_yields_to_a_lesser_one_only_if_that_is_less_wrong() -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.NTP, NOON_NS, 0, 10_000_000), 0)
    later = 2 * FRESH_NS
    grown = 10_000_000 + later * DRIFT_PPM // 1_000_000
    wall = NOON_NS + later
    keeper.learn(TimeSample(Trust.PERSON, wall, later, grown + 1), later)
    assert keeper.time.source is Trust.NTP  # type: ignore[union-attr]  # just learnt
    keeper.learn(TimeSample(Trust.PLATFORM, wall, later, grown - 1), later)
    assert keeper.time.source is Trust.PLATFORM  # type: ignore[union-attr]  # just learnt


def test_a_vague_word_that_agrees_does_not_blunt_a_sharp_one() -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.PLATFORM, NOON_NS, 0, 1_000_000), 0)
    keeper.learn(TimeSample(Trust.PLATFORM, NOON_NS + 2 * SECOND_NS, 100, 5 * SECOND_NS), 100)
    assert keeper.time == TimeSample(Trust.PLATFORM, NOON_NS, 0, 1_000_000)


def test_a_word_that_disagrees_replaces_what_the_source_said_before() -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.PERSON, NOON_NS, 0, SECOND_NS), 0)
    right_ns = NOON_NS + 3600 * SECOND_NS
    step = keeper.learn(TimeSample(Trust.PERSON, right_ns, 100, 60 * SECOND_NS), 100)
    assert step is not None
    assert (step.old, step.new, step.at) == (NOON_NS + 100, right_ns, 100)


@pytest.mark.parametrize("moved_ns", [STEP_NS, -STEP_NS, 0])
def test_a_slew_is_no_step(moved_ns: int) -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.PLATFORM, NOON_NS, 0, SECOND_NS), 0)
    assert keeper.learn(TimeSample(Trust.NTP, NOON_NS + moved_ns, 0, 0), 0) is None


@pytest.mark.parametrize("moved_ns", [STEP_NS + 1, -STEP_NS - 1])
def test_beyond_that_it_is_a_step(moved_ns: int) -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.PLATFORM, NOON_NS, 0, SECOND_NS), 0)
    step = keeper.learn(TimeSample(Trust.NTP, NOON_NS + moved_ns, 0, 0), 0)
    assert step is not None
    assert step.source is Trust.NTP


@pytest.mark.parametrize("year_ns", [0, EARLIEST_NS - 1, LATEST_NS, 2**63 - 1])
@pytest.mark.parametrize("source", SOURCES)
def test_nobody_is_believed_outside_the_years_that_can_be(source: Trust, year_ns: int) -> None:
    keeper = Timekeeper()
    assert keeper.learn(TimeSample(source, year_ns, 0, 0), 0) is None
    assert keeper.time is None


@pytest.mark.parametrize("source", [Trust.METER, Trust.RTC, Trust.PERSON])
def test_the_floor_holds_against_a_dead_battery_and_a_slip_of_the_finger(source: Trust) -> None:
    keeper = Timekeeper(floor_ns=NOON_NS)
    assert not keeper.plausible(TimeSample(source, NOON_NS - 61 * SECOND_NS, 0, 60 * SECOND_NS), 0)
    assert keeper.plausible(TimeSample(source, NOON_NS - 59 * SECOND_NS, 0, 60 * SECOND_NS), 0)


def test_a_persons_word_never_raises_the_floor() -> None:
    keeper = Timekeeper()
    keeper.learn(TimeSample(Trust.PERSON, LATEST_NS - 1, 0, 0), 0)
    assert keeper.floor_ns(0) == EARLIEST_NS


def test_an_earlier_instant_of_this_boot_gets_its_wall_time_afterwards() -> None:
    clock = SimulatedClock()
    before = clock.now_ns()
    clock.advance(600)
    clock.learn(Trust.PLATFORM, clock.kernel.true_ns, SECOND_NS)
    stamp = clock.stamp(before)
    assert (stamp.at_ns, stamp.wall_ns) == (before, SIMULATED_START_NS)
    assert stamp.trust is Trust.PLATFORM


@given(
    drift_ppm=st.integers(-DRIFT_PPM, DRIFT_PPM),
    words=st.lists(
        st.tuples(
            st.floats(0.01, 10 * DAY_S),
            st.sampled_from(SOURCES),
            st.integers(-60 * SECOND_NS, 60 * SECOND_NS),
        ),
        max_size=12,
    ),
)
def test_the_truth_is_always_within_the_bound_if_the_sources_tell_the_truth(
    drift_ppm: int, words: list[tuple[float, Trust, int]]
) -> None:
    clock = SimulatedClock()
    clock.kernel.drift_ppm = drift_ppm
    for wait_s, source, off_ns in words:
        clock.advance(wait_s)
        clock.learn(source, clock.kernel.true_ns + off_ns, abs(off_ns))
        status = clock.status()
        assert status.wall_ns is not None
        # 2 ns: the division of drift by a million rounds down at either end
        assert abs(status.wall_ns - clock.kernel.true_ns) <= status.error_s * SECOND_NS * 1.0001 + 2


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(SOURCES),
            st.integers(EARLIEST_NS, LATEST_NS - 1),
            st.integers(0, 3600 * SECOND_NS),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_every_move_of_station_time_is_told_and_nothing_else(
    steps: list[tuple[Trust, int, int, bool]],
) -> None:
    clock = SimulatedClock()
    shown: int | None = None
    for source, wall_ns, error_ns, reboot in steps:
        if reboot:
            clock, shown = clock.rebooted(), None
        step = clock.learn(source, wall_ns, error_ns)
        now = clock.stamp()
        if step is None:
            assert (now.wall_ns is None) == (shown is None)
            assert abs((now.wall_ns or 0) - (shown or 0)) <= STEP_NS
        else:
            assert (step.old, step.new) == (shown, now.wall_ns)
        shown = now.wall_ns


def test_years_off_the_power_and_no_one_but_the_floor_remembers() -> None:
    clock = SimulatedClock()
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    after = clock.rebooted(off_s=3 * 365 * DAY_S)
    assert after.boot != clock.boot
    assert after.stamp().wall_ns is None
    assert after.floor_ns == SIMULATED_START_NS
    assert after.plausible(Trust.PERSON, after.kernel.true_ns)


def test_ntp_is_asked_of_the_kernel_and_let_go_with_it() -> None:
    kernel = SimulatedKernel()
    clock = SimulatedClock(kernel)
    assert clock.poll() is None
    kernel.hold()
    first = clock.poll()
    assert first is not None
    assert (first.old, first.source) == (None, Trust.NTP)
    assert clock.poll() is None
    kernel.hold(None)
    clock.advance(3600)
    assert clock.poll() is None
    status = clock.status()
    assert status.trust is Trust.NTP
    assert (status.age_s, status.error_s) == (3600.0, 0.181)


def test_a_step_of_the_system_clock_moves_no_time_of_ours() -> None:
    clock = SimulatedClock()
    clock.learn(Trust.PLATFORM, clock.kernel.true_ns, 0)
    clock.kernel.set_wall(clock.kernel.true_ns + 365 * DAY_S * SECOND_NS)
    assert clock.poll() is None
    assert clock.stamp().wall_ns == clock.kernel.true_ns
