"""What counts as the same value on the station's page and on a meter's own display."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UsageError
from gateway.health import PointVitals
from gateway.setup.meter_check import FACTORS, compare_display, first_compared, parse_display


def verdict(ours: float, shown: str, unit: str = "kW") -> str:
    return compare_display(ours, *parse_display(shown), unit).verdict


@pytest.mark.parametrize(
    ("ours", "shown", "unit"),
    [
        (22.07, "22.1", "kW"),
        (22.07, "22", "kW"),
        (231.4, "233.0", "V"),
        (0.0, "0.0", "kW"),
        (-4.21, "-4.2", "kW"),
        (12345.67, "12,345.6", "kW.h"),
        (7833.12, "7833", "m3"),
    ],
)
def test_what_a_display_rounds_and_a_load_moves_agrees(ours: float, shown: str, unit: str) -> None:
    assert verdict(ours, shown, unit) == "agrees"


@pytest.mark.parametrize(
    ("ours", "shown", "unit", "factor"),
    [
        (22.07, "220.7", "kW", 0.1),
        (2207.0, "22.07", "kW", 100.0),
        (231400.0, "231.4", "V", 1000.0),
        (12400.0, "12345.6", "kW.h", None),
        (-22.07, "22.07", "kW", None),
        (22.07, "0", "kW", None),
    ],
)
def test_what_is_wired_or_scaled_wrong_is_flagged(
    ours: float, shown: str, unit: str, factor: float | None
) -> None:
    judged = compare_display(ours, *parse_display(shown), unit)
    assert (judged.verdict, judged.factor) == ("differs", factor)


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "1e400", "12 34", "1" * 21, "0x10"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_display(text)
    assert refused.value.code == "setup.no-number"


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_finite_number_or_refused(text: str) -> None:
    try:
        value, half = parse_display(text)
    except UsageError:
        return
    assert abs(value) < float("inf")
    assert half > 0


@given(st.decimals(min_value=1, max_value=100_000, places=2), st.sampled_from(FACTORS))
def test_a_wrong_scale_never_passes_and_is_named(shown, factor: float) -> None:
    judged = compare_display(float(shown) * factor, *parse_display(str(shown)), "kW")
    assert (judged.verdict, judged.factor) == ("differs", factor)


def point(id_: str, unit: str = "V", kind: str = "") -> PointVitals:
    return PointVitals(id_, id_, 1.0, unit, "good", 1, kind=kind)


METER = [
    point("power", "W"),
    *(point(f"voltage-{n}") for n in "abc"),
    *(point(f"current-{n}", "A") for n in "abc"),
    point("energy", "kW.h"),
]


def test_three_values_of_a_meter_are_compared_first_and_the_rest_is_folded() -> None:
    first, rest = first_compared(METER, ())
    assert [each.id for each in first] == ["power", "voltage-a", "energy"]
    assert len(first) + len(rest) == len(METER)


def test_what_somebody_has_compared_stays_in_sight() -> None:
    first, _ = first_compared(METER, {"current-c"})
    assert "current-c" in [each.id for each in first]


def test_inputs_are_never_folded() -> None:
    wired = [point(f"door-{n}", "1", "door") for n in range(8)]
    assert first_compared(wired, ()) == (wired, [])
