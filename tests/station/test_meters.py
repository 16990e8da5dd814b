from hypothesis import given
from hypothesis import strategies as st

from gateway.station.meters import MARKS_MAX, RATE_WINDOW_NS, LagMeter, RateMeter

SECOND = 1_000_000_000


def test_nothing_waits_nothing_lags():
    assert LagMeter().lag_s(0, 0, 5 * SECOND) == 0
    assert LagMeter().lag_s(7, 7, 5 * SECOND) == 0


def test_the_lag_is_the_age_of_the_oldest_without_a_receipt():
    lag = LagMeter()
    assert lag.lag_s(1, 0, 10 * SECOND) == 0
    assert lag.lag_s(3, 0, 20 * SECOND) == 10
    assert lag.lag_s(3, 1, 25 * SECOND) == 5
    assert lag.lag_s(3, 3, 30 * SECOND) == 0


@given(st.integers(MARKS_MAX, 5 * MARKS_MAX))
def test_weeks_without_a_receipt_cost_no_memory_and_no_truth(count):
    lag = LagMeter()
    for index in range(1, count):
        lag.lag_s(index, 0, index * SECOND)
    assert lag.lag_s(count, 0, count * SECOND) == count - 1
    assert len(lag._marks) <= MARKS_MAX + 1


def test_a_rate_forgets_what_was_long_ago():
    rate = RateMeter(0)
    for second in range(1, 100):
        rate.per_second(50 * second, second * SECOND)
    assert rate.per_second(50 * 100, 100 * SECOND) == 50
    for second in range(101, 120):
        rate.per_second(5000, second * SECOND)
    assert rate.per_second(5000, 120 * SECOND) == 0
    assert RATE_WINDOW_NS == 10 * SECOND
