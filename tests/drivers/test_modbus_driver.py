"""The Modbus driver: what it refuses at load, and how it writes."""

import pytest

from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    DeviceLimits,
    NotWritable,
    Point,
    WriteSpec,
)
from drivers.family import Framing, WireCost
from drivers.modbus import codec
from drivers.modbus.driver import DRIVER, ModbusDeviceOptions
from drivers.serial_line import SerialLine

SERIAL = WireCost()
TCP = WireCost(Framing.MBAP, 0.0, 0.01, 0.0)


def device(*points: Point, address: str = "7", **more) -> Device:
    return Device(id="d", family="modbus", address=address, points=points, **more)


def reasons(*points: Point, **more) -> list[str]:
    return [fault.code for fault in DRIVER.check(device(*points, **more))]


GOOD = Point(id="p", kind="holding", address=0)


def test_a_sound_device_has_no_faults() -> None:
    coil = Point(id="c", kind="coil", address=65535, type="bool")
    assert reasons(GOOD, coil) == []


@pytest.mark.parametrize("address", ["", "0", "256", "x", "-1", "1.0"])
def test_unit_addresses(address) -> None:
    (fault,) = DRIVER.check(device(GOOD, address=address))
    assert isinstance(fault, BadAddress)
    assert fault.data == {"device": "d", "address": address}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "register"}, "modbus.bad-kind"),
        ({"address": "40001"}, "modbus.bad-register"),
        ({"address": 65536}, "modbus.bad-register"),
        ({"type": "u8"}, "modbus.bad-type"),
        ({"kind": "coil"}, "modbus.bad-type"),
        ({"kind": "discrete", "type": "bool", "bit": 1}, "modbus.bad-type"),
        ({"type": "string", "size": 126}, "modbus.too-wide"),
    ],
)
def test_points_that_cannot_be_read(more, code) -> None:
    fields = {"id": "p", "kind": "holding", "address": 0} | more
    faults = DRIVER.check(device(Point(**fields)))
    assert [fault.code for fault in faults] == [code]
    assert isinstance(faults[0], BadProfile)
    assert faults[0].data == {"device": "d", "point": "p"}


def test_limits_of_model_and_device() -> None:
    wide = Point(id="p", kind="holding", address=0, type="u64")
    assert reasons(wide, limits=DeviceLimits(max_block={"": 3})) == ["modbus.too-wide"]
    assert reasons(wide, limits=DeviceLimits(max_block={"holding": 4, "": 3})) == []
    assert reasons(wide, options=ModbusDeviceOptions(max_block=2)) == ["modbus.too-wide"]
    hole = DeviceLimits(unreadable=(("holding", 3, 3),))
    assert reasons(wide, limits=hole) == ["modbus.unreadable"]


@pytest.mark.parametrize(
    ("point", "value", "body"),
    [
        ({"kind": "coil", "type": "bool"}, True, "07 05 00 09 FF 00"),
        ({"kind": "coil", "type": "bool"}, False, "07 05 00 09 00 00"),
        ({"kind": "coil", "type": "bool", "writable": WriteSpec(function=15)}, True,
         "07 0F 00 09 00 01 01 01"),
        ({}, 258, "07 06 00 09 01 02"),
        ({"writable": WriteSpec(function=16)}, 258, "07 10 00 09 00 01 02 01 02"),
        ({"type": "f32", "order": "CDAB"}, 230.2, "07 10 00 09 00 02 04 33 33 43 66"),
        ({"scale": 0.1, "decimals": 1}, 25.8, "07 06 00 09 01 02"),
    ],
)  # fmt: skip
def test_how_a_point_is_written(point, value, body) -> None:
    fields = {"id": "p", "kind": "holding", "address": 9, "writable": WriteSpec()} | point
    target = Point(**fields)
    for wire in (SERIAL, TCP):
        plan = DRIVER.write(device(target), target, value, wire)
        raw = bytes.fromhex(body)
        assert plan.write.request == (raw if wire is TCP else codec.rtu_frame(raw))
        assert plan.read_back is not None
        assert plan.read_back.points == (target,)
    assert plan.expected == (
        pytest.approx(value, rel=0.01) if point.get("type") == "f32" else value
    )


def test_a_write_only_point_is_not_read_back() -> None:
    target = Point(id="p", kind="coil", address=1, type="bool", writable=WriteSpec(read_back=False))
    assert DRIVER.write(device(target), target, True, SERIAL).read_back is None


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ({"writable": None}, 1),
        ({"kind": "input"}, 1),
        ({"type": "bool", "bit": 3}, True),
        ({"writable": WriteSpec(min=5)}, 4),
        ({"writable": WriteSpec(max=5)}, 6),
        ({}, "1"),
        ({}, None),
        ({}, 1 << 16),
    ],
)
def test_what_is_not_written(more, value) -> None:
    fields = {"id": "p", "kind": "holding", "address": 9, "writable": WriteSpec()} | more
    target = Point(**fields)
    with pytest.raises(NotWritable):
        DRIVER.write(device(target), target, value, SERIAL)


def test_both_framings_bound_what_they_keep() -> None:
    answer = codec.ExpectedReply.for_request(codec.read_request(1, 3, 0, 125))
    for expect in (codec.RtuExpect(answer), codec.MbapExpect(answer)):
        assert answer.size < expect.limit <= 400


def test_line_settings_play_no_part_over_tcp() -> None:
    slow = device(GOOD, line=SerialLine(1200))
    (transaction,) = DRIVER.plan(slow, slow.points, TCP)
    assert transaction.request == codec.read_request(7, 3, 0, 1)
