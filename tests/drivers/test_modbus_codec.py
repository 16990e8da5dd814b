"""Modbus frames: the specification's own, any split, any garbage, and pymodbus as the judge."""

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu import bit_message as bit_pdu
from pymodbus.pdu import register_message as register_pdu

from drivers.contract import DeviceFault, GarbledReply, RequestRefused, TargetDead
from drivers.modbus import codec

VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "drivers/modbus/vectors.toml").read_text("utf-8")
)
EXCHANGES = pytest.mark.parametrize(
    "vector", VECTORS["exchange"], ids=lambda vector: vector["name"]
)


def asked(ask: dict) -> bytes:
    function, unit, address = ask["function"], ask["unit"], ask["address"]
    if function <= codec.READ_INPUT:
        return codec.read_request(unit, function, address, ask["count"])
    if function == codec.WRITE_COIL:
        return codec.write_coil(unit, address, on=ask["on"])
    if function == codec.WRITE_COILS:
        return codec.write_coils(unit, address, [bit == "1" for bit in ask["coils"]])
    registers = bytes.fromhex(ask["registers"])
    if function == codec.WRITE_REGISTER:
        return codec.write_register(unit, address, registers)
    return codec.write_registers(unit, address, registers)


@pytest.mark.parametrize("vector", VECTORS["checksum"])
def test_the_published_checksum(vector) -> None:
    assert codec.crc(bytes.fromhex(vector["data"])) == bytes.fromhex(vector["crc"])


@EXCHANGES
def test_we_ask_as_published(vector) -> None:
    assert asked(vector["ask"]) == bytes.fromhex(vector["request"])
    if "request_rtu" in vector:
        assert codec.rtu_frame(asked(vector["ask"])) == bytes.fromhex(vector["request_rtu"])
        assert codec.rtu_frame(bytes.fromhex(vector["reply"])) == bytes.fromhex(vector["reply_rtu"])


@EXCHANGES
def test_we_understand_what_is_published(vector) -> None:
    answer = codec.ExpectedReply.for_request(bytes.fromhex(vector["request"]))
    body = bytes.fromhex(vector["reply"])
    assert codec.MbapExpect(answer).find(body, final=True) == (0, len(body))
    frame = codec.rtu_frame(body)
    assert codec.RtuExpect(answer).find(frame, final=False) == (0, len(frame))
    if "exception" in vector:
        with pytest.raises(RequestRefused) as caught:
            codec.reply_data(body)
        assert caught.value.data == {"exception": vector["exception"]}
        assert caught.value.divisible
    elif "bits" in vector:
        bits = codec.bits(codec.reply_data(body), vector["ask"]["count"])
        assert "".join(str(int(bit)) for bit in bits) == vector["bits"]
    elif "registers" in vector:
        data = codec.reply_data(body)
        words = [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
        assert words == vector["registers"]
    else:
        assert codec.reply_data(body) == body[2:]


@pytest.mark.parametrize(
    ("exception", "kind", "divisible"),
    [(1, RequestRefused, False), (2, RequestRefused, True), (4, RequestRefused, False), (10,
    TargetDead, None),
     (11, TargetDead, None)],
)  # fmt: skip
def test_an_exception_is_the_device_or_what_stands_behind_the_gateway(
    exception, kind, divisible
) -> None:
    with pytest.raises(kind) as caught:
        codec.reply_data(bytes((1, 0x83, exception)))
    assert getattr(caught.value, "divisible", None) == divisible


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x01\x03", b"\x01\x03\x05\0\0"])
def test_an_answer_of_the_wrong_length_is_garbled(body) -> None:
    with pytest.raises(GarbledReply):
        codec.reply_data(body)


units = st.integers(1, 247)
addresses = st.integers(0, 0xFF00)
register_bytes = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123)


@st.composite
def exchanges(draw) -> tuple[bytes, bytes]:
    """A request's body and a right answer's."""
    unit, address = draw(units), draw(addresses)
    function = draw(st.sampled_from([1, 2, 3, 4, 5, 6, 15, 16]))
    if function <= codec.READ_INPUT:
        count = draw(st.integers(1, 125))
        size = codec.good_reply_bytes(function, count) - 3
        data = draw(st.binary(min_size=size, max_size=size))
        return codec.read_request(unit, function, address, count), bytes(
            (unit, function, size)
        ) + data
    if function == codec.WRITE_COIL:
        request = codec.write_coil(unit, address, on=draw(st.booleans()))
    elif function == codec.WRITE_REGISTER:
        request = codec.write_register(unit, address, draw(st.binary(min_size=2, max_size=2)))
    elif function == codec.WRITE_COILS:
        request = codec.write_coils(unit, address, draw(st.lists(st.booleans(), min_size=1)))
    else:
        words = b"".join(word.to_bytes(2) for word in draw(register_bytes))
        request = codec.write_registers(unit, address, words)
    return request, request[:6]


@given(exchange=exchanges(), refused=st.booleans(), litter=st.binary(max_size=8), data=st.data())
def test_any_split_finds_the_same_frame(exchange, refused, litter, data) -> None:
    request, answer = exchange
    body = bytes((answer[0], answer[1] | 0x80, 2)) if refused else answer
    heard = litter + codec.rtu_frame(body)
    expect = codec.RtuExpect(codec.ExpectedReply.for_request(request))
    whole = expect.find(heard, final=False)
    cut = data.draw(st.integers(0, len(heard)))
    part = expect.find(heard[:cut], final=False)
    assert part in (None, whole)
    assert len(heard) <= expect.limit
    found = expect.find(heard, final=True)
    assert found is not None
    assert codec.crc(heard[found[0] : found[1] - 2]) == heard[found[1] - 2 : found[1]]
    if not litter:
        assert heard[slice(*found)] == codec.rtu_frame(body)


@given(exchange=exchanges(), heard=st.binary(max_size=320), final=st.booleans())
def test_garbage_is_never_an_error_and_never_an_answer(exchange, heard, final) -> None:
    answer = codec.ExpectedReply.for_request(exchange[0])
    for expect in (codec.RtuExpect(answer), codec.MbapExpect(answer)):
        found = expect.find(heard, final=final)
        if found is not None:  # then it is an answer: unit, function, length, checksum
            frame = heard[slice(*found)]
            assert frame[0] == exchange[0][0]
            assert frame[1] & 0x7F == exchange[0][1]
    with contextlib.suppress(DeviceFault):
        codec.reply_data(heard)


@given(exchange=exchanges(), other=exchanges())
def test_somebody_elses_answer_is_not_ours(exchange, other) -> None:
    ours, theirs = (
        codec.ExpectedReply.for_request(exchange[0]),
        codec.ExpectedReply.for_request(other[0]),
    )
    if ours == theirs or other[1][:2] == exchange[1][:2]:
        return
    assert codec.RtuExpect(ours).find(codec.rtu_frame(other[1]), final=True) is None
    assert codec.MbapExpect(ours).find(other[1], final=True) is None


@given(exchange=exchanges(), flip=st.integers(0, 7), data=st.data())
def test_one_flipped_bit_is_never_believed(exchange, flip, data) -> None:
    frame = bytearray(codec.rtu_frame(exchange[1]))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << flip
    expect = codec.RtuExpect(codec.ExpectedReply.for_request(exchange[0]))
    assert expect.find(bytes(frame), final=True) is None


@given(exchange=exchanges())
def test_pymodbus_understands_what_we_ask(exchange) -> None:
    request, _ = exchange
    unit, function = request[0], request[1]
    for framer, frame in (
        (FramerRTU(DecodePDU(is_server=True)), codec.rtu_frame(request)),
        (FramerSocket(DecodePDU(is_server=True)),
         b"\0\x07\0\0" + len(request).to_bytes(2) + request),
    ):  # fmt: skip
        used, pdu = framer.handleFrame(frame, 0, 0)
        assert used == len(frame)
        assert pdu is not None
        assert (pdu.dev_id, pdu.function_code) == (unit, function)
        assert pdu.address == int.from_bytes(request[2:4])
        assert bytes((unit, function)) + pdu.encode() == request


@given(unit=units, registers=register_bytes, bits=st.lists(st.booleans(), min_size=1, max_size=99))
def test_we_understand_what_pymodbus_answers(unit, registers, bits) -> None:
    framer = FramerRTU(DecodePDU(is_server=False))
    told = register_pdu.ReadHoldingRegistersResponse(dev_id=unit, registers=registers)
    request = codec.read_request(unit, codec.READ_HOLDING, 0, len(registers))
    data = reply_content(request, framer.buildFrame(told))
    assert data == b"".join(word.to_bytes(2) for word in registers)
    shown = bit_pdu.ReadDiscreteInputsResponse(dev_id=unit, bits=bits)
    request = codec.read_request(unit, codec.READ_DISCRETE, 0, len(bits))
    data = reply_content(request, framer.buildFrame(shown))
    assert codec.bits(data, len(bits)) == bits


def reply_content(request: bytes, frame: bytes) -> bytes:
    found = codec.RtuExpect(codec.ExpectedReply.for_request(request)).find(frame, final=False)
    assert found == (0, len(frame))
    return codec.reply_data(frame[: -codec.CRC_BYTES])


@given(st.binary(max_size=40), st.integers(0, 40))
def test_any_frame_of_a_kin_is_found_in_any_split_and_no_refusal_where_none_is_believed(
    litter, cut
) -> None:
    request = codec.read_request(1, codec.READ_HOLDING, 0, 2)
    expect = codec.RtuExpect(codec.ExpectedReply.for_request(request))
    kin = expect.any_of_kin()
    assert (expect.kin, kin.any_of_kin(), kin.good_only()) == (b"\1\3", kin, kin)
    good = codec.rtu_frame(bytes.fromhex("01 03 04 00 01 00 02"))
    longer = codec.rtu_frame(bytes.fromhex("01 03 06 00 01 00 02 00 03"))
    refusal = codec.rtu_frame(bytes.fromhex("01 83 02"))
    for frame in (good, longer, refusal):
        heard = litter + frame
        assert len(heard) < kin.limit
        found = kin.find(heard, final=True)
        assert found is not None
        part = kin.find(heard[:cut], final=False)
        assert part is None or part == kin.find(heard, final=False)
    assert kin.find(good, final=False) == expect.find(good, final=False) == (0, len(good))
    assert expect.find(longer, final=True) is None
    assert expect.find(refusal, final=True) == (0, len(refusal))
    assert expect.good_only().find(refusal, final=True) is None
    assert expect.good_only().find(good, final=True) == (0, len(good))
    assert kin.find(codec.rtu_frame(bytes.fromhex("01 04 02 00 01")), final=True) is None


def test_a_written_answer_is_of_the_kin_of_its_write() -> None:
    body = codec.write_register(1, 7, b"\0\5")
    kin = codec.RtuExpect(codec.ExpectedReply.for_request(body)).any_of_kin()
    other = codec.rtu_frame(codec.write_register(1, 9, b"\0\6"))
    assert kin.find(other, final=False) == (0, len(other))


def test_behind_a_header_nothing_is_overheard() -> None:
    expect = codec.MbapExpect(codec.ExpectedReply.for_request(codec.read_request(1, 3, 0, 2)))
    assert (expect.kin, expect.any_of_kin(), expect.good_only()) == (b"\1\3", expect, expect)
