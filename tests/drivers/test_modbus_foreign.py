"""Foreign judges of Modbus: libmodbus as our slaves' master, pymodbus's slaves under ours.

libmodbus comes from Debian's `libmodbus5`; where it is missing these tests fail.
"""

import asyncio
import ctypes
import ctypes.util
import time
from collections.abc import Callable

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.bus.kinds import ModbusTcpOptions
from drivers.contract import Device, Point, TargetDead
from drivers.emulate.pty import PtyLine
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.tcp import TcpServer
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.modbus.emulator_gateway import ModbusGateway
from drivers.scan.profile_trial import try_profile
from drivers.serial_line import SerialLine

FAST = SerialLine(115_200)
WORDS = {10: 1234, 11: 5678, 12: 65_535}
_ILLEGAL_ADDRESS = 112_345_678 + 2
_SECONDS = 60
_SILENCE_S = 0.01


class Master:
    """libmodbus, driven through its C interface."""

    def __init__(self, context: int | None) -> None:
        self.lib = library()
        self.context = ctypes.c_void_p(context)
        self.lib.modbus_set_response_timeout(self.context, _SECONDS, 0)
        self.lib.modbus_set_slave(self.context, 1)
        assert self.lib.modbus_connect(self.context) == 0, self.trouble()

    def _rest(self) -> None:
        """libmodbus itself keeps no silence between two requests."""
        time.sleep(_SILENCE_S)

    def read(self, address: int, count: int) -> list[int]:
        self._rest()
        words = (ctypes.c_uint16 * count)()
        got = self.lib.modbus_read_registers(self.context, address, count, words)
        return list(words) if got == count else []

    def read_bits(self, address: int, count: int) -> list[int]:
        self._rest()
        bits = (ctypes.c_uint8 * count)()
        got = self.lib.modbus_read_input_bits(self.context, address, count, bits)
        return list(bits) if got == count else []

    def write(self, address: int, word: int) -> bool:
        self._rest()
        return bool(self.lib.modbus_write_register(self.context, address, word) == 1)

    def trouble(self) -> int:
        return ctypes.get_errno()

    def close(self) -> None:
        self.lib.modbus_close(self.context)
        self.lib.modbus_free(self.context)


def library() -> ctypes.CDLL:
    name = ctypes.util.find_library("modbus")
    assert name, "libmodbus is missing: apt install libmodbus5"
    lib = ctypes.CDLL(name, use_errno=True)
    lib.modbus_new_rtu.restype = lib.modbus_new_tcp.restype = ctypes.c_void_p
    return lib


def slave() -> ModbusSlave:
    tables = {"holding": WORDS, "discrete": {0: 1, 1: 0, 2: 1}}
    return ModbusSlave(
        1, RegisterImage(tables, writable=[("holding", 10)]), FAST, turnaround_s=0.002
    )


def judge(master: Master) -> None:
    """Everything that a master does, in a thread of its own: libmodbus blocks."""
    try:
        assert master.read(10, 3) == list(WORDS.values())
        assert master.read_bits(0, 3) == [1, 0, 1]
        assert master.write(10, 4321)
        assert master.read(10, 1) == [4321]
        assert master.read(99, 1) == []
        assert master.trouble() == _ILLEGAL_ADDRESS
        assert not master.write(11, 1)
        assert master.trouble() == _ILLEGAL_ADDRESS
    finally:
        master.close()


async def judged(connect: Callable[[], int | None]) -> None:
    await asyncio.to_thread(lambda: judge(Master(connect())))


async def test_libmodbus_reads_writes_and_is_refused_over_a_pty() -> None:
    wire = Rs485Line([slave()])
    line = PtyLine(wire)
    line.plug()
    try:
        path = line.path.encode()
        await judged(lambda: library().modbus_new_rtu(path, FAST.baud, ctypes.c_char(b"N"), 8, 1))
    finally:
        line.unplug()
    assert wire.counters.replies == 6


async def test_libmodbus_reads_writes_and_is_refused_over_tcp() -> None:
    server = TcpServer(ModbusGateway(Rs485Line([slave()]), FAST, timeout_s=1))
    await server.plug()
    try:
        await judged(lambda: library().modbus_new_tcp(b"127.0.0.1", server.port))
    finally:
        await server.unplug()


KINDS = ("holding", "input")


def device(unit: int) -> Device:
    points = [Point(id=f"{kind}-{at}", kind=kind, address=at) for kind in KINDS for at in WORDS]
    points.append(Point(id="float", kind="holding", address=20, type="f32", decimals=1))
    return Device(id="m", family="modbus", address=str(unit), points=tuple(points), timeout_s=5)


@pytest.fixture
async def foreign():
    data = [
        SimData(10, values=list(WORDS.values()), datatype=DataType.REGISTERS),
        SimData(20, values=[230.2], datatype=DataType.FLOAT32),
    ]
    server = ModbusTcpServer([SimDevice(7, simdata=data)], address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield server.transport.sockets[0].getsockname()[1]
    await server.shutdown()


async def test_a_foreign_slave_answers_our_master(foreign) -> None:
    options = ModbusTcpOptions(address=f"127.0.0.1:{foreign}")
    link = await options.connect(lambda _data: False)
    try:
        exchanges = await try_profile(link, device(7), SerialLine(), options.cost(SerialLine()))
        absent = await try_profile(link, device(8), SerialLine(), options.cost(SerialLine()))
    finally:
        link.close()
    values = {each.sample.point.id: each.sample.value for ex in exchanges for each in ex.values}
    assert values == {f"{kind}-{at}": word for kind in KINDS for at, word in WORDS.items()} | {
        "float": 230.2
    }
    assert all(each.fault is not None for each in absent)
    assert not any(isinstance(each.fault, TargetDead) for each in exchanges)
