"""Serial ports on real ptys: opening, holding, line settings, hot unplug and return."""

import asyncio
import os
import sys
import termios
import tty
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from drivers.bus import port as port_module
from drivers.bus.kinds import SerialOptions
from drivers.bus.port import serial_opener, serial_port_products, serial_ports
from drivers.contract import (
    LineDown,
    LineLost,
    PortForbidden,
    PortHeld,
    PortMissing,
    PortUnfit,
)
from drivers.emulate.pty import PtyLine
from drivers.emulate.rs485 import Rs485Line
from drivers.serial_line import SerialLine
from tests.drivers.harness import RunningBus, meter, slave, wrong
from tests.drivers.test_bus_tcp import until

FAST = SerialLine(115_200)
METERS = SerialLine.parse("2400 8E1")


class Ear:
    """Keeps what a stream delivers."""

    def __init__(self) -> None:
        self.data = b""
        self.error: LineDown | None = None

    def on_bytes(self, data: bytes) -> None:
        self.data += data

    def on_lost(self, error: LineDown) -> None:
        self.error = error


@pytest.fixture
def pty():
    """The far end's descriptor, and the path of the port."""
    master, far = os.openpty()
    tty.setraw(far)
    path = os.ttyname(far)
    os.close(far)
    yield master, path
    os.close(master)


async def opened(path: str, line: SerialLine = FAST):
    ear = Ear()
    return ear, await serial_opener(path, line)(ear)


async def test_bytes_both_ways(pty) -> None:
    master, path = pty
    ear, stream = await opened(path)
    stream.write(b"\x01\x03\x11\x13\n\r\x00\xff")
    assert os.read(master, 99) == b"\x01\x03\x11\x13\n\r\x00\xff"
    os.write(master, b"\xff\x00\r\n\x13\x11\x03\x04")
    await until(lambda: len(ear.data) == 8)
    assert ear.data == b"\xff\x00\r\n\x13\x11\x03\x04"
    stream.close()


async def test_what_the_driver_does_not_take_at_once_follows(pty) -> None:
    master, path = pty
    os.set_blocking(master, False)
    _, stream = await opened(path)
    big = bytes(range(256)) * 256
    stream.write(big)
    taken = b""

    def drain() -> bool:
        nonlocal taken
        try:
            taken += os.read(master, 1 << 16)
        except BlockingIOError:
            return False
        return len(taken) == len(big)

    await until(drain)
    assert taken == big
    stream.close()


async def test_line_settings_change_at_once_and_a_ptys_refusal_of_parity_is_forgiven(pty) -> None:
    master, path = pty
    _, stream = await opened(path, METERS)
    stream.set_line(METERS)
    assert termios.tcgetattr(master)[5] == termios.B2400
    stream.set_line(FAST)
    assert termios.tcgetattr(master)[5] == termios.B115200
    with pytest.raises(PortUnfit) as caught:
        stream.set_line(SerialLine(12_345))
    assert caught.value.data["line"] == "12345 8N1"
    stream.close()


async def test_one_port_one_bus(pty) -> None:
    _, path = pty
    _, stream = await opened(path)
    with pytest.raises(PortHeld) as caught:
        await opened(path)
    assert caught.value.data == {"port": path, "by": "?"}  # we do not name ourselves
    stream.close()
    _, again = await opened(path)
    again.close()


async def test_who_holds_a_port_is_named(pty) -> None:
    _, path = pty
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import fcntl,sys; f=open(sys.argv[1],'rb+',buffering=0); "
        "fcntl.flock(f,fcntl.LOCK_EX|fcntl.LOCK_NB); print('held',flush=True); sys.stdin.read()",
        path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(PortHeld) as caught:
            await opened(path)
        assert f"({holder.pid})" in caught.value.data["by"]
        assert "python" in caught.value.data["by"]
    finally:
        await holder.communicate(b"")


async def test_a_missing_port_says_what_is_there() -> None:
    with pytest.raises(PortMissing) as caught:
        await opened("/dev/ttyUSB99")
    assert caught.value.data["port"] == "/dev/ttyUSB99"
    assert caught.value.data["ports"] == (", ".join(serial_ports()) or "-")


async def test_a_file_is_no_port(tmp_path) -> None:
    file = tmp_path / "port"
    file.touch()
    with pytest.raises(PortUnfit) as caught:
        await opened(str(file))
    assert caught.value.code == "bus.port-not-serial"


async def test_urls_that_would_block_are_refused() -> None:
    with pytest.raises(PortUnfit) as caught:
        await opened("rfc2217://127.0.0.1:2217")
    assert caught.value.code == "bus.port-url"


async def test_a_forbidden_port_names_the_group_that_may(pty, monkeypatch) -> None:
    _, path = pty

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "Permission denied")

    # root may open everything, so the refusal itself is staged
    monkeypatch.setattr(port_module.serial, "Serial", refuse)
    monkeypatch.setattr(port_module.os, "access", lambda *_: False)
    with pytest.raises(PortForbidden) as caught:
        await opened(path)
    assert set(caught.value.data) == {"port", "group"}


async def test_a_port_without_rs485_says_so(pty) -> None:
    _, path = pty
    with pytest.raises(PortUnfit) as caught:
        await serial_opener(path, FAST, rs485=True)(Ear())
    assert caught.value.code == "bus.port-not-rs485"
    _, stream = await opened(path)  # it was let go
    stream.close()


async def test_a_port_that_cannot_be_set_is_closed_and_says_the_same_again(pty) -> None:
    _, path = pty
    options = SerialOptions(port=path, line="14400 8N1")
    for _ in range(2):  # held by ourselves, the second would be PortHeld
        with pytest.raises(PortUnfit):
            await options.connect(lambda _: False)
    _, stream = await opened(path)
    stream.close()


async def test_a_vanished_port_is_told_once() -> None:
    master, far = os.openpty()
    path = os.ttyname(far)
    os.close(far)
    ear, stream = await opened(path)
    os.close(master)
    await until(lambda: ear.error is not None)
    assert isinstance(ear.error, LineLost)
    with pytest.raises(LineLost):
        stream.write(b"x")
    stream.close()


async def test_a_bus_on_a_pty_loses_its_port_and_finds_it_again(tmp_path) -> None:
    wire = Rs485Line([slave(1, line=FAST), slave(2, line=SerialLine(9600))])
    pty_line = PtyLine(wire, tmp_path / "port")
    pty_line.plug()
    options = SerialOptions(port=str(tmp_path / "port"), line="115200 8N1")
    devices = [
        meter(1, every_s=0.1, timeout_s=0.5),
        meter(2, every_s=0.5, timeout_s=0.5, line=SerialLine(9600)),
    ]
    async with RunningBus(options, devices) as field:
        await until(lambda: len(field.of("m1")) > 3 and len(field.of("m2")) > 1)
        pty_line.unplug()
        await until(lambda: "down" in field.line_states())
        pty_line.plug()
        before = len(field.results)
        await until(lambda: len(field.results) > before + 5)
        assert wrong(field) == []
        await until(lambda: field.line_states()[-1] == "up")
        assert field.bus.stats.wire.silence_broken == 0
    pty_line.unplug()
    assert wire.counters.violations == wire.counters.wrong_line == 0


NAMES = {
    "/dev/serial/by-id": {"/dev/ttyUSB0": "by-id-0", "/dev/ttyUSB1": "by-id-1"},
    "/dev/yizhan": {
        **{f"/dev/ttyUSB{n}": f"port-{n}" for n in range(4)},
        "/dev/ttyAMA0": "uart",
    },
    "serial-": {"/dev/ttyUSB0": "serial-A5", "/dev/ttyUSB1": "serial-0001"},
}


def test_a_port_goes_by_the_name_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is one adapter's alone, else the socket; whatever else bears that number."""

    def listed() -> list[SimpleNamespace]:
        numbers = ("A5", "0001", "0001", None)
        return [
            SimpleNamespace(
                device=f"/dev/ttyUSB{n}",
                serial_number=number,
                location=f"1-{n}:1.0",
                product=number and f"adapter {number}",
            )
            for n, number in enumerate(numbers)
        ]

    def links(folder: Path, prefix: str) -> dict[str, str]:
        found = NAMES["serial-"] if prefix == "serial-" else NAMES[str(folder)]
        return {real: name for real, name in found.items() if name.startswith(prefix)}

    monkeypatch.setattr(port_module.list_ports, "comports", listed)
    monkeypatch.setattr(port_module, "_links", links)
    assert serial_ports() == ["port-1", "port-2", "port-3", "serial-A5", "uart"]
    said = serial_port_products()
    assert (said["serial-A5"], said["port-3"], said["uart"]) == ("adapter A5", "", "")
