"""Serial ports: opened, locked and listed by pyserial, read and written in the running loop.

pyserial's own reads and writes block or poll, and its setters reconfigure one property at a time;
so bytes go over the descriptor here, and line settings are one `tcsetattr` that does not drain.
"""

import asyncio
import contextlib
import grp
import os
import stat
import termios
from collections import Counter
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]  # pyserial ships no types
from serial.rs485 import RS485Settings  # type: ignore[import-untyped]  # the same
from serial.tools import list_ports  # type: ignore[import-untyped]  # the same

from drivers.bus.stream import ByteReceiver, ByteStream, OpenStream
from drivers.contract import LineDown, LineLost, PortForbidden, PortHeld, PortMissing, PortUnfit
from drivers.serial_line import SerialLine

_PTYS = Path("/dev/pts")
_READ_BYTES = 4096
_BITS = {7: termios.CS7, 8: termios.CS8}
_PARITY = {"N": 0, "E": termios.PARENB, "O": termios.PARENB | termios.PARODD}
_FRAME_FLAGS = termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB


def serial_ports() -> list[str]:
    """The serial ports of this machine, by their stable names where they have one."""
    return sorted(serial_port_products())


def serial_port_products() -> dict[str, str]:
    """The serial ports with the product name of their adapter ("" if unknown)."""
    there = {os.path.realpath(port.device): port for port in list_ports.comports()}
    found = {real: port.device for real, port in there.items()}
    found |= _links(Path("/dev/serial/by-id"), "")
    found |= _links(Path("/dev/yizhan"), "port-")
    numbered = _links(Path("/dev/yizhan"), "serial-") | _links(Path("/dev/yizhan"), "uart")
    bearers = Counter(_number(port) for port in there.values())
    found |= {
        real: name
        for real, name in numbered.items()
        if real not in there or bearers[_number(there[real])] < 2  # noqa: PLR2004  # one is unique
    }
    known = {real: str(port.product or "") for real, port in there.items()}
    return {name: known.get(real, "") for real, name in found.items()}


def _links(folder: Path, prefix: str) -> dict[str, str]:
    """Names in a folder of links, by the port that they point to."""
    with contextlib.suppress(OSError):
        names = sorted(path for path in folder.iterdir() if path.name.startswith(prefix))
        return {os.path.realpath(name): str(name) for name in names}
    return {}


def _number(port: Any) -> tuple[str, str]:
    """An adapter's serial number and interface; a port without one is identified by its path."""
    _, _, interface = (port.location or "").partition(":")
    return (port.serial_number or port.device, interface)


def serial_opener(path: str, line: SerialLine, *, rs485: bool = False) -> OpenStream:
    """Returns what opens the port; PortMissing, PortHeld, PortForbidden or PortUnfit."""

    async def open_stream(receiver: ByteReceiver) -> ByteStream:
        # Opening may wait for a USB adapter, and finding the holder of a port reads all of /proc.
        port = await asyncio.to_thread(_open, path, line, rs485=rs485)
        try:
            return _PortStream(port, receiver, path)
        except BaseException:  # whatever it is, it is raised again
            port.close()
            raise

    return open_stream


def _open(path: str, line: SerialLine, *, rs485: bool) -> serial.Serial:
    if "://" in path:  # pyserial would accept it, and then block (docs/decisions, serial ports)
        raise PortUnfit("bus.port-url", port=path)
    try:
        port = serial.Serial(
            path,
            line.baud,
            bytesize=line.bits,
            parity="N" if _is_pty(path) else line.parity,
            stopbits=line.stop,
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise _why_not(path, line, error) from error
    try:
        with contextlib.suppress(OSError, ValueError, NotImplementedError):  # best effort
            port.set_low_latency_mode(True)
        if rs485:
            port.rs485_mode = RS485Settings()
    except (OSError, ValueError, NotImplementedError) as error:
        port.close()
        raise PortUnfit("bus.port-not-rs485", port=path) from error
    except BaseException:  # whatever it is, it is raised again
        port.close()
        raise
    return port


def _is_pty(path: str) -> bool:
    return Path(path).resolve().is_relative_to(_PTYS)


def _why_not(path: str, line: SerialLine, error: Exception) -> LineDown:
    """Why the port cannot be opened, with what is needed to fix it."""
    try:
        status = Path(path).stat()
    except OSError:
        return PortMissing("bus.port-missing", port=path, ports=", ".join(serial_ports()) or "-")
    if not stat.S_ISCHR(status.st_mode):
        return PortUnfit("bus.port-not-serial", port=path)
    if not os.access(path, os.R_OK | os.W_OK):
        return PortForbidden("bus.port-forbidden", port=path, group=_group(status.st_gid))
    if isinstance(error, serial.SerialException) and "exclusively lock" in str(error):
        return PortHeld("bus.port-held", port=path, by=_holder(path))
    return PortUnfit("bus.port-unfit", port=path, line=str(line), reason=str(error))


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _holder(path: str) -> str:
    """The process that has the port open: "name (pid)", or "?" where that is not visible."""
    target = os.path.realpath(path)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        process = link.parent.parent
        with contextlib.suppress(OSError):
            if str(link.readlink()) == target and process.name != str(os.getpid()):
                return f"{(process / 'comm').read_text().strip()} ({process.name})"
    return "?"


class _PortStream:
    def __init__(self, port: serial.Serial, receiver: ByteReceiver, path: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._fd: int = port.fileno()
        self._receiver = receiver
        self._path = path
        self._pty = _is_pty(path)
        self._unsent = b""
        self._open = True
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Send without waiting; what the driver does not accept at once follows later."""
        if not self._open:
            raise LineLost("bus.line-lost", port=self._path)
        self._unsent += data
        self._flush()

    def set_line(self, line: SerialLine) -> None:
        """One tcsetattr, effective at once: nothing is being sent, so there is nothing to drain."""
        try:
            attributes = termios.tcgetattr(self._fd)
        except termios.error as error:  # unplugged since it was opened
            raise LineLost("bus.line-lost", port=self._path) from error
        speed = getattr(termios, f"B{line.baud}", None)
        if speed is None:
            raise PortUnfit("bus.port-unfit", port=self._path, line=str(line), reason="baud")
        flags = _BITS[line.bits] | _PARITY[line.parity]
        flags |= termios.CSTOPB if line.stop == 2 else 0  # noqa: PLR2004 - two stop bits
        attributes[2] = attributes[2] & ~_FRAME_FLAGS | flags
        attributes[4] = attributes[5] = speed
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        except termios.error as error:
            if not self._pty:
                raise PortUnfit(
                    "bus.port-unfit", port=self._path, line=str(line), reason=str(error)
                ) from error
            self._set_speed_only(attributes)

    def _set_speed_only(self, attributes: list[int | list[bytes | int]]) -> None:
        """A pty refuses parity with EINVAL, and has no wire on which it would matter."""
        flags = attributes[2]
        assert isinstance(flags, int)
        attributes[2] = flags & ~(termios.PARENB | termios.PARODD)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)

    def close(self) -> None:
        """Close the port and release its lock."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            with contextlib.suppress(OSError):  # this fails on an unplugged adapter
                self._port.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._receiver.on_bytes(data)
        else:
            self._end()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end()
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._fd, self._flush)
        else:
            self._loop.remove_writer(self._fd)

    def _end(self) -> None:
        """The adapter was unplugged."""
        self.close()
        self._receiver.on_lost(LineLost("bus.line-lost", port=self._path))
