"""CJ/T 188 from the profile to the value, on published frames and on our emulator."""

import asyncio

import msgspec
import pytest

from drivers.cjt188 import driver, values
from drivers.cjt188.driver import DRIVER, Cjt188DeviceOptions
from drivers.cjt188.emulator import Cjt188Quirks, Cjt188Slave
from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    FieldError,
    NotWritable,
    Point,
    Quality,
    RequestRefused,
    WriteNotKept,
    WriteSpec,
)
from drivers.emulate.rs485 import Rs485Line
from drivers.family import WireCost
from drivers.serial_line import SerialLine
from tests.drivers.meter_lines import Tape, image, last_of, on_line, profile

LINE = SerialLine(2400, 8, "E", 1)
WIRE = WireCost(char_s=LINE.char_s, turnaround_s=0.05, silence_s=LINE.silence_s)
MODELS = ["cjt188-water", "cjt188-water-901f", "cjt188-heat-jy", "cjt188-gas"]
WATER, GAS = 0x10, 0x30
METER = "78330011223344"
# Published in a platform's front end (QueryBatchDevices.java) not known by name, so that it
# stands here and not among the vectors; it reads year, month, day … in the order of the wire.
YEAR_FIRST_REPLY = bytes.fromhex(
    "FEFEFEFE6810437632510000008116901F0047700100295148010029202005282058240000A716"
)


def device(points, address=METER, **rest) -> Device:
    return Device(id="m", family="cjt188", address=address, points=tuple(points), line=LINE, **rest)


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_reads_the_meter_that_it_was_not_made_from(model) -> None:
    published = image(model)
    meter = profile(model).device("m", published["address"], every_s=10)
    assert DRIVER.check(meter) == []
    tape = Tape(published["exchange"], LINE, None)
    got = last_of(on_line(Rs485Line([tape]), [meter], 8).results, "m")
    assert tape.played == tape.replies.keys()
    units = {point.id: point.unit for point in meter.points}
    assert {point: (value, units[point]) for point, value in got.items()} == {
        point: (told.get("value", told.get("quality")), told["unit"])
        for point, told in published["expected"].items()
    }


def water(**habits) -> Cjt188Slave:
    slave = Cjt188Slave(WATER, METER, habits=Cjt188Quirks(**habits))
    slave.show("1F90", "45 23 01 00 2C", "00 20 01 00 2C", "30 58 20 23 11 26 20")
    return slave


@pytest.mark.parametrize(
    "habits",
    [{}, {"wake": 0}, {"turns_item": True}, {"deaf_without_wake": 4}],
    ids=str,
)
def test_every_makers_habits_give_the_same_values(habits) -> None:
    slave = water(**habits)
    slave.battery_low = True
    got = on_line(Rs485Line([slave]), [profile("cjt188-water").device("m", METER, every_s=10)], 8)
    assert last_of(got.results, "m") == {
        "volume": 123.45,
        "volume-settled": 120.0,
        "meter-clock": "2026-11-23 20:58:30",
        "valve": True,
        "battery-low": True,
    }
    assert slave.counters.requests == 2  # a first count is asked for twice


def test_a_meter_tells_its_address_to_whoever_asks() -> None:
    point = Point(id="a", kind="any", address="810A", type="string", extra={"is": "address"})
    got = last_of(on_line(Rs485Line([water()]), [device([point], "A" * 14)], 5).results, "m")
    assert got == {"a": METER}


def heat(unit: str) -> tuple[Point, bytes]:
    point = Point(id="h", address="901F", kind="heat", type="bcd", size=4, scale=0.01, decimals=4,
                  unit=unit, extra={"unit": "before"}, counter=True)  # fmt: skip
    return point, bytes.fromhex("00 01 00 00")  # 1.00 of whatever unit


@pytest.mark.parametrize(
    ("code", "unit", "value"),
    [
        (0x08, "MW.h", 1.0), (0x08, "kW.h", 1000.0), (0x05, "MW.h", 0.001), (0x02, "kW.h", 0.001),
        (0x0A, "MW.h", 100.0), (0x11, "GJ", 1.0), (0x11, "MJ", 1000.0), (0x0E, "GJ", 0.001),
        (0x13, "GJ", 100.0), (0x05, "MJ", 3.6), (0x01, "J", 1.0), (0x0B, "MJ", 0.001),
        (0x14, "W", 1.0), (0x17, "W", 1000.0), (0x1A, "kW", 1000.0),
        (0x29, "L", 1.0), (0x2C, "L", 1000.0), (0x29, "m3", 0.001),
        (0x32, "m3/h", 0.001), (0x35, "L/h", 1000.0),
    ],
)  # fmt: skip
def test_units_are_turned_into_the_points_own(code, unit, value) -> None:
    point, digits = heat(unit)
    before = values.sample(point, bytes([code]) + digits)
    after = msgspec.structs.replace(point, extra={"unit": "after"})
    assert before.value == values.sample(after, digits + bytes([code])).value == value
    assert before.quality is Quality.GOOD


def test_a_counter_counts_on_when_the_meter_changes_its_unit() -> None:
    point, _ = heat("MW.h")
    kilo = values.sample(point, bytes.fromhex("05 99 99 99 99"))
    mega = values.sample(point, bytes.fromhex("08 00 00 10 00"))
    assert (kilo.value, mega.value) == (1000.0, 1000.0)
    assert 0 < mega.count - kilo.count < mega.count * 1e-7
    assert mega.modulus == 10**8 * 3600 * 10**6


CELSIUS = Point(id="p", address="", type="bcd", size=3, scale=0.01, decimals=2)
TIME = Point(id="p", address="", type="string", extra={"is": "clock"})
YEAR_FIRST = Point(id="p", address="", type="string", extra={"is": "clock", "first": "year"})
STATE = Point(id="p", address="", type="bool", extra={"is": "valve"})


@pytest.mark.parametrize(
    ("point", "raw", "value", "quality"),
    [
        (heat("MW.h")[0], "00 00 01 00 00", None, "sensor_fault"),
        (heat("MW.h")[0], "2C 00 01 00 00", None, "sensor_fault"),
        (heat("MW.h")[0], "08 FF FF FF FF", None, "sensor_fault"),
        (CELSIUS, "35 25 00", 25.35, "good"),
        (Point(id="p", address="", type="bcd", size=1, max=50), "99", 99, "out_of_range"),
        (Point(id="p", address="", type="u8"), "99", 0x99, "good"),
        (Point(id="p", address="", type="u16"), "21 84", 0x8421, "good"),
        (Point(id="p", address="", type="bits", bit=4, size=2), "31", 3, "good"),
        (Point(id="p", address="", type="bool", bit=8), "00 01", True, "good"),
        (Point(id="p", address="", type="string", size=2), "34 12", "1234", "good"),
        (Point(id="p", address="", type="string", size=1), "FA", None, "sensor_fault"),
        (TIME, "00" * 7, None, "sensor_fault"),
        (TIME, "FF" * 7, None, "sensor_fault"),
        (TIME, "31 01 22 11 05 15 20", "2015-05-11 22:01:31", "good"),
        (TIME, "20 20 05 28 20 58 24", None, "sensor_fault"),  # would be 2458-20-28 05:20:20
        (TIME, "00 00 00 30 02 26 20", None, "sensor_fault"),
        (TIME, "00 00 24 28 02 26 20", None, "sensor_fault"),
        (TIME, "00 00 00 01 01 00 99", None, "sensor_fault"),
        (YEAR_FIRST, "20 20 05 28 20 58 24", "2020-05-28 20:58:24", "good"),
        (YEAR_FIRST, "31 01 22 11 05 15 20", None, "sensor_fault"),
        (STATE, "03 00", None, "sensor_fault"),
        (STATE, "01 00", False, "good"),
    ],
)  # fmt: skip
def test_what_bytes_mean(point, raw, value, quality) -> None:
    sample = values.sample(point, bytes.fromhex(raw))
    assert (sample.value, sample.quality) == (value, Quality(quality))
    assert values.width(point) == len(bytes.fromhex(raw))


def test_a_published_meter_that_sends_the_year_first() -> None:
    model = profile("cjt188-water-901f").device("m", "00000051327643")
    points = tuple(
        msgspec.structs.replace(each, extra={**each.extra, "first": "year"})
        if each.id == "meter-clock"
        else each
        for each in model.points
    )
    for device_points, shown in ((points, "2020-05-28 20:58:24"), (model.points, None)):
        (read,) = DRIVER.plan(model, device_points, WireCost())
        found = read.expect.find(YEAR_FIRST_REPLY, final=True)
        frame = YEAR_FIRST_REPLY[slice(*found)]
        said = {each.point.id: each for each in read.decode(frame)}
        assert said["meter-clock"].value == shown
        assert said["volume"].quality is Quality.GOOD


def valve(control: int | None = None, *, read_back: bool = False) -> Point:
    extra = {"is": "valve", "command": "17A0"} | ({"control": control} if control else {})
    return Point(id="valve", kind="cold-water", address="1F90", type="bool", at=17, extra=extra,
                 writable=WriteSpec(read_back=read_back))  # fmt: skip


def written(slave, point, value, seconds=20):
    got = []

    async def story(bus) -> None:
        await asyncio.sleep(3)
        try:
            got.append(await bus.write("m", point.id, value))
        except FieldError as error:
            got.append(error)

    heard = on_line(Rs485Line([slave]), [device([point], every_s=5)], seconds, story)
    return got[0], [result.readings[0].value for result in heard.results]


@pytest.mark.parametrize("control", [None, 0x2A])
def test_the_valve_confirms_moves_and_is_seen_to_have_moved(control) -> None:
    slave = water(valve_control=control or 0x04)
    confirmed, seen = written(slave, valve(control), False)
    assert confirmed.value is False
    assert seen[0] is True
    assert seen[-1] is False


def test_a_quick_valve_is_proved_by_reading_back() -> None:
    slave = water(valve_s=0.0)
    assert written(slave, valve(read_back=True), False)[0].value is False


def test_a_valve_that_does_not_move_is_found_out() -> None:
    slave = water(valve_s=0.0)
    slave.faults.stuck = True
    error, seen = written(slave, valve(read_back=True), False)
    assert isinstance(error, WriteNotKept)
    assert seen[-1] is None


def test_a_command_that_the_meter_does_not_know_is_refused_with_its_status() -> None:
    slave = water(valve_control=0x2A)
    slave.battery_low = True
    error, _ = written(slave, valve(), False)
    assert isinstance(error, RequestRefused)
    assert error.data == {"status": "0400"}


def test_the_published_valve_frames() -> None:
    gas = profile("cjt188-gas").device("m", "00000000000003", options=Cjt188DeviceOptions(wake=3))
    fox = profile("cjt188-water-901f").device(
        "m", "00000805000001", options=Cjt188DeviceOptions(wake=3)
    )
    frames = [
        DRIVER.write(meter, meter.point("valve"), is_open, WIRE).write.request.hex(" ").upper()
        for meter, is_open in ((gas, True), (gas, False), (fox, True), (fox, False))
    ]
    assert frames == [
        "FE FE FE 68 30 03 00 00 00 00 00 00 04 04 17 A0 01 55 B0 16",
        "FE FE FE 68 30 03 00 00 00 00 00 00 04 04 17 A0 01 99 F4 16",
        "FE FE FE 68 10 01 00 00 05 08 00 00 2A 04 A0 17 00 55 C0 16",
        "FE FE FE 68 10 01 00 00 05 08 00 00 2A 04 A0 17 00 99 04 16",
    ]
    plan = DRIVER.write(fox, fox.point("valve"), False, WIRE)
    confirmation = bytes.fromhex("68 10 01 00 00 05 08 00 00 AA 05 A0 17 00 01 FF EC 16")
    assert plan.write.expect.find(confirmation, final=True) == (0, len(confirmation))
    assert plan.write.decode(confirmation) == ()
    assert plan.read_back is None


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (valve(), 1),
        (valve(), None),
        (msgspec.structs.replace(valve(), writable=None), True),
        (msgspec.structs.replace(valve(), extra={"command": "17A0"}), True),
    ],
)
def test_what_cannot_be_written(point, value) -> None:
    with pytest.raises(NotWritable):
        DRIVER.write(device([point]), point, value, WIRE)


def test_an_answer_shorter_than_its_fields_is_refused() -> None:
    slave = Cjt188Slave(WATER, METER)
    slave.show("1F90", "45 23 01 00 2C", status=False)
    heard = on_line(Rs485Line([slave]), [profile("cjt188-water").device("m", METER, every_s=10)], 8)
    assert set(last_of(heard.results, "m").values()) == {"exception"}
    assert heard.results[0].fault.code == "cjt188.short"


def test_an_error_reply_says_the_status() -> None:
    slave = water()
    slave.faults.exception = 1
    heard = on_line(Rs485Line([slave]), [profile("cjt188-water").device("m", METER, every_s=10)], 8)
    fault = heard.results[0].fault
    assert (fault.code, fault.data) == ("cjt188.refused", {"status": "0000"})


@pytest.mark.parametrize(
    "address", ["", "1", "783300112233445", "7833001122334X", "7833AAAAAAAAAA"]
)
def test_addresses_that_cannot_be_polled(address) -> None:
    (fault,) = DRIVER.check(device([], address))
    assert isinstance(fault, BadAddress)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("address", {"address": "1F"}),
        ("address", {"address": "volume"}),
        ("command", {"extra": {"is": "valve", "command": "A0"}}),
        ("command", {"writable": WriteSpec(), "extra": {"is": "valve"}}),
        ("kind", {"kind": "milk"}),
        ("type", {"type": "f32"}),
        ("is", {"extra": {"is": "unknown"}}),
        ("first", {"extra": {"is": "clock", "first": "unknown"}}),
        ("unit", {"extra": {"unit": "above"}}),
        ("unit", {"extra": {"unit": "after"}, "unit": "V"}),
    ],
)
def test_points_that_are_no_fields(what, changes) -> None:
    good = Point(id="p", kind="gas", address="1F90", type="bcd", size=4)
    (fault,) = DRIVER.check(device([msgspec.structs.replace(good, **changes)]))
    assert isinstance(fault, BadProfile)
    assert fault.data["what"] == what


def test_a_fixed_sequence_number_travels_with_the_identifier() -> None:
    assert driver.item_bytes("901F01") == b"\x90\x1f\x01"
    assert driver.item_bytes("1F90") == b"\x1f\x90\x00"
