"""DL/T 645-2007 from the profile to the value, on published frames and on our emulator."""

import asyncio
import tomllib
from pathlib import Path

import msgspec
import pytest

from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    DeviceLimits,
    FieldError,
    NotWritable,
    Point,
    Quality,
    RequestRefused,
    WriteNotKept,
    WriteSpec,
)
from drivers.dlt645 import item_reads, values
from drivers.dlt645.driver import DRIVER, Dlt645DeviceOptions
from drivers.dlt645.emulator import Dlt645Quirks, Dlt645Slave
from drivers.emulate.rs485 import Rs485Line
from drivers.family import WireCost
from drivers.serial_line import SerialLine
from tests.drivers.meter_lines import Tape, image, last_of, on_line, profile

LINE = SerialLine(2400, 8, "E", 1)
WIRE = WireCost(char_s=LINE.char_s, turnaround_s=0.05, silence_s=LINE.silence_s)
VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "drivers/dlt645/vectors.toml").read_text("utf-8")
)
MODELS = ["dlt645-single-phase", "dlt645-prepaid", "dlt645-three-phase"]
NO_DATA = 0x02


def point_of(told: dict) -> Point:
    fields = {key: told[key] for key in told.keys() - {"value", "quality"}}
    return Point(**{"type": "bcd"} | fields)


def device(points, address="201000000012", **rest) -> Device:
    return Device(
        id="em", family="dlt645", address=address, points=tuple(points), line=LINE, **rest
    )


@pytest.mark.parametrize(
    "vector",
    [each for each in VECTORS["dialogue"] if each.get("points") and "errors" not in each],
    ids=lambda vector: vector["name"],
)
def test_published_replies_give_the_published_values(vector) -> None:
    points = [point_of(told) for told in vector["points"]]
    meter = device(points, vector["ask"]["address"])
    (transaction,) = DRIVER.plan(meter, points, WIRE)
    if "request" in vector and vector["request"].startswith("FE"):
        assert transaction.request == bytes.fromhex(vector["request"])
    frame = bytes.fromhex(vector["reply"]).lstrip(b"\xfe")
    if "more" in vector:
        transaction = transaction.more(frame)
        assert transaction.request == bytes.fromhex(vector["more"]["request"])
        frame = bytes.fromhex(vector["more"]["reply"])
    assert transaction.more is None or transaction.more(frame) is None
    samples = transaction.decode(frame)
    assert [sample.point for sample in samples] == points
    for sample, told in zip(samples, vector["points"], strict=True):
        assert sample.value == told.get("value")
        assert sample.quality.value == told.get("quality", "good")


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_reads_the_meter_that_it_was_not_made_from(model) -> None:
    published = image(model)
    meter = profile(model).device("em", published["address"])
    assert DRIVER.check(meter) == []
    address = bytes.fromhex(published["address"])[::-1]
    body = bytes([0x68, *address, 0x68, 0xD1, 1, NO_DATA + 0x33])
    no_such_item = body + bytes([sum(body) % 256, 0x16])
    tape = Tape(published["exchange"], LINE, no_such_item)
    heard = on_line(Rs485Line([tape]), [meter], 30)
    assert tape.played >= tape.replies.keys()
    got = last_of(heard.results, "em")
    units = {point.id: point.unit for point in meter.points}
    assert {point: (got[point], units[point]) for point in published["expected"]} == {
        point: (told.get("value", told.get("quality")), told["unit"])
        for point, told in published["expected"].items()
    }
    beyond = got.keys() - published["expected"].keys()
    assert {got[point] for point in beyond} <= {"exception"}


def three_phases(address="201000000012", **habits) -> Dlt645Slave:
    slave = Dlt645Slave(address, habits=Dlt645Quirks(**habits))
    slave.show("00010000", "00123456")
    slave.show("00020000", "00000001")
    for phase, (volt, ampere, kilowatt, factor) in enumerate(
        [("2301", "001250", "002512", "0998"), ("2299", "000010", "001234", "0500"),
         ("0000", "799999", "799999", "1000")], 1,
    ):  # fmt: skip
        slave.show(f"02010{phase}00", volt)
        slave.show(f"02020{phase}00", ampere, minus=phase == 2)
        slave.show(f"02030{phase}00", kilowatt, minus=phase == 2)
        slave.show(f"02060{phase}00", factor, minus=phase == 2)
    slave.show("02030000", "001278", minus=True)
    slave.show("02060000", "0733")
    slave.show("02800002", "5003")
    return slave


THREE_PHASES = {
    "energy": 1234.56, "energy-reverse": 0.01, "frequency": 50.03,
    "voltage-a": 230.1, "voltage-b": 229.9, "voltage-c": 0.0,
    "current-a": 1.25, "current-b": -0.01, "current-c": 799.999,
    "power": -0.1278, "power-a": 0.2512, "power-b": -0.1234, "power-c": 79.9999,
    "power-factor": 0.733, "power-factor-a": 0.998, "power-factor-b": -0.5, "power-factor-c": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "habits",
    [
        {},
        {"wake": 4},
        {"wake": 2, "deaf_without_wake": 4},
        {"blocks": False},
        {"piece_bytes": 4},
        {"piece_bytes": 1},
    ],
    ids=str,
)
def test_every_vendors_habits_give_the_same_values(habits) -> None:
    slave = three_phases(**habits)
    heard = on_line(
        Rs485Line([slave]), [profile("dlt645-three-phase").device("em", slave.address)], 90
    )
    assert last_of(heard.results, "em") == THREE_PHASES


def test_blocks_save_transactions_and_are_given_up_where_there_are_none() -> None:
    meter = profile("dlt645-three-phase").device("em", "201000000012")
    asked = {}
    for blocks in (True, False):
        slave = three_phases(blocks=blocks)
        on_line(Rs485Line([slave]), [meter], 110)  # two rounds
        asked[blocks] = slave.counters.requests
    puzzles = 2  # first counts, asked for twice
    assert asked == {True: 2 * 7 + puzzles, False: (7 + 14) + 17 + puzzles}


def test_a_meter_that_hides_its_pieces_is_asked_item_by_item() -> None:
    """Some meters mark a reply as unfinished and then refuse to give the rest."""

    class Miser(Dlt645Slave):
        def _obey(self, control, data):
            return (0xD2, bytes([NO_DATA])) if control == 0x12 else super()._obey(control, data)

    slave = Miser("201000000012", habits=Dlt645Quirks(piece_bytes=4))
    slave.items |= three_phases().items
    heard = on_line(
        Rs485Line([slave]), [profile("dlt645-three-phase").device("em", slave.address)], 90
    )
    assert last_of(heard.results, "em") == THREE_PHASES


def test_a_long_line_of_pieces_ends() -> None:
    points = [
        Point(id=f"t{n}", address=f"0001{n:02X}00", type="bcd", size=4, at=4 * n,
              extra={"block": "0001FF00"}) for n in range(12)
    ]  # fmt: skip
    slave = Dlt645Slave("201000000012", habits=Dlt645Quirks(piece_bytes=1))
    for point in points:
        slave.show(point.address, "00000007")
    heard = on_line(Rs485Line([slave]), [device(points)], 40)
    assert set(last_of(heard.results, "em").values()) == {7}
    assert slave.counters.requests > item_reads.PIECES_MAX


def test_a_block_is_no_larger_than_the_model_bears() -> None:
    meter = profile("dlt645-three-phase").device("em", "201000000012")
    small = msgspec.structs.replace(meter, limits=DeviceLimits(max_block={"": 8}))
    requests = {
        limit: sorted(len(plan.points) for plan in DRIVER.plan(bounded, bounded.points, WIRE))
        for limit, bounded in (("none", meter), ("8 bytes", small))
    }
    assert requests["none"] == [1, 1, 1, 3, 3, 4, 4]
    assert requests["8 bytes"] == [*[1] * 10, 3, 4]


def test_one_item_of_a_block_is_asked_for_by_itself() -> None:
    meter = profile("dlt645-three-phase").device("em", "201000000012")
    (plan,) = DRIVER.plan(meter, [meter.point("voltage-b")], WIRE)
    assert plan.request.endswith(bytes.fromhex("11 04 33 35 34 35") + plan.request[-2:])


def test_bits_of_one_status_word_are_one_request() -> None:
    points = [
        Point(id="supply", address="04000503", type="bits", bit=1, size=2),
        Point(id="program-key", address="04000503", type="bool", bit=3),
        Point(id="word", address="04000503", type="u16"),
    ]
    slave = Dlt645Slave("201000000012")
    slave.items["04000503"] = bytes([0b1100, 0x01])
    heard = on_line(Rs485Line([slave]), [device(points)], 5)
    assert last_of(heard.results, "em") == {"supply": 2, "program-key": True, "word": 0x010C}
    assert slave.counters.requests == 1


def test_a_meter_tells_its_address_to_whoever_asks() -> None:
    point = Point(id="address", kind="address", address="", type="string")
    heard = on_line(
        Rs485Line([Dlt645Slave("201000000012", habits=Dlt645Quirks(wake=4))]),
        [device([point], "AAAAAAAAAAAA")],
        5,
    )
    assert last_of(heard.results, "em") == {"address": "201000000012"}


def test_a_short_address_reads_too() -> None:
    points = [Point(id="v", address="02010100", type="bcd", size=2, scale=0.1, decimals=1)]
    heard = on_line(Rs485Line([three_phases()]), [device(points, "AAAAAAAA0012")], 5)
    assert last_of(heard.results, "em") == {"v": 230.1}


RELAY = Point(
    id="relay", kind="relay", address="04000503", type="bool", bit=4, writable=WriteSpec()
)
LIMIT = Point(id="limit", address="04001001", type="bcd", size=4, scale=0.01, decimals=2,
              writable=WriteSpec(min=0, max=500))  # fmt: skip
CLOCK = Point(id="clock", kind="clock", address="04000102", type="string", size=3,
              writable=WriteSpec(read_back=False))  # fmt: skip
RIGHTS = Dlt645DeviceOptions(level=2, password="123456", operator="00000001")


def written(slave, point, value, options=RIGHTS):
    got = []

    async def story(bus) -> None:
        await asyncio.sleep(3)
        try:
            got.append(await bus.write("em", point.id, value))
        except FieldError as error:
            got.append(error)

    on_line(Rs485Line([slave]), [device([point], options=options)], 1, story)
    return got[0]


def test_the_relay_is_switched_confirmed_and_read_back() -> None:
    slave = Dlt645Slave("201000000012", password="123456")
    for on in (False, True):
        assert written(slave, RELAY, on).value is on
        assert slave.relay_closed is on


def test_a_relay_that_confirms_and_does_not_move_is_found_out() -> None:
    slave = Dlt645Slave("201000000012", password="123456")
    slave.faults.stuck = True
    error = written(slave, RELAY, False)
    assert isinstance(error, WriteNotKept)
    assert error.data["wrote"] is False
    assert error.data["reads"] is True


def test_the_relay_frame_is_the_published_one() -> None:
    (vector,) = [each for each in VECTORS["dialogue"] if each["name"].startswith("the relay is")]
    options = Dlt645DeviceOptions(level=2, password="020637", operator="00000001", wake=0)
    meter = device([RELAY], "151230011061", options=options)
    plan = DRIVER.write(meter, RELAY, True, WIRE)
    until = slice(10 + 10, -2)
    published = bytes.fromhex(vector["request"])
    assert plan.write.request[: until.start] == published[: until.start]
    assert len(plan.write.request) == len(published)
    confirmed = bytes.fromhex(vector["reply"])
    assert plan.write.expect.find(confirmed, final=True) == (0, len(confirmed))
    assert plan.write.decode(confirmed) == ()


def test_a_vendors_own_switching_commands() -> None:
    point = msgspec.structs.replace(RELAY, extra={"close": 0x1C})
    slave = Dlt645Slave("201000000012", password="123456")
    slave.items["04000503"] = b"\x10\0"
    assert written(slave, point, True).value is True


def test_an_item_is_written_with_its_rights_and_read_back() -> None:
    slave = Dlt645Slave("201000000012", password="123456")
    slave.show("04001001", "00000000")
    assert written(slave, LIMIT, 123.45).value == 123.45
    assert slave.items["04001001"] == bytes.fromhex("45230100")


def test_a_wrong_password_is_refused_with_its_reason() -> None:
    slave = Dlt645Slave("201000000012", password="654321")
    slave.show("04001001", "00000000")
    error = written(slave, LIMIT, 1)
    assert isinstance(error, RequestRefused)
    assert error.data == {"exception": 4, "reasons": ["not-authorised"]}
    assert slave.items["04001001"] == bytes(4)


def test_everybody_is_told_the_time_and_nobody_is_waited_for() -> None:
    slave = Dlt645Slave("201000000012")
    slave.show("04000102", "205800")
    assert written(slave, CLOCK, "2026-11-23 20:58:30").value == "2026-11-23 20:58:30"
    assert slave.told_time == "261123205830"


def test_the_broadcast_time_is_the_published_one() -> None:
    (vector,) = [each for each in VECTORS["dialogue"] if each["name"].startswith("everybody")]
    meter = device([CLOCK], options=Dlt645DeviceOptions(wake=0))
    plan = DRIVER.write(meter, CLOCK, "2017-06-05 10:22:51", WIRE)
    assert plan.write.request == bytes.fromhex(vector["request"])
    assert plan.write.expect is None


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (LIMIT, "12"), (LIMIT, 501), (LIMIT, -1), (LIMIT, None),
        (RELAY, 1), (CLOCK, "now"), (CLOCK, 5),
        (msgspec.structs.replace(LIMIT, writable=None), 1),
        (msgspec.structs.replace(LIMIT, writable=WriteSpec(), size=1), 500),
        (msgspec.structs.replace(LIMIT, writable=WriteSpec(), type="u8", scale=1), 300),
        (msgspec.structs.replace(LIMIT, kind="address", type="string"), "1"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(point, value) -> None:
    with pytest.raises(NotWritable):
        DRIVER.write(device([point]), point, value, WIRE)


def test_binary_items_are_written_lowest_byte_first() -> None:
    point = msgspec.structs.replace(LIMIT, type="u16", scale=1)
    assert values.encode(point, 258) == b"\x02\x01"


SIGNED = Point(id="p", address="", type="bcd", kind="signed", size=3)
DATE = Point(id="p", address="", type="string", kind="date", size=4)


@pytest.mark.parametrize(
    ("point", "raw", "value", "quality"),
    [
        (SIGNED, "ffffff", None, "sensor_fault"),
        (SIGNED, "0000fa", None, "sensor_fault"),
        (SIGNED, "000080", 0, "good"),
        (Point(id="p", address="", type="bcd", size=2, max=5000), "0060", 6000, "out_of_range"),
        (Point(id="p", address="", type="bcd", size=2, min=5000), "0040", 4000, "out_of_range"),
        (Point(id="p", address="", type="string", size=6), "000020303536", "650", "good"),
        (Point(id="p", address="", type="string", size=2), "80e4", None, "sensor_fault"),
        (Point(id="p", address="", type="string", kind="digits", size=2), "1234", "3412", "good"),
        (DATE, "ffffffff", None, "sensor_fault"),
        (DATE, "01301326", None, "sensor_fault"),  # month 13
        (DATE, "01300226", None, "sensor_fault"),  # 30 February
        (Point(id="p", address="", type="u32"), "01000080", 0x80000001, "good"),
    ],
)  # fmt: skip
def test_what_bytes_mean(point, raw, value, quality) -> None:
    sample = values.sample(point, bytes.fromhex(raw))
    assert (sample.value, sample.quality) == (value, Quality(quality))


def test_counters_keep_their_integers_and_where_they_start_again() -> None:
    point = Point(id="e", address="00010000", type="bcd", size=4, scale=0.01, decimals=2)
    sample = values.sample(point, bytes.fromhex("56341200"))
    assert (sample.value, sample.count, sample.modulus) == (1234.56, 123456, 10**8)


@pytest.mark.parametrize("came", ["", "00"])
def test_an_answer_shorter_than_the_item_is_refused(came) -> None:
    slave = Dlt645Slave("201000000012")
    slave.items["02010100"] = bytes.fromhex(came)
    point = Point(id="v", address="02010100", type="bcd", size=2)
    heard = on_line(Rs485Line([slave]), [device([point])], 5)
    assert last_of(heard.results, "em") == {"v": "exception"}
    assert heard.results[0].fault.code == "dlt645.short"


def test_an_error_reply_without_an_error_word() -> None:
    with pytest.raises(RequestRefused) as caught:
        item_reads.decode_good_reply(bytes.fromhex("68 12 00 00 00 10 20 68 D1 00 E3 16"))
    assert caught.value.data == {"exception": 0, "reasons": []}


@pytest.mark.parametrize(
    "address", ["", "1", "2010000000123", "20100000001X", "999999999999", "2010AAAAAAAA"]
)
def test_addresses_that_cannot_be_polled(address) -> None:
    (fault,) = DRIVER.check(device([], address))
    assert isinstance(fault, BadAddress)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("address", {"address": "0201"}),
        ("address", {"address": "voltage!"}),
        ("block", {"extra": {"block": "02"}}),
        ("type", {"type": "f32"}),
        ("kind", {"kind": "holding"}),
    ],
)
def test_points_that_are_no_items(what, changes) -> None:
    point = msgspec.structs.replace(Point(id="p", address="02010100", type="bcd"), **changes)
    (fault,) = DRIVER.check(device([point]))
    assert isinstance(fault, BadProfile)
    assert fault.data["what"] == what
