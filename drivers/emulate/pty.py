"""The emulated wire behind a real pseudo-terminal, in real time.

Any program opens the path as it would open a serial port. A pty knows the baud rate that its user
has set, but no parity; a read on the master's side returns the bytes of one `write` together.
"""

import asyncio
import contextlib
import os
import termios
import tty
from pathlib import Path

from drivers.emulate.rs485 import Rs485Line

_READ_BYTES_MAX = 4096
_OUTPUT_SPEED = 5  # index in the result of tcgetattr

# The baud rate of each termios constant.
BAUD_OF_SPEED = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit() and name != "B0"
}


class PtyLine:
    """A wire behind a pty. `link`, if given, is a symbolic link that follows the pty's path."""

    def __init__(self, wire: Rs485Line, link: Path | None = None) -> None:
        """Nothing is opened before `plug`."""
        self.wire = wire
        self.link = link
        wire.sees_format = False
        self._master = -1
        self._slave = -1
        self._device = ""

    @property
    def path(self) -> str:
        """The path of the port."""
        return str(self.link) if self.link else self._device

    @property
    def is_plugged(self) -> bool:
        """True while the port exists."""
        return self._master >= 0

    def plug(self) -> None:
        """Make the port appear (perhaps with another /dev/pts number than last time)."""
        if self.is_plugged:
            return
        # Keeping the far end open ourselves keeps the pty alive while no program has it open.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._device = os.ttyname(self._slave)
        if self.link:
            _point(self.link, self._device)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        self.wire.listen(self._deliver)
        self.wire.plug()

    def unplug(self) -> None:
        """Make the port vanish; a program that has it open gets a hang-up."""
        if not self.is_plugged:
            return
        self.wire.unplug()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        if self.link:
            self.link.unlink(missing_ok=True)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, _READ_BYTES_MAX)
            baud = BAUD_OF_SPEED.get(termios.tcgetattr(self._master)[_OUTPUT_SPEED])
            if baud:  # B0 has hung up
                self.wire.send(data, self.wire.line_at(baud))

    def _deliver(self, data: bytes) -> None:
        # A full buffer means 4 KiB of unread bytes: a UART drops bytes then, too.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)


def _point(link: Path, device: str) -> None:
    """Replace the link atomically."""
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    beside.symlink_to(device)
    beside.replace(link)
