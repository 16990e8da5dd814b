"""Registers and values: every type and order, against pymodbus and against known patterns."""

import math
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin

from drivers.contract import NotWritable, Point, Quality, WriteSpec
from drivers.modbus import registers

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
NUMBERS = ("u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64")
FOREIGN = {
    "u16": "UINT16", "i16": "INT16", "u32": "UINT32", "i32": "INT32", "u64": "UINT64",
    "i64": "INT64", "f32": "FLOAT32", "f64": "FLOAT64",
}  # fmt: skip


def point(type_: str, **more) -> Point:
    return Point(id="p", address=0, kind="holding", type=type_, **more)


def read(point_: Point, hexed: str):
    return registers.decoder(point_)(bytes.fromhex(hexed))


@pytest.mark.parametrize(
    ("type_", "order", "hexed", "value"),
    [
        ("u32", "ABCD", "12 34 56 78", 0x12345678),
        ("u32", "CDAB", "56 78 12 34", 0x12345678),
        ("u32", "BADC", "34 12 78 56", 0x12345678),
        ("u32", "DCBA", "78 56 34 12", 0x12345678),
        ("u16", "ABCD", "12 34", 0x1234),
        ("u16", "CDAB", "12 34", 0x1234),
        ("u16", "BADC", "34 12", 0x1234),
        ("u16", "DCBA", "34 12", 0x1234),
        ("i16", "ABCD", "FF FE", -2),
        ("i32", "CDAB", "FF FE FF FF", -2),
        ("u64", "ABCD", "01 02 03 04 05 06 07 08", 0x0102030405060708),
        ("u64", "CDAB", "07 08 05 06 03 04 01 02", 0x0102030405060708),
        ("u64", "BADC", "02 01 04 03 06 05 08 07", 0x0102030405060708),
        ("u64", "DCBA", "08 07 06 05 04 03 02 01", 0x0102030405060708),
        ("bcd", "ABCD", "00 12 34 56", 123456),
        ("bcd", "CDAB", "34 56 00 12", 123456),
        ("bool", "ABCD", "00 01", True),
        ("bool", "BADC", "01 00", True),
    ],
)
def test_the_orders_as_installers_know_them(type_, order, hexed, value) -> None:
    assert read(point(type_, order=order), hexed).value == value


@pytest.mark.parametrize("type_", NUMBERS)
@pytest.mark.parametrize("range_", [{}, {"min": -10.0, "max": 100.0}])
@given(
    data=st.binary(min_size=8, max_size=8),
    scale=st.sampled_from([1, 0.1, 1e-3]),
    decimals=st.integers(0, 3),
)
def test_the_short_way_says_what_the_long_way_says_or_nothing(
    type_, range_, data, scale, decimals
) -> None:
    asked = point(type_, scale=scale, decimals=decimals, **range_)
    own = data[: 2 * registers.width(asked)]
    (count,) = struct.unpack(f">{registers.struct_code(asked)}", own)
    short, long = registers.number_decoder(asked)(count), registers.decoder(asked)(own)
    assert short == (long if long.quality is Quality.GOOD else None)


@pytest.mark.parametrize("count", [math.nan, math.inf, -math.inf])
def test_the_short_way_leaves_what_is_no_number_to_the_long_way(count) -> None:
    assert registers.number_decoder(point("f32"))(count) is None


def test_only_what_comes_as_it_is_has_a_short_way() -> None:
    assert [registers.struct_code(point("u32", order=order)) for order in ORDERS] == [
        "I",
        *3 * [None],
    ]
    assert registers.struct_code(point("bits", size=4)) is None


def test_a_published_voltage() -> None:
    # Eastron SDM630 Modbus protocol: 43 66 33 34 is 230.2 V in the first two input registers.
    assert read(point("f32", decimals=1), "43 66 33 34").value == 230.2


@pytest.mark.parametrize("type_", NUMBERS)
@pytest.mark.parametrize("order", ["ABCD", "CDAB"])
@given(data=st.binary(min_size=8, max_size=8))
def test_pymodbus_reads_the_same(type_, order, data) -> None:
    asked = point(type_, order=order, decimals=9)
    mine = registers.decoder(asked)(data[: 2 * registers.width(asked)])
    words = list(struct.unpack(">4H", data))[: registers.width(asked)]
    theirs = ModbusClientMixin.convert_from_registers(
        words,
        ModbusClientMixin.DATATYPE[FOREIGN[type_]],
        word_order="little" if order == "CDAB" else "big",
    )
    if not math.isfinite(theirs):
        assert (mine.value, mine.quality) == (None, Quality.SENSOR_FAULT)
    elif type_[0] == "f":
        assert mine.value == pytest.approx(theirs, abs=1e-9)
    else:
        assert mine.count == theirs


@given(data=st.data(), type_=st.sampled_from(NUMBERS[:6]), order=st.sampled_from(ORDERS))
def test_what_is_written_is_read(data, type_, order) -> None:
    size = 16 * registers.REGISTERS[type_]
    low, high = (0, 2**size - 1) if type_[0] == "u" else (-(2 ** (size - 1)), 2 ** (size - 1) - 1)
    value = data.draw(st.integers(low, high))
    asked = point(type_, order=order)
    assert registers.decoder(asked)(registers.encode(asked, value)).count == value


@given(tenths=st.integers(-32768, 32767), order=st.sampled_from(ORDERS))
def test_a_scaled_value_comes_back_rounded(tenths, order) -> None:
    asked = point("i16", order=order, scale=0.1, offset=-40.0, decimals=1)
    value = round(tenths * 0.1 - 40.0, 1)
    again = registers.decoder(asked)(registers.encode(asked, value))
    assert again.value == value
    assert again.count == tenths


@given(data=st.binary(min_size=0, max_size=20), type_=st.sampled_from([*NUMBERS, "bcd", "string"]))
def test_any_registers_give_a_sample(data, type_) -> None:
    asked = point(type_, size=4 if type_ == "string" else None)
    wide = 2 * registers.width(asked)
    assume(len(data) >= wide)
    assert registers.decoder(asked)(data[:wide]).point is asked


@pytest.mark.parametrize(
    ("more", "hexed", "value"),
    [
        ({"bit": 3, "size": 2}, "00 18", 3),
        ({"bit": 0, "size": 4}, "00 1F", 15),
        ({"bit": 12, "size": 8}, "00 0A B0 00", 0xAB),
    ],
)
def test_bit_fields(more, hexed, value) -> None:
    asked = point("bits", **more)
    assert registers.width(asked) == len(bytes.fromhex(hexed)) // 2
    assert read(asked, hexed).value == value


def test_texts_end_at_the_first_zero() -> None:
    assert read(point("string", size=4), b"SDM630\0x".hex()).value == "SDM630"
    assert read(point("string", size=2, order="BADC"), b"BADC".hex()).value == "ABCD"
    assert read(point("string", size=1), "ff fe").value == "��"


@pytest.mark.parametrize(
    ("type_", "hexed"),
    [("bcd", "00 1A 00 00"), ("f32", "7F C0 00 00"), ("f32", "7F 80 00 00")],
)
def test_what_is_no_number_is_a_sensors_fault(type_, hexed) -> None:
    sample = read(point(type_), hexed)
    assert (sample.value, sample.quality) == (None, Quality.SENSOR_FAULT)
    assert sample.raw == bytes.fromhex(hexed)


def test_a_value_out_of_range_is_flagged_with_its_registers() -> None:
    asked = point("u16", scale=0.1, decimals=1, min=0, max=100)
    assert read(asked, "03 E8").quality is Quality.GOOD
    sample = read(asked, "03 E9")
    assert (sample.value, sample.quality) == (100.1, Quality.OUT_OF_RANGE)
    assert sample.raw == b"\x03\xe9"


@pytest.mark.parametrize(
    ("type_", "modulus"),
    [("u16", 1 << 16), ("u32", 1 << 32), ("u64", 1 << 64), ("bcd", 10**8), ("i32", None),
     ("f32", None)],
)  # fmt: skip
def test_where_a_count_starts_again(type_, modulus) -> None:
    assert registers.modulus(point(type_)) == modulus


@pytest.mark.parametrize(
    ("type_", "value"),
    [("u16", 65536), ("u16", -1), ("i16", 40000), ("bcd", 10**8), ("bcd", -1), ("u16", "on"),
     ("u16", None), ("u16", math.nan), ("string", 1), ("f32", 1e300)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(type_, value) -> None:
    with pytest.raises(NotWritable):
        registers.encode(point(type_, size=2 if type_ == "string" else None), value)


def test_floats_bools_and_digits_are_written() -> None:
    assert registers.encode(point("f32", order="CDAB"), 230.2) == bytes.fromhex("33 33 43 66")
    assert registers.encode(point("bool"), True) == b"\0\x01"
    assert registers.encode(point("bcd", writable=WriteSpec()), 1234) == b"\0\0\x12\x34"
