"""The emulated Modbus slave against the specification's own frames, and its silences."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulate.rs485 import Rs485Line
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave, add_crc, has_valid_crc
from drivers.modbus.emulator_gateway import ModbusGateway
from drivers.serial_line import SerialLine
from tests.drivers.test_rs485 import Master
from tests.sim.loop import run

FAST = SerialLine(115_200)
SPEC = RegisterImage({"holding": {0x6B: 0xAE41, 0x6C: 0x5652, 0x6D: 0x4340}})


def image() -> RegisterImage:
    return RegisterImage(
        {
            "coil": dict.fromkeys(range(16), 0),
            "discrete": {0: 1, 1: 0, 2: 1, 3: 1, 4: 0, 5: 0, 6: 1, 7: 0},
            "input": {10: 0x1234, 11: 0x5678},
            "holding": {0: 1, 1: 2, 2: 3},
        },
        writable=[("holding", 1), ("holding", 2), *(("coil", n) for n in range(16))],
        max_block={"holding": 2},
    )


def respond(pdu: str, slave: ModbusSlave | None = None) -> str:
    slave = slave or ModbusSlave(1, image())
    return slave.respond(bytes.fromhex(pdu), 0.0).hex(" ")


def test_the_example_of_the_specification() -> None:
    slave = ModbusSlave(0x11, SPEC)
    frame = bytes.fromhex("11 03 00 6B 00 03 76 87")
    assert slave.accepts(frame)
    assert slave.answer(frame, 0.0) == bytes.fromhex("11 03 06 AE 41 56 52 43 40 49 AD")


@pytest.mark.parametrize(
    ("request_pdu", "reply"),
    [
        ("02 00 00 00 08", "02 01 4d"),
        ("02 00 02 00 03", "02 01 03"),
        ("04 00 0A 00 02", "04 04 12 34 56 78"),
        ("03 00 00 00 02", "03 04 00 01 00 02"),
        ("05 00 03 FF 00", "05 00 03 ff 00"),
        ("06 00 01 00 07", "06 00 01 00 07"),
        ("0F 00 00 00 08 01 A5", "0f 00 00 00 08"),
        ("10 00 01 00 02 04 00 08 00 09", "10 00 01 00 02"),
        ("03 00 00 00 03", "83 02"),  # more than this device gives at once
        ("03 00 03 00 01", "83 02"),
        ("04 00 09 00 01", "84 02"),
        ("06 00 00 00 07", "86 02"),  # not writable
        ("10 00 02 00 02 04 00 08 00 09", "90 02"),
        ("03 00 00 00 00", "83 03"),
        ("03 00 00 00 7E", "83 03"),
        ("03 00", "83 03"),
        ("07", "87 01"),
        ("41 00", "c1 01"),
    ],
)
def test_a_request_and_its_reply(request_pdu: str, reply: str) -> None:
    assert respond(request_pdu) == reply


def test_what_is_written_is_kept_and_a_refused_write_changes_nothing() -> None:
    slave = ModbusSlave(1, image())
    respond("10 00 01 00 02 04 00 08 00 09", slave)
    respond("0F 00 00 00 08 01 A5", slave)
    respond("06 00 00 00 63", slave)
    assert slave.image.read("holding", 0, 2) == [1, 8]
    assert slave.image.read("holding", 2, 1) == [9]
    assert respond("01 00 00 00 08", slave) == "01 01 a5"


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "01 03 00 00",
        "02 03 00 00 00 01 84 39",  # another unit, right checksum
        "01 03 00 00 00 01 84 0B",  # this unit, one bit wrong
        "00 03 00 00 00 01 85 DB",  # a broadcast read has no answer
    ],
)
def test_what_it_does_not_hear(frame: str) -> None:
    assert not ModbusSlave(1, image()).accepts(bytes.fromhex(frame))


def test_the_foreign_frames_above_are_well_formed() -> None:
    assert has_valid_crc(bytes.fromhex("02 03 00 00 00 01 84 39"))
    assert has_valid_crc(bytes.fromhex("00 03 00 00 00 01 85 DB"))
    assert has_valid_crc(bytes.fromhex("01 03 00 00 00 0A C5 CD"))
    assert has_valid_crc(bytes.fromhex("01 02 00 00 00 08 79 CC"))


def test_a_broadcast_write_is_obeyed_in_silence() -> None:
    slave = ModbusSlave(1, image())
    frame = add_crc(bytes.fromhex("00 06 00 01 00 63"))
    assert slave.accepts(frame)
    assert slave.answer(frame, 0.0) is None
    assert slave.image.read("holding", 1, 1) == [0x63]


def test_an_absent_unit_is_silent_on_the_wire_though_the_engine_would_answer() -> None:
    wire = Rs485Line([ModbusSlave(1, image())])

    async def story():
        master = Master(wire)
        absent = await master.ask(add_crc(bytes.fromhex("07 03 00 00 00 01")))
        return absent, await master.ask(add_crc(bytes.fromhex("01 03 00 00 00 01")))

    assert run(story()) == (b"", add_crc(bytes.fromhex("01 03 02 00 01")))
    assert wire.counters.unheard == 1


def test_faults_of_meaning() -> None:
    moved: list[float] = []
    slave = ModbusSlave(1, image(), SerialLine(), refresh=moved.append)
    frame = add_crc(bytes.fromhex("01 03 00 00 00 01"))
    assert slave.answer(frame, 5.0) == add_crc(bytes.fromhex("01 03 02 00 01"))
    slave.faults.stuck = True
    slave.answer(frame, 6.0)
    assert moved == [5.0]
    slave.faults.wrong_unit = 9
    assert slave.answer(frame, 7.0) == add_crc(bytes.fromhex("09 03 02 00 01"))
    slave.faults.exception = 6
    assert slave.answer(frame, 8.0) == add_crc(bytes.fromhex("09 83 06"))
    slave.faults.clear()
    assert slave.answer(frame, 9.0) == add_crc(bytes.fromhex("01 03 02 00 01"))


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_the_slave_and_every_answer_is_sealed(body, is_sealed) -> None:
    slave = ModbusSlave(1, image())
    frame = add_crc(b"\x01" + body) if is_sealed else body
    if slave.accepts(frame):
        reply = slave.answer(frame, 0.0)
        assert reply is not None
        assert has_valid_crc(reply)
        assert reply[0] == 1
        assert reply[1] & 0x7F == frame[1] & 0x7F


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_the_gateway_and_a_request_after_them_is_answered(pieces) -> None:
    class Client:
        def __init__(self) -> None:
            self.got = b""

        def send(self, data: bytes) -> None:
            self.got += data

    async def story() -> bytes:
        box = ModbusGateway(Rs485Line([ModbusSlave(1, image(), FAST)]), FAST, timeout_s=0.05)
        vandal, client = Client(), Client()
        box.on_connect(vandal)
        for piece in pieces:
            box.on_data(vandal, piece)
            await asyncio.sleep(0.01)
        box.on_disconnect(vandal)
        await asyncio.sleep(5)
        box.on_connect(client)
        for byte in bytes.fromhex("00 07 00 00 00 06 01 03 00 00 00 01"):
            box.on_data(client, bytes([byte]))
        await asyncio.sleep(1)
        return client.got

    assert run(story()) == bytes.fromhex("00 07 00 00 00 05 01 03 02 00 01")


def test_requests_beyond_the_boxs_memory_are_forgotten_the_others_answered_in_order() -> None:
    class Client:
        def __init__(self) -> None:
            self.transactions: list[int] = []

        def send(self, data: bytes) -> None:
            self.transactions.append(data[1])

    async def story() -> list[int]:
        box = ModbusGateway(Rs485Line([ModbusSlave(1, image(), FAST)]), FAST, queue_max=4)
        client = Client()
        box.on_connect(client)
        for number in range(10):
            box.on_data(client, bytes([0, number, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1]))
        await asyncio.sleep(5)
        return client.transactions

    assert run(story()) == [0, 1, 2, 3, 4]  # one on the wire, four waiting


def test_the_box_does_not_take_a_late_reply_for_another_blocks() -> None:
    class Client:
        def __init__(self) -> None:
            self.got: list[bytes] = []

        def send(self, data: bytes) -> None:
            self.got.append(data)

    async def story() -> list[bytes]:
        slave = ModbusSlave(1, image(), FAST)
        box = ModbusGateway(Rs485Line([slave]), FAST, timeout_s=0.05)
        client = Client()
        box.on_connect(client)
        slave.faults.late_s = 0.06
        box.on_data(client, bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 02"))
        await asyncio.sleep(0.0625)
        slave.faults.clear()
        box.on_data(client, bytes.fromhex("00 02 00 00 00 06 01 03 00 00 00 01"))
        await asyncio.sleep(1)
        return client.got

    assert run(story()) == [
        bytes.fromhex("00 01 00 00 00 03 01 83 0B"),
        bytes.fromhex("00 02 00 00 00 05 01 03 02 00 01"),
    ]
