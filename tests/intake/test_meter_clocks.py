"""What meters show of the time is learnt, as theirs and no better."""

import asyncio

import pytest

from drivers.contract import Quality, Reading
from drivers.profiles import load_profiles
from gateway.clock import ClockStep
from gateway.event import Trust
from gateway.intake.meter_clocks import ERROR_NS, POINT, MeterClocks
from tests.sim.journal import loop_clock
from tests.sim.loop import simulated

S = 1_000_000_000
SHOWN, UTC_NS = "2026-09-22 08:00:00", 1_790_035_200 * S


def reading(value: object, at_s: float, quality: Quality = Quality.GOOD) -> Reading:
    return Reading("water", POINT, value, "", quality, round(at_s * S))  # type: ignore[arg-type]  # also garbage


@simulated
async def test_a_meters_time_is_learnt_as_of_when_it_was_read() -> None:
    clock, moved = loop_clock(), list[ClockStep | None]()
    heard = MeterClocks(clock, "Asia/Shanghai", moved.append).handle_readings
    read_s = asyncio.get_running_loop().time()
    await asyncio.sleep(3)
    heard(
        "water", [Reading("water", "volume", 12.5, "m3", Quality.GOOD, 0), reading(SHOWN, read_s)]
    )
    status = clock.status()
    assert (status.trust, status.wall_ns) == (Trust.METER, UTC_NS + 3 * S)
    assert status.error_s == pytest.approx(ERROR_NS / S)
    assert [step.new for step in moved if step] == [UTC_NS + 3 * S]
    clock.learn(Trust.PLATFORM, UTC_NS + 50 * S, S, "district")
    assert clock.vouched() is not None  # it is within what a meter may be off


@simulated
@pytest.mark.parametrize(
    "shown",
    [None, 5, True, "", "soon", "2015-05-11 22:01", "2026-13-01 00:00:00", "9999-99-99 99:99:99",
     "0001-01-01 00:00:00", "2026-09-22 08:00:61"],
)  # fmt: skip
async def test_what_is_no_time_is_passed_over(shown: object) -> None:
    clock = loop_clock()
    heard = MeterClocks(clock, "Asia/Shanghai", lambda _: None).handle_readings
    heard("water", [reading(shown, 0), reading(SHOWN, 0, Quality.STALE)])
    assert clock.status().trust is Trust.NONE


@simulated
@pytest.mark.parametrize(
    ("date", "time", "trust"),
    [
        ("2026-09-22", "08:00:00", Trust.METER),
        ("2026-09-22", "23:59:58", Trust.NONE),  # which day that was, nobody can tell
        ("2026-09-22", "00:00:07", Trust.NONE),
        ("2026-09-22", None, Trust.NONE),
        (None, "08:00:00", Trust.NONE),
    ],
)
async def test_date_and_time_of_one_poll_are_a_time_together(date, time, trust) -> None:
    clock = loop_clock()
    heard = MeterClocks(clock, "Asia/Shanghai", lambda _: None).handle_readings
    given = [("meter-date", date), ("meter-time", time)]
    at_ns = round(asyncio.get_running_loop().time() * S)
    heard("em", [Reading("em", p, v, "", Quality.GOOD, at_ns) for p, v in given if v is not None])
    status = clock.status()
    assert status.trust is trust
    if trust is Trust.METER:
        assert status.wall_ns == UTC_NS


def test_every_shipped_profile_with_a_clock_calls_it_so() -> None:
    """The names are what a driver flags a clock by: whoever adds a model keeps to them."""
    clocks = {
        (model.id, spec.id)
        for model in load_profiles()
        for spec in model.point
        if spec.extra.get("is") == "clock" or spec.kind in {"clock", "date", "time"}
    }
    assert {point for _, point in clocks} == {"meter-clock", "meter-date", "meter-time"}
    assert len({model for model, _ in clocks}) >= 5
