import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Quality, Reading
from gateway.intake.current_values import SPARK_POINTS_MAX, CurrentValues, SparkSeries
from gateway.intake.reporting_filter import (
    ReportingFilter,
    ReportOptions,
    is_report_due,
    telemetry_maps,
)

SECOND = 1_000_000_000


def reading(value, at_s=0.0, quality=Quality.GOOD, point="p"):
    return Reading("d", point, value, "W", quality, int(at_s * SECOND))


@pytest.mark.parametrize(
    ("report", "last", "new", "due"),
    [
        (ReportOptions(), reading(1), reading(1, 1), True),
        (ReportOptions(change=0.5), None, reading(1), True),
        (ReportOptions(change=0.5), reading(1.0), reading(1.5, 1), False),
        (ReportOptions(change=0.5), reading(1.0), reading(1.51, 1), True),
        (ReportOptions(change="2%"), reading(-100), reading(-102, 1), False),
        (ReportOptions(change="2%"), reading(-100), reading(-102.1, 1), True),
        (ReportOptions(change="2%"), reading(0), reading(0, 1), False),
        (ReportOptions(change="2%"), reading(0), reading(0.001, 1), True),
        (ReportOptions(change=0), reading(True), reading(False, 1), True),
        (ReportOptions(change=0), reading("on"), reading("on", 1), False),
        (ReportOptions(change=5.0), reading(None, quality=Quality.TIMEOUT), reading(1, 1), True),
        (ReportOptions(change=5.0), reading(1), reading(None, 1, Quality.TIMEOUT), True),
        (ReportOptions(change=5.0, at_least_every_s=900), reading(1), reading(1, 899.9), False),
        (ReportOptions(change=5.0, at_least_every_s=900), reading(1), reading(1, 900), True),
    ],
)
def test_when_a_reading_is_due(report, last, new, due):
    assert is_report_due(report, last, new) is due


@pytest.mark.parametrize("bad", [{"change": "two"}, {"change": -1}, {"at_least_every_s": 0}])
def test_a_report_that_means_nothing_is_refused(bad):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, ReportOptions)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0, 100))
def test_what_was_reported_is_never_further_away_than_the_deadband(values, band):
    kept = ReportingFilter({"p": ReportOptions(change=band)})
    said = None
    for at_s, value in enumerate(values):
        due = kept.due((reading(value, at_s),))
        kept.offered(due)
        kept.stored(due)
        said = due[0].value if due else said
        assert abs(value - said) <= band


def test_a_poll_that_was_not_taken_is_offered_again():
    kept = ReportingFilter({"p": ReportOptions(change=1.0)})
    first = kept.due((reading(0.0),))
    kept.offered(first)
    kept.stored(first)
    (due,) = kept.due((reading(5.0, 1),))
    assert kept.due((reading(5.0, 2),)), "it was not offered, so it still is due"
    kept.offered((due,))
    assert kept.due((reading(5.0, 3),)) == (), "it is on its way"
    kept.refused((due,))
    assert kept.due((reading(5.0, 4),)), "it was refused"
    assert kept.due((reading(0.0, 4),)) == (), "and what was stored before is no change"


def test_contacts_report_on_change_and_every_quarter_of_an_hour():
    kept = ReportingFilter({})
    times = [at_s for at_s in range(0, 1900, 10) if _report(kept, reading(False, at_s))]
    assert times == [0, 900, 1800]


def _report(kept, new):
    due = kept.due((new,))
    kept.offered(due)
    kept.stored(due)
    return bool(due)


def test_quality_stands_only_where_it_is_not_good():
    values, qualities = telemetry_maps((reading(1), reading(None, 0, Quality.CRC, "b")))
    assert values == {"p": 1, "b": None}
    assert qualities == {"b": "crc"}


@given(st.floats(0.2, 600), st.integers(1, 2000))
def test_a_spark_is_bounded_and_covers_no_more_than_it_says(step_s, count):
    spark = SparkSeries(step_s)
    for index in range(count):
        spark.add(index * step_s, float(index))
    assert 0 < len(spark.values) <= SPARK_POINTS_MAX
    assert spark.values[-1] is not None


def test_a_silence_shows_as_a_hole():
    current = CurrentValues()
    current.update("d", [reading(1.0, 0)], 10)
    current.update("d", [reading(2.0, 60)], 10)
    step_s, values = current.spark("d", "p")
    assert (step_s, values) == (10, (1.0, None, None, None, None, None, 2.0))
    current.update("d", [reading(None, 70, Quality.TIMEOUT)], 10)
    assert current.spark("d", "p")[1][-1] is None


@given(
    st.lists(st.tuples(st.floats(0.2, 40), st.sampled_from("abc")), min_size=1, max_size=200),
    st.floats(0.5, 20),
)
def test_a_curve_is_drawn_the_same_whatever_else_its_device_says(rounds, every_s):
    together, alone, at_s = CurrentValues(), {point: CurrentValues() for point in "abc"}, 0.0
    for after_s, point in rounds:  # each point has rounds of its own
        at_s += after_s
        for current in (together, alone[point]):
            current.update("d", [reading(at_s, at_s, point=point)], every_s)
    for point, current in alone.items():
        assert together.spark("d", point) == current.spark("d", point)
        assert together.readings("d").get(point) == current.readings("d").get(point)


def test_a_contact_that_failed_first_has_no_curve():
    current = CurrentValues()
    current.update("d", [reading(None, 0, Quality.TIMEOUT)], 10)
    current.update("d", [reading(True, 10)], 10)
    assert current.spark("d", "p") == (0.0, ())
