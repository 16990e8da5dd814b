"""A year of sixty devices: every planted incident is an alarm in time, and few alarms are false.

Here a month of every third of them; the proof has all, for a month at least.
"""

import os

import pytest

from tests.rules.year import DAY_S, HOUR, SORTS, Incident, Year

MONTH_DAYS = 30
FALSE_A_MONTH_MAX = 3.0
PLANTED_MIN = 20
# An alarm so soon after an incident may still be its echo: the next night's look at a leak.
AFTERMATH_S = 30 * HOUR


def seed() -> int:
    return int(os.environ.get("YIZHAN_SEED", "7"))


def judged(year: Year) -> tuple[list[Incident], list[tuple[float, str]]]:
    """The incidents that nobody heard of in time, and the alarms that nothing explains."""
    planted = list(year.planted)
    raised = year.run()
    missed = [
        one
        for one in planted
        if not any(rule == one.rule and one.start_s <= at_s <= one.by_s for at_s, rule in raised)
    ]
    false = [
        (at_s, rule)
        for at_s, rule in raised
        if not any(
            rule.endswith(one.sensor) and one.start_s <= at_s <= one.end_s + AFTERMATH_S
            for one in planted
        )
    ]
    months = year.days / MONTH_DAYS
    print(
        f"\nseed {seed()}: {len(year.sensors)} devices, {year.days} days, "
        f"{year.readings} readings, {year.restarts} restarts; "
        f"{len(planted)} incidents planted, {len(missed)} missed; "
        f"{len(raised)} alarms, {len(false)} false = {len(false) / months:.2f} a station-month"
    )
    return missed, false


@pytest.mark.slow
def test_a_month_in_the_life_of_a_station():
    year = Year(seed(), MONTH_DAYS, one_in=3)
    assert {sensor.sort.device for sensor in year.sensors} == {sort.device for sort in SORTS}
    assert len(year.planted) >= PLANTED_MIN
    missed, false = judged(year)
    assert missed == []
    assert len(false) <= FALSE_A_MONTH_MAX


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_a_year_in_the_life_of_a_station():
    share = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
    year = Year(seed(), max(MONTH_DAYS, round(365 * share)))
    missed, false = judged(year)
    assert missed == []
    assert len(false) <= FALSE_A_MONTH_MAX * year.days / MONTH_DAYS


def test_the_same_seed_gives_the_same_month():
    first, second = (list(Year(3, 2).heard()) for _ in range(2))
    assert first == second
    assert first[-1][0] < 2 * DAY_S
