"""Foreign masters judge the emulated devices, over a real pty and real TCP, in real time."""

import asyncio
import contextlib
import errno
import os
import re
import termios
import tty
from collections.abc import Callable

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from drivers.emulate.pty import PtyLine
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.tcp import SerialServer, TcpServer
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.modbus.emulator_gateway import ModbusGateway
from drivers.serial_line import SerialLine

FAST = SerialLine(115_200)
# Its silence is 0.1 s: whoever asks at once asks within it, also on a busy machine.
SLOW = SerialLine(300)


def slaves(line: SerialLine = FAST) -> list[ModbusSlave]:
    image = {
        "input": {0: 0x4366, 1: 0x3334},
        "holding": {10: 1234, 11: 5678},
        "discrete": {0: 1, 1: 0, 2: 1},
        "coil": {0: 0, 1: 0},
    }
    return [
        ModbusSlave(
            unit,
            RegisterImage(image, writable=[("holding", 10), ("coil", 0), ("coil", 1)]),
            line,
            turnaround_s=0.002,
        )
        for unit in (1, 2)
    ]


@pytest.fixture
async def pty_line():
    line = PtyLine(Rs485Line(slaves()))
    line.plug()
    yield line
    line.unplug()


@pytest.fixture
async def gateway():
    server = TcpServer(ModbusGateway(Rs485Line(slaves()), FAST, timeout_s=0.5))
    await server.plug()
    yield server
    await server.unplug()


async def mbpoll(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "mbpoll", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def until(happened: Callable[[], bool]) -> None:
    """What the wire hears, it hears after the other process has written it."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


def values(output: str) -> list[str]:
    return re.findall(r"^\[\d+\]:\s+(\S+)", output, re.MULTILINE)


RTU = ("-m", "rtu", "-b", "115200", "-P", "none", "-1")
PATIENT = ("-o", "10")  # a loaded machine may take its time
SILENT = ("-o", "0.2")
REGISTER_11 = ("-t", "4", "-r", "11")
REGISTER_12 = ("-t", "4", "-r", "12")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-a", "1", "-t", "4", "-r", "11", "-c", "2"), ["1234", "5678"]),
        (("-a", "2", "-t", "3:float", "-B", "-r", "1", "-c", "1"), ["230.2"]),
        (("-a", "2", "-t", "1", "-r", "1", "-c", "3"), ["1", "0", "1"]),
    ],
)
async def test_mbpoll_reads_over_a_pty(pty_line, arguments, expected) -> None:
    code, output = await mbpoll(*RTU, *PATIENT, *arguments, pty_line.path)
    assert (code, values(output)) == (0, expected), output


async def test_mbpoll_writes_over_a_pty_and_is_refused_where_nothing_may_be_written(
    pty_line,
) -> None:
    code, output = await mbpoll(*RTU, *PATIENT, "-a", "1", *REGISTER_11, pty_line.path, "4321")
    assert code == 0, output
    assert pty_line.wire.slaves[0].image.read("holding", 10, 1) == [4321]
    code, output = await mbpoll(*RTU, *PATIENT, "-a", "1", *REGISTER_12, pty_line.path, "1")
    assert "Illegal data address" in output


async def test_an_absent_unit_is_silent_to_mbpoll(pty_line) -> None:
    code, output = await mbpoll(*RTU, *SILENT, "-a", "9", *REGISTER_11, pty_line.path)
    assert code == 1
    assert "timed out" in output
    await until(lambda: pty_line.wire.counters.unheard == 1)


async def test_the_wrong_baud_rate_is_met_with_silence_and_counted(pty_line) -> None:
    wrong = ("-m", "rtu", "-b", "9600", "-P", "none", "-1", "-o", "0.2")
    code, output = await mbpoll(*wrong, "-a", "1", "-t", "4", "-r", "11", pty_line.path)
    assert code == 1
    assert "timed out" in output
    await until(lambda: pty_line.wire.counters.wrong_line == 1)


async def test_mbpoll_reads_and_writes_over_tcp(gateway) -> None:
    where = ("-m", "tcp", "-p", str(gateway.port), "-1", *PATIENT)
    code, output = await mbpoll(*where, "-a", "2", "-t", "4", "-r", "11", "-c", "2", "127.0.0.1")
    assert (code, values(output)) == (0, ["1234", "5678"]), output
    code, output = await mbpoll(*where, "-a", "2", "-t", "0", "-r", "1", "127.0.0.1", "1")
    assert code == 0, output
    assert gateway.box.wire.slaves[1].image.read("coil", 0, 1) == [1]


async def pymodbus_over(client) -> list:
    assert await client.connect()
    try:
        answers = []
        for unit in (1, 2):
            answers.append(await client.read_holding_registers(10, count=2, device_id=unit))
            await asyncio.sleep(FAST.silence_s)  # pymodbus keeps none
            answers.append(await client.read_input_registers(0, count=2, device_id=unit))
            await asyncio.sleep(FAST.silence_s)
        answers.append(await client.write_register(10, 7, device_id=1))
        await asyncio.sleep(FAST.silence_s)
        answers.append(await client.read_holding_registers(12, count=1, device_id=1))
    finally:
        client.close()
    return [answer.exception_code if answer.isError() else answer.registers for answer in answers]


EXPECTED = [[1234, 5678], [0x4366, 0x3334], [1234, 5678], [0x4366, 0x3334], [7], 2]


async def test_pymodbus_over_a_pty(pty_line) -> None:
    client = AsyncModbusSerialClient(pty_line.path, baudrate=115_200, timeout=60, retries=0)
    assert await pymodbus_over(client) == EXPECTED
    assert pty_line.wire.counters.violations == 0


async def test_pymodbus_without_pauses_violates_the_silence_and_is_ignored() -> None:
    line = PtyLine(Rs485Line(slaves(SLOW)))
    line.plug()
    client = AsyncModbusSerialClient(line.path, baudrate=SLOW.baud, timeout=60, retries=0)
    try:
        assert await client.connect()
        await client.read_holding_registers(10, count=1, device_id=1)
        soon = asyncio.create_task(client.read_holding_registers(10, count=1, device_id=1))
        await until(lambda: line.wire.counters.violations == 1)
        await asyncio.sleep(SLOW.silence_s + 20 * SLOW.char_s)  # an answer would be there by now
        assert line.wire.counters.replies == 1
        assert not soon.done()
        soon.cancel()
    finally:
        client.close()
        line.unplug()


async def test_pymodbus_over_tcp(gateway) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=gateway.port, timeout=60, retries=0)
    assert await pymodbus_over(client) == EXPECTED


async def test_pymodbus_over_a_serial_server() -> None:
    server = TcpServer(SerialServer(Rs485Line(slaves()), FAST))
    await server.plug()
    client = AsyncModbusTcpClient(
        "127.0.0.1", port=server.port, framer=FramerType.RTU, timeout=60, retries=0
    )
    assert await pymodbus_over(client) == EXPECTED
    await server.unplug()


@pytest.mark.parametrize(("dead_answer", "code"), [(0x0B, 0x0B), (None, None)])
async def test_a_dead_unit_behind_the_gateway(gateway, dead_answer, code) -> None:
    gateway.box.dead_answer = dead_answer
    gateway.box.wire.slaves[1].faults.dead = True
    patience_s = 60 if code else 0.3
    client = AsyncModbusTcpClient("127.0.0.1", port=gateway.port, timeout=patience_s, retries=0)
    assert await client.connect()
    try:
        if code is None:
            with pytest.raises(ModbusIOException):
                await client.read_holding_registers(10, device_id=2)
        else:
            answer = await client.read_holding_registers(10, device_id=2)
            assert answer.exception_code == code
    finally:
        client.close()
    assert await read_once(gateway.port) == ANSWER  # the other unit


async def read_once(port: int, timeout_s: float = 60) -> bytes | str:
    """What a bare socket gets for one request: the answer, `silence`, or `closed`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(bytes.fromhex("00 07 00 00 00 06 01 03 00 0A 00 01"))
        async with asyncio.timeout(timeout_s):
            return await reader.read(64) or "closed"
    except TimeoutError:
        return "silence"
    except ConnectionResetError:
        return "closed"
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()


ANSWER = bytes.fromhex("00 07 00 00 00 05 01 03 02 04 D2")


@pytest.mark.parametrize(
    ("fault", "value", "expected"),
    [("held", True, "silence"), ("drop", True, "closed"), ("slow_s", 0.1, ANSWER)],
)
async def test_faults_of_the_box_itself(gateway, fault, value, expected) -> None:
    assert await read_once(gateway.port) == ANSWER
    setattr(gateway.faults, fault, value)
    began = asyncio.get_running_loop().time()
    patience_s = 0.2 if expected == "silence" else 60
    assert await read_once(gateway.port, patience_s) == expected
    if fault == "slow_s":
        assert asyncio.get_running_loop().time() - began >= value
    gateway.faults.clear()
    assert await read_once(gateway.port) == ANSWER


async def test_the_box_can_be_unplugged_and_comes_back_at_the_same_port(gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    await gateway.unplug()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    await gateway.plug()
    assert await read_once(gateway.port) == ANSWER


async def test_what_is_not_modbus_gets_no_answer_and_hurts_nobody(gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n" + bytes(7) + b"\xff" * 300)
    assert await read_once(gateway.port) == ANSWER
    assert not reader.at_eof()
    writer.close()
    await writer.wait_closed()


async def test_a_pulled_plug_hangs_up_and_the_link_follows_the_new_pty(tmp_path) -> None:
    link = tmp_path / "ttyMETERS"
    line = PtyLine(Rs485Line(slaves()), link)
    line.plug()
    held = os.open(link, os.O_RDWR | os.O_NOCTTY)
    line.unplug()
    assert not link.exists()
    with pytest.raises(OSError, match="Input/output error") as lost:
        os.write(held, b"x")
    assert lost.value.errno == errno.EIO
    os.close(held)
    line.plug()
    code, output = await mbpoll(*RTU, *PATIENT, "-a", "1", *REGISTER_11, str(link))
    assert (code, values(output)) == (0, ["1234"]), output
    line.unplug()


async def test_a_line_that_nobody_has_open_costs_nothing_and_may_be_left() -> None:
    line = PtyLine(Rs485Line(slaves()))
    line.plug()
    held = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(held)
    assert termios.tcgetattr(held)
    os.close(held)  # without our own hold on the far end this would make the pty spin
    calls = 0
    original = line._readable

    def count() -> None:
        nonlocal calls
        calls += 1
        original()

    loop = asyncio.get_running_loop()
    loop.add_reader(line._master, count)
    await asyncio.sleep(0.05)
    assert calls == 0
    line.unplug()
