"""What to ask at once: the cheapest blocks, compared with every other way; and the load."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus.rounds import ReadSpan, coalesce, overlaps, plan_load, plan_rounds
from drivers.contract import Device, DeviceLimits, Point
from drivers.family import Framing, WireCost
from drivers.modbus.driver import DRIVER
from drivers.serial_line import SerialLine

WIRE = WireCost()
spans = st.lists(
    st.builds(
        lambda first, more: ReadSpan(first, first + more), st.integers(0, 30), st.integers(0, 3)
    ),
    min_size=1,
    max_size=6,
)


def every_way(count: int):
    """All ways to cut a row of `count` spans into runs."""
    for cuts in itertools.product((False, True), repeat=count - 1):
        runs, run = [], [0]
        for index, cut in enumerate(cuts, 1):
            if cut:
                runs.append(run)
                run = []
            run.append(index)
        yield [*runs, run]


def asked_of(device: Device, wire: WireCost = WIRE) -> list[tuple[int, int]]:
    """First register and count of every request."""
    return [
        (int.from_bytes(each.request[2:4]), int.from_bytes(each.request[4:6]))
        for one in plan_rounds(device, DRIVER, wire)
        for each in one.transactions
    ]


def spots(*addresses: int, form: str = "u16", **more) -> Device:
    points = tuple(
        Point(id=f"r{at}", kind="holding", address=at, type=form, every_s=5.0 + at % 2)
        for at in addresses
    )
    return Device(id="d", family="modbus", address="1", points=points, **more)


def test_no_two_replies_of_a_device_look_alike_where_more_may_be_read() -> None:
    assert asked_of(spots(0, 100, 201)) == [(0, 2), (100, 3), (201, 1)]
    closed = DeviceLimits(unreadable=(("holding", 1, 99), ("holding", 101, 110)))
    assert asked_of(spots(0, 100, 200, limits=closed)) == [(0, 1), (100, 1), (200, 2)]
    before = DeviceLimits(unreadable=(("holding", 1, 99), ("holding", 101, 110)))
    assert asked_of(spots(0, 65_535, limits=before)) == [(0, 1), (65_534, 2)]
    assert asked_of(spots(0, 100, limits=DeviceLimits(max_block={"": 1}))) == [(0, 1), (100, 1)]


def test_a_meter_of_double_registers_is_asked_for_whole_ones() -> None:
    assert asked_of(spots(0, 100, 200, form="f32")) == [(0, 4), (100, 6), (200, 2)]


def test_behind_a_header_every_reply_is_told_apart_as_it_is() -> None:
    wire = WireCost(Framing.MBAP, 0.0, 0.01, 0.0)
    assert {count for _, count in asked_of(spots(0, 300, 600), wire)} == {1}


def test_a_longer_read_that_is_denied_is_put_back() -> None:
    (one,) = [
        each for each in plan_rounds(spots(0, 100), DRIVER, WIRE)[0].transactions
        if each.request[5] == 2
    ]  # fmt: skip
    (back,) = one.divide()
    assert (back.request[2:6], back.points) == (one.request[2:5] + b"\x01", one.points)


def cost(runs, ordered, fixed, most, holes):
    total = 0.0
    for run in runs:
        first = ordered[run[0]].first
        last = max(ordered[index].last for index in run)
        alone = len(run) == 1
        if not alone and (last - first + 1 > most or overlaps(first, last, holes)):
            return None
        total += fixed + last - first + 1
    return total


@given(
    wanted=spans,
    fixed=st.floats(0.1, 30),
    most=st.integers(1, 40),
    holes=st.lists(st.builds(lambda at: ReadSpan(at, at), st.integers(0, 33)), max_size=2),
)
def test_no_other_way_is_cheaper(wanted, fixed, most, holes) -> None:
    blocks = coalesce(wanted, fixed=fixed, unit=1.0, most=most, unreadable=holes)
    assert sorted(index for block in blocks for index in block.spans) == list(range(len(wanted)))
    for block in blocks:
        assert block.first == min(wanted[index].first for index in block.spans)
        assert block.last == max(wanted[index].last for index in block.spans)
        if len(block.spans) > 1:
            assert block.width <= most
            assert not overlaps(block.first, block.last, holes)
    ours = sum(fixed + block.width for block in blocks)
    ordered = sorted(wanted)
    ways = (cost(runs, ordered, fixed, most, holes) for runs in every_way(len(wanted)))
    assert ours == pytest.approx(min(way for way in ways if way is not None))


def device(addresses, **more) -> Device:
    points = tuple(
        Point(id=f"p{at}", kind="holding", address=at, type="u16", **more.pop("point", {}))
        for at in addresses
    )
    return Device(id="d", family="modbus", address="1", points=points, **more)


def asked(device_: Device, wire: WireCost = WIRE) -> list[tuple[int, int]]:
    """(first, count) of every request."""
    (one,) = plan_rounds(device_, DRIVER, wire)
    return [
        (int.from_bytes(each.request[2:4]), int.from_bytes(each.request[4:6]))
        for each in one.transactions
    ]


def test_a_gap_is_read_over_while_that_is_cheaper() -> None:
    # At 9600 8N1 with 10 ms turnaround asking again costs 30.8 ms: 14 registers and a bit.
    assert asked(device([0, 15])) == [(0, 16)]
    assert asked(device([0, 16])) == [(0, 2), (16, 1)]


def test_at_2400_baud_a_gap_is_dearer_but_so_is_asking() -> None:
    line = SerialLine.parse("2400 8E1")
    slow = WireCost(char_s=line.char_s, silence_s=line.silence_s, turnaround_s=0.05)
    assert asked(device([0, 15]), slow) == [(0, 16)]
    assert asked(device([0, 20]), slow) == [(0, 2), (20, 1)]


def test_over_tcp_only_the_limit_counts() -> None:
    tcp = WireCost(char_s=0.0, turnaround_s=0.01, silence_s=0.0)
    assert asked(device([0, 60, 124]), tcp) == [(0, 125)]
    assert asked(device([0, 60, 125]), tcp) == [(0, 1), (60, 66)]


def test_a_devices_own_limits() -> None:
    eight = DeviceLimits(max_block={"holding": 8})
    counts = [count for _, count in asked(device(range(20), limits=eight))]
    assert (len(counts), sum(counts)) == (3, 20)
    assert max(counts) <= 8
    hole = DeviceLimits(unreadable=(("holding", 3, 4),))
    assert asked(device([0, 1, 2, 5, 6], limits=hole)) == [(0, 3), (5, 2)]
    elsewhere = DeviceLimits(unreadable=(("input", 3, 4),))
    assert asked(device([0, 1, 2, 5, 6], limits=elsewhere)) == [(0, 7)]


def test_points_of_another_period_or_urgency_are_another_round() -> None:
    points = (
        Point(id="a", kind="holding", address=0),
        Point(id="b", kind="holding", address=1, every_s=60),
        Point(id="c", kind="holding", address=2, priority=1),
    )
    planned = plan_rounds(
        Device(id="d", family="modbus", address="1", points=points, every_s=5), DRIVER, WIRE
    )
    assert [(one.period_s, one.priority) for one in planned] == [(5, 5), (60, 5), (5, 1)]


def test_the_planned_load_is_time_over_period() -> None:
    one = device(range(20), every_s=1.0, limits=DeviceLimits(pause_ms=20))
    total = plan_load(plan_rounds(one, DRIVER, WIRE), {"d": WIRE})
    # 8 + 45 characters, 10 ms turnaround, two silences, 20 ms pause
    assert total.share == pytest.approx(53 / 960 + 0.01 + 2 * 3.5 / 960 + 0.02)
    assert total.longest_s == pytest.approx(total.share - 0.02)
    assert total.is_bearable
    assert not plan_load(plan_rounds(one, DRIVER, WIRE) * 9, {"d": WIRE}).is_bearable
