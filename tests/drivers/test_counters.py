"""Counters: what is believed at once, what needs a second reading, and when a meter is another."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cjt188 import values
from drivers.contract import CounterReplacement, Point, Quality, Sample
from drivers.counters import (
    REPLACED_AFTER,
    REPLACED_AFTER_S,
    RETURNS_WITHIN_S,
    CounterMark,
    Counters,
)
from drivers.decimal_values import encode_bcd

ENERGY = Point(id="e", address=0, type="u32", counter=True, scale=0.01, decimals=2)
FLOAT = Point(id="e", address=0, type="f32", counter=True, decimals=2)
U16, U32, BCD8 = 1 << 16, 1 << 32, 10**8
GOOD, DOUBTFUL = Quality.GOOD, Quality.OUT_OF_RANGE

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "1"))

PERIOD_S = 15.0
# Digits beyond anything that the true counts here move by between two readings.
WILD = 30_000


class Meter:
    """One counter's readings, `PERIOD_S` apart; asked twice where that is wanted, as a bus does."""

    def __init__(self, modulus: int | None = U32, point: Point = ENERGY) -> None:
        self.counters = Counters()
        self.now_s = 1000.0
        self._modulus = modulus
        self._point = point

    def read(self, count: float, after_s: float = PERIOD_S) -> Quality:
        self.now_s += after_s
        value = count if self._point is FLOAT else count / 100
        sample = Sample(self._point, value, GOOD, count, self._modulus)
        return self.counters.judge(sample, self.now_s)

    def round(self, count: float, after_s: float = PERIOD_S) -> Quality:
        """One round of a bus: what puzzles is asked again."""
        said = self.read(count, after_s)
        return self.read(count, 0.1) if self.counters.pop_puzzled() else said

    def settled_at(self, count: float) -> "Meter":
        assert self.round(count) is GOOD
        assert self.round(count) is GOOD
        return self


@pytest.mark.parametrize(
    ("before", "after", "quality", "modulus"),
    [
        (100, 100, GOOD, U32),
        (100, 101, GOOD, U32),
        (100, 99, DOUBTFUL, U32),
        (100, 0, DOUBTFUL, U32),
        (100, 2_000_000, DOUBTFUL, U32),
        (U32 - 5, 3, GOOD, U32),
        (U32 - 5, U32 // 2, DOUBTFUL, U32),
        (65_530, 1, GOOD, U16),
        (99_999_998, 2, GOOD, BCD8),
        (2**53 + 1, 2**53, DOUBTFUL, 1 << 64),  # the same float
    ],
)
def test_one_step_of_a_counter_at_rest(before, after, quality, modulus) -> None:
    assert Meter(modulus).settled_at(before).read(after) is quality


def test_the_first_count_of_all_needs_a_second_that_agrees() -> None:
    meter = Meter()
    assert meter.read(80_923_456) is DOUBTFUL  # disturbed, and the sum was right by chance
    assert meter.counters.pop_puzzled()
    assert meter.read(123_456, 0.1) is DOUBTFUL
    assert meter.read(123_458) is GOOD
    assert meter.counters.pop_replacements() == ()


def test_a_disturbed_reply_is_asked_again_and_the_old_count_ends_the_doubt() -> None:
    meter = Meter().settled_at(123_456)
    assert meter.read(80_923_456) is DOUBTFUL
    assert meter.counters.pop_puzzled()
    assert not meter.counters.pop_puzzled()
    assert meter.read(123_456, 0.1) is GOOD
    assert [meter.read(123_456 + n) for n in (1, 2, 4, 6)] == [GOOD] * 4


def test_a_counter_learns_its_own_pace() -> None:
    meter = Meter().settled_at(0)
    count = 0
    for _ in range(3):  # 20 digits a second: a puzzle once
        count += 300
        assert meter.round(count) is GOOD
    assert meter.read(count + 900) is GOOD
    assert not meter.counters.pop_puzzled()
    assert meter.read(count + 900 + 20_000) is DOUBTFUL


def test_a_long_silence_is_no_licence_for_any_count() -> None:
    meter = Meter().settled_at(1000)
    for n in range(1, 5):
        assert meter.round(1000 + 45 * n) is GOOD  # three digits a second
    assert meter.read(1180 + 60_000, after_s=7 * 86_400) is DOUBTFUL
    assert meter.read(1180 + 3 * 7 * 86_400, 0.1) is DOUBTFUL
    assert meter.read(1180 + 3 * 7 * 86_400, 0.1) is GOOD


def test_a_lot_may_be_used_while_nobody_reads() -> None:
    meter = Meter().settled_at(1000)
    assert meter.read(900_000, after_s=30 * 86_400) is DOUBTFUL
    assert meter.read(900_000, 0.1) is GOOD
    assert meter.counters.pop_replacements() == ()


def test_another_meter_is_taken_up_once_and_said() -> None:
    meter = Meter().settled_at(123_456)
    said = [meter.round(7 + n, 300) for n in range(6)]
    assert said == [DOUBTFUL] * 3 + [GOOD] * 3
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", 1234.56, 0.1, by_person=False),
    )
    assert meter.counters.pop_replacements() == ()


def test_zeros_of_a_meter_that_starts_up_are_never_good() -> None:
    meter = Meter().settled_at(123_456)
    assert [meter.round(0, 1.0) for _ in range(600)] == [DOUBTFUL] * 600
    assert meter.round(123_457) is GOOD
    assert meter.counters.pop_replacements() == ()


@pytest.mark.parametrize("period_s", [1.0, 15.0, 900.0, 3600.0])
@pytest.mark.parametrize("shown", [0, 100_000])
@pytest.mark.parametrize("zeros_s", [1_800, 86_400])
def test_a_meter_that_shows_less_for_long_takes_its_replacement_back(
    period_s, shown, zeros_s
) -> None:
    meter = Meter().settled_at(123_000)
    assert meter.round(123_000 + period_s / 100, period_s) is GOOD  # a digit in 100 s
    rounds = max(REPLACED_AFTER + 1, int(zeros_s / period_s))
    said = [meter.round(shown, period_s) for _ in range(rounds)]
    assert said[0] is DOUBTFUL
    assert said[-1] is GOOD
    (replaced,) = meter.counters.pop_replacements()
    back = 123_000 + (rounds + 2) * period_s / 100
    assert meter.read(back, period_s) is DOUBTFUL
    assert meter.read(back, 0.1) is GOOD
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", shown / 100, back / 100, by_person=False, resumes=replaced.old),
    )
    assert meter.round(back + 1, 100) is GOOD
    assert meter.counters.pop_replacements() == ()


def test_a_meter_that_lost_its_last_counts_in_a_power_cut_is_back() -> None:
    meter = Meter().settled_at(123_000)
    assert meter.round(123_015, 15) is GOOD
    assert [meter.round(0, 300) for _ in range(4)][-1] is GOOD
    meter.counters.pop_replacements()
    assert meter.round(121_000) is GOOD  # it keeps its count once an hour
    assert [each.resumes for each in meter.counters.pop_replacements()] == [1230.15]


def test_another_meter_that_reaches_the_former_count_is_no_return() -> None:
    meter = Meter().settled_at(3_000)
    assert meter.round(3_015, 15) is GOOD
    assert [meter.round(0, 300) for _ in range(4)][-1] is GOOD
    assert len(meter.counters.pop_replacements()) == 1
    assert {meter.round(count, 15) for count in range(0, 20_000, 15)} == {GOOD}
    assert meter.round(20_700, 15) is GOOD  # a load as never before
    assert meter.counters.pop_replacements() == ()


@pytest.mark.parametrize("silent_s", [15.0, 1_200.0, 36_000.0])
def test_another_meter_with_a_higher_count_is_said(silent_s) -> None:
    meter = Meter().settled_at(123_000)
    assert meter.round(123_020, 15) is GOOD  # 48 kW
    count = 123_020 + 2_000_000
    said = [meter.round(count, silent_s), *(meter.round(count + n, 300) for n in range(1, 6))]
    assert said == [DOUBTFUL] * 3 + [GOOD] * 3
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", 1230.2, (count + 3) / 100, by_person=False),
    )


def test_a_load_as_never_before_is_no_other_meter() -> None:
    meter = Meter().settled_at(0)
    assert meter.round(1, 900) is GOOD  # 40 W
    assert meter.round(900, 15) is GOOD  # 2 MW
    assert meter.round(2_000, 3600) is GOOD
    assert meter.round(30_000, 3600) is GOOD  # 280 kW
    assert meter.counters.pop_replacements() == ()


def test_a_higher_count_of_a_while_is_taken_back_at_once() -> None:
    meter = Meter().settled_at(123_000)
    assert meter.round(123_015, 15) is GOOD
    assert [meter.round(90_000_000, 300) for _ in range(4)][-1] is GOOD
    meter.counters.pop_replacements()
    assert meter.round(123_030) is GOOD
    assert [(each.old, each.resumes) for each in meter.counters.pop_replacements()] == [
        (900_000.0, 1230.15)
    ]


@pytest.mark.parametrize("period_s", [15.0, 60.0])
@pytest.mark.parametrize("shown", [0, 90_000_000])
@pytest.mark.parametrize("counted", [0, 9, 20, 900])
def test_a_meter_that_had_not_moved_returns_with_what_it_has_counted(
    period_s, shown, counted
) -> None:
    """It has shown no pace by which its return could be judged."""
    meter = Meter().settled_at(12_000)
    assert {meter.round(12_000, period_s) for _ in range(20)} == {GOOD}
    assert [meter.round(shown, period_s) for _ in range(62)][-1] is GOOD
    meter.counters.pop_replacements()
    assert meter.round(12_000 + counted, period_s) is GOOD
    assert [each.resumes for each in meter.counters.pop_replacements()] == [120.0]


@pytest.mark.parametrize("back", [9_000, 10_150, 46_000])
def test_a_young_meter_that_returns_after_a_silence_is_back(back) -> None:
    """In an hour it could have counted all that it ever had."""
    meter = Meter().settled_at(10_000)
    assert meter.round(10_150, 15) is GOOD
    assert [meter.round(0, 15) for _ in range(62)][-1] is GOOD
    meter.counters.pop_replacements()
    assert meter.round(back, 3600) is GOOD
    assert [each.resumes for each in meter.counters.pop_replacements()] == [101.5]


def test_a_count_beyond_the_former_one_is_no_use_of_what_showed_zeros() -> None:
    meter = Meter().settled_at(12_000)
    assert [meter.round(0, 300) for _ in range(5)][-1] is GOOD
    meter.counters.pop_replacements()
    said = [meter.round(500_000, 300) for _ in range(4)]
    assert said == [DOUBTFUL] * 3 + [GOOD]
    assert [(each.old, each.resumes) for each in meter.counters.pop_replacements()] == [(0.0, None)]


def test_another_meter_that_stands_at_first_counts_past_the_former_one() -> None:
    meter = Meter().settled_at(3_000)
    assert meter.round(3_015, 15) is GOOD
    assert [meter.round(0, 300) for _ in range(20)][-1] is GOOD
    assert len(meter.counters.pop_replacements()) == 1
    assert {meter.round(count, 900) for count in range(900, 20_000, 900)} == {GOOD}
    assert meter.counters.pop_replacements() == ()


def test_a_former_meter_is_forgotten_after_a_month() -> None:
    meter = Meter().settled_at(123_000)
    assert [meter.round(0, 300) for _ in range(4)][-1] is GOOD
    meter.counters.pop_replacements()
    assert meter.round(0, RETURNS_WITHIN_S) is GOOD
    assert meter.round(100_000_000) is DOUBTFUL
    assert meter.round(123_000) is DOUBTFUL


def test_what_somebody_said_of_a_meter_is_not_taken_back() -> None:
    meter = Meter().settled_at(123_000)
    meter.counters.accept_replacement("e")
    assert meter.round(0) is GOOD
    meter.counters.pop_replacements()
    said = [meter.round(123_000_000, 300) for _ in range(4)]
    assert said == [DOUBTFUL] * 3 + [GOOD]
    assert [each.resumes for each in meter.counters.pop_replacements()] == [None]


def test_somebody_says_that_the_meter_was_replaced() -> None:
    meter = Meter().settled_at(123_456)
    meter.counters.accept_replacement("e")
    assert meter.counters.marks() == {}
    assert meter.round(7) is GOOD
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", 1234.56, 0.07, by_person=True),
    )
    assert meter.round(8) is GOOD


def test_saying_it_twice_or_of_an_unread_meter_does_no_harm() -> None:
    meter = Meter().settled_at(500)
    meter.counters.accept_replacement("e")
    meter.counters.accept_replacement("e")
    assert meter.round(7) is GOOD
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", 5.0, 0.07, by_person=True),
    )
    fresh = Meter()
    fresh.counters.accept_replacement("e")
    assert fresh.round(7) is GOOD
    assert fresh.counters.pop_replacements() == (
        CounterReplacement("e", None, 0.07, by_person=True),
    )


@pytest.mark.parametrize("modulus", [U16, U32, BCD8])
def test_a_counter_that_wraps_while_nobody_reads_is_the_same_meter(modulus) -> None:
    meter = Meter(modulus).settled_at(modulus - 10_000)
    assert meter.round(modulus - 9_000, 1000) is GOOD  # a digit a second
    assert meter.round(5_000, 14_000) is GOOD
    assert meter.round(5_010) is GOOD
    assert meter.counters.pop_replacements() == ()


def test_a_small_counter_that_wrapped_at_an_unknown_pace_is_taken_up_all_the_same() -> None:
    meter = Meter(U16).settled_at(60_000)
    said = [meter.round(n, 500) for n in (50_000, 50_010, 50_020)]
    assert said == [DOUBTFUL, DOUBTFUL, GOOD]


def test_recalled_counts_are_believed_when_a_second_reading_agrees() -> None:
    meter = Meter()
    meter.counters.restore({"e": CounterMark(123_456, 1234.56)})
    assert meter.read(80_000_000) is DOUBTFUL
    assert meter.read(123_460) is DOUBTFUL
    assert meter.read(123_460, 0.1) is GOOD
    assert meter.counters.pop_replacements() == ()


def test_a_meter_replaced_while_the_station_was_off_is_said() -> None:
    meter = Meter()
    meter.counters.restore({"e": CounterMark(123_456, 1234.56)})
    assert [meter.round(n, 500) for n in (3, 4, 5)] == [DOUBTFUL, DOUBTFUL, GOOD]
    assert meter.counters.pop_replacements() == (
        CounterReplacement("e", 1234.56, 0.05, by_person=False),
    )


def test_a_recalled_count_of_known_age_is_a_witness() -> None:
    meter = Meter()
    mark = CounterMark(123_456, 1234.56, pace=1.0, at_s=meter.now_s - 600)
    meter.counters.restore({"e": mark})
    assert meter.read(124_100) is GOOD


def test_recalling_leaves_alone_what_has_been_read() -> None:
    meter = Meter().settled_at(500)
    meter.counters.restore({"e": CounterMark(9_000, 90.0), "f": CounterMark(1, 0.01)})
    assert meter.counters.marks()["e"].count == 500
    assert meter.counters.marks()["f"].count == 1


def test_a_float_moves_in_steps_of_its_register() -> None:
    meter = Meter(None, FLOAT).settled_at(8_388_608.0)
    assert meter.read(8_388_609.0) is GOOD
    assert meter.read(8_388_608.0) is DOUBTFUL


HEAT = Point(id="h", address="", kind="heat", type="bcd", size=4, scale=0.01, decimals=2,
             unit="MW.h", counter=True, extra={"unit": "before"})  # fmt: skip


class HeatMeter(Meter):
    """Counts in J; its last digit is 36 MJ, or with another unit on its display something else."""

    def read(self, count: float, after_s: float = PERIOD_S) -> Quality:
        self.now_s += after_s
        raw = bytes([0x08]) + encode_bcd(int(count), 4)
        return self.counters.judge(values.sample(HEAT, raw), self.now_s)


def test_a_meter_that_counts_in_joules_is_judged_by_its_digits() -> None:
    meter = HeatMeter().settled_at(500_000)
    assert [meter.read(500_000 + 5 * n) for n in range(1, 9)] == [GOOD] * 8
    assert not meter.counters.pop_puzzled()
    assert meter.read(600_000) is DOUBTFUL
    assert meter.read(500_040, 0.1) is GOOD
    said = [meter.round(3 + n, 900) for n in range(4)]  # another meter, a digit each round
    assert said == [DOUBTFUL, GOOD, GOOD, GOOD]
    assert meter.counters.pop_replacements() == (
        CounterReplacement("h", 5000.4, 0.04, by_person=False),
    )


def test_other_points_and_other_qualities_pass_as_they_are() -> None:
    counters = Counters()
    power = Point(id="p", address=0)
    assert [counters.judge(Sample(power, n, GOOD, n), 1.0) for n in (5, 4)] == [GOOD, GOOD]
    fault = Sample(ENERGY, 5, Quality.SENSOR_FAULT, 5, U32)
    assert counters.judge(fault, 1.0) is Quality.SENSOR_FAULT
    nothing = Sample(ENERGY, None, GOOD, None, U32)
    assert counters.judge(nothing, 1.0) is GOOD
    assert counters.marks() == {}
    assert not counters.pop_puzzled()


STEPS = st.lists(
    st.tuples(st.integers(0, U32 - 1), st.floats(0.02, 3600)),
    min_size=1,
    max_size=40,
)


@given(STEPS)
def test_no_good_count_stands_alone(steps) -> None:
    """Whatever is heard: a good count continues the last good one, or the reading before it."""
    meter = Meter()
    good: tuple[int, float] | None = None
    before: tuple[int, float] | None = None
    for count, after_s in steps:
        quality = meter.read(count, after_s)
        assert quality in {GOOD, DOUBTFUL}
        if quality is GOOD:
            witnesses = [seen for seen in (good, before) if seen is not None]
            assert any(
                (count - seen) % U32 <= 8 + 4_000 * (meter.now_s - at_s) + 1
                for seen, at_s in witnesses
            )
            good = (count, meter.now_s)
        before = (count, meter.now_s)


@st.composite
def _histories(draw):
    """True counts of one meter at its own pace; some replies are disturbed, no two in a row."""
    modulus = draw(st.sampled_from([U32, BCD8]))
    count = draw(st.integers(0, modulus - 1))
    history = []
    for _ in range(draw(st.integers(3, 60))):
        count = (count + draw(st.integers(0, 40))) % modulus
        wild = draw(st.none() | st.integers(WILD, modulus - WILD))
        history.append((count, None if wild is None else (count + wild) % modulus))
    return modulus, history


@given(_histories())
def test_a_disturbed_count_is_never_good_and_never_another_meter(drawn) -> None:
    modulus, history = drawn
    meter = Meter(modulus)
    for count, wild in history:
        if wild is not None:
            assert meter.read(wild) is DOUBTFUL
            meter.counters.pop_puzzled()
            meter.read(count, 0.1)
        meter.round(count, 1.0)
        assert meter.round(count, 1.0) is GOOD  # a round later at the latest
    assert meter.counters.pop_replacements() == ()


@st.composite
def _replacements(draw) -> tuple[int, int, int, int, float]:
    """The old count, the new meter's, its pace, how often it is read, and every how many seconds.

    It does not catch up with the old one, nor does it stand where that one would have wrapped to.
    """
    pace, period_s = draw(st.integers(0, 50)), draw(st.floats(15, 900))
    rounds = max(REPLACED_AFTER, int(REPLACED_AFTER_S / period_s) + 2)
    least = pace * rounds + 1
    old = draw(st.integers(least, U32 - 1))
    fallen = draw(st.integers(least, min(old, U32 - U32 // 64)))
    return old, old - fallen, pace, rounds, period_s


@given(_replacements())
def test_every_replaced_meter_is_taken_up_and_said_once(drawn) -> None:
    old, new, pace, rounds, period_s = drawn
    meter = Meter().settled_at(old)
    said = [meter.round(new + pace * n, period_s) for n in range(rounds)]
    assert said[-1] is GOOD
    told = meter.counters.pop_replacements()
    assert [(each.old, each.by_person) for each in told] == [(old / 100, False)]
    assert said[0] is DOUBTFUL


@pytest.mark.proof
def test_the_counts_of_a_disturbed_line() -> None:
    """One reply in 2,215 is another count, as DL/T 645's sum lets through at full disturbance."""
    random_ = random.Random(SEED)
    readings = int(2_000_000 * SHARE)
    false = doubtful = disturbed = 0
    count, meter = 123_456, Meter(BCD8)
    for _ in range(readings):
        count = (count + random_.randint(0, 45)) % BCD8
        wild = random_.random() < 1 / 2_215
        heard = random_.randrange(BCD8) if wild else count
        said = meter.read(heard)
        if meter.counters.pop_puzzled():
            again = random_.random() < 1 / 2_215
            heard = random_.randrange(BCD8) if again else count
            said = meter.read(heard, 0.1)
        disturbed += wild
        false += said is GOOD and abs(heard - count) > WILD
        doubtful += said is not GOOD
    print(f"seed {SEED}: {readings:,} readings, {disturbed:,} disturbed: "
          f"{false} false ones good, {doubtful} true ones doubtful, "
          f"{len(meter.counters.pop_replacements())} meters replaced")  # fmt: skip
    assert disturbed > 0
    assert false == 0
    assert doubtful <= max(3, readings // 100_000)
    assert meter.counters.pop_replacements() == ()


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.01, 12.5, 1e6, 3.4e38]), min_size=2, max_size=12))
def test_floats_of_any_size_do_no_harm(counts) -> None:
    meter = Meter(None, FLOAT)
    assert {meter.read(count) for count in counts} <= {GOOD, DOUBTFUL}
