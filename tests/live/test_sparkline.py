"""Curves: every sample lies where its value says, holes are holes, axes are round."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web import sparkline

numbers = st.floats(-1e9, 1e9).map(lambda x: round(x, 3))
samples = st.lists(st.none() | numbers, max_size=120)

Spots = list[tuple[str, float, float]]


def spots(path: str) -> Spots:
    return [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])(\S+) ([^ML]+)", path)]


def test_a_known_curve() -> None:
    assert sparkline.curve_path([0, 1, None, 3], 0, 3, (300, 30, 0)) == "M0 30L100 20M300 0"
    assert sparkline.spark_path((2, 2)) == "M0 14L100 14"
    assert sparkline.spark_path(()) == sparkline.spark_path((None, None)) == ""


@given(samples)
def test_every_sample_is_drawn_inside_the_box_and_every_hole_lifts_the_pen(
    given_: list[float | None],
) -> None:
    drawn = spots(sparkline.spark_path(tuple(given_)))
    assert len(drawn) == sum(s is not None for s in given_)
    assert all(0 <= x <= 100 and 3.9 <= y <= 24.1 for _, x, y in drawn)
    runs = re.findall(r"x+", "".join("-" if s is None else "x" for s in given_))
    assert sum(pen == "M" for pen, _, _ in drawn) == len(runs)


@given(samples)
def test_an_axis_holds_every_sample_between_its_ends(given_: list[float | None]) -> None:
    axis = sparkline.axis_scale(given_)
    assert axis.low < axis.high
    for sample in given_:
        if sample is not None:
            slack = 1e-6 * (axis.high - axis.low)
            assert axis.low - slack <= sample <= axis.high + slack


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=2, max_size=50))
def test_the_labels_of_an_axis_are_its_lines(given_: list[float]) -> None:
    axis = sparkline.axis_scale(given_)
    told = [float(label.replace(",", "")) for label in axis.labels]
    step = (axis.high - axis.low) / sparkline.INTERVALS
    for i, label in enumerate(told):
        assert math.isclose(label, axis.high - i * step, abs_tol=step * 1e-3)


@pytest.mark.parametrize(
    ("given_", "labels"),
    [
        ([13.8, 21.9], ("25", "20", "15", "10")),
        ([0.02, 0.09], ("0.15", "0.10", "0.05", "0.00")),
        ([231.4, 231.4], ("260", "240", "220", "200")),
        ([128_398.0, 128_406.0], ("128,410", "128,405", "128,400", "128,395")),
        ([0, 0], ("1.0", "0.5", "0.0", "-0.5")),
        ([], ("1.0", "0.5", "0.0", "-0.5")),
    ],
)
def test_axes_are_round(given_: list[float], labels: tuple[str, ...]) -> None:
    assert sparkline.axis_scale(given_).labels == labels
