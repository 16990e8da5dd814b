"""The station's clock, and the only reader of the system's wall time."""

import ctypes
import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from gateway.clock import boot
from gateway.clock.timekeeper import (
    EARLIEST_NS,
    SECOND_NS,
    ClockStatus,
    ClockStep,
    Fix,
    Timekeeper,
)
from gateway.event import Stamps, Trust

TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_TIMESYNCD_ERROR_NS = 100_000_000  # timesyncd gives no bound; its own limit for a good packet
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class Hold(NamedTuple):
    """NTP holds the system clock: how wrong it may be, and how long ago that was confirmed."""

    error_ns: int
    age_ns: int = 0


class Kernel(Protocol):
    """What the clock asks of the operating system."""

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME: goes on in suspend, never steps."""

    def realtime_ns(self) -> int:
        """The system's wall clock, right or wrong."""

    def ntp(self) -> Hold | None:
        """Whether NTP holds the wall clock."""


class _Timex(ctypes.Structure):
    """The head of `struct timex`; the rest is room for what the kernel writes behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


class LinuxKernel:
    """The real one: reads only, sets nothing."""

    def __init__(self, mark: Path = TIMESYNCD_MARK) -> None:
        self._mark = mark
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME in ns."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def realtime_ns(self) -> int:
        """CLOCK_REALTIME in ns."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def ntp(self) -> Hold | None:
        """Ask adjtimex; where a sandbox forbids it (`ProtectClock=`), look at timesyncd's mark."""
        timex = _Timex(modes=0)
        state = self._adjtimex(ctypes.byref(timex))
        if state < 0:
            if ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                raise OSError(ctypes.get_errno(), "adjtimex")
            return self._marked()
        if state == _TIME_ERROR or timex.status & _STA_UNSYNC:
            return None
        return Hold(error_ns=int(timex.maxerror) * 1000)

    def _marked(self) -> Hold | None:
        try:
            age_ns = self.realtime_ns() - self._mark.stat().st_mtime_ns
        except OSError:
            return None
        return Hold(_TIMESYNCD_ERROR_NS, max(age_ns, 0))


class Clock:
    """Boot time, station time, and what station time rests on.

    `floor_ns` given is the floor that an earlier run handed out; the roof keeps it.
    """

    def __init__(self, boot_id: str, kernel: Kernel, floor_ns: int = EARLIEST_NS) -> None:
        self.boot = boot_id
        self._kernel = kernel
        self._keeper = Timekeeper(floor_ns)

    @classmethod
    def open(
        cls,
        state: Path,
        *,
        floor_ns: int = EARLIEST_NS,
        environ: Mapping[str, str] = os.environ,
    ) -> "Clock":
        """The clock of this machine; without a runtime folder its id goes into `state`."""
        directory, emptied = boot.run_directory(environ, state)
        boot_id = boot.boot_id(directory, boot.kernel_boot_id(), emptied=emptied)
        clock = cls(boot_id, LinuxKernel(), floor_ns)
        clock.poll()
        return clock

    @property
    def floor_ns(self) -> int:
        """The latest wall time vouched for: keep it, and give it to the next run."""
        return self._keeper.floor_ns(self.now_ns())

    def now_ns(self) -> int:
        """CLOCK_BOOTTIME."""
        return self._kernel.boottime_ns()

    def stamp(self, at_ns: int | None = None) -> Stamps:
        """Now, or an instant of this boot, with wall time as far as it is known."""
        at_ns = self.now_ns() if at_ns is None else at_ns
        best = self._keeper.best(self.now_ns())
        if best is None:
            return Stamps(self.boot, at_ns)
        return Stamps(self.boot, at_ns, best.wall_at(at_ns), best.source)

    def learn(self, source: Trust, wall_ns: int, error_ns: int) -> ClockStep | None:
        """`source` says that it is `wall_ns` now; the step, if station time moved by it.

        A claim that cannot be true is passed over: ask `plausible` first where a person waits.
        """
        now_ns = self.now_ns()
        return self._keeper.learn(Fix(source, wall_ns, now_ns, error_ns), now_ns)

    def plausible(self, source: Trust, wall_ns: int, error_ns: int = 0) -> bool:
        """Whether `learn` would listen to that."""
        return self._keeper.plausible(Fix(source, wall_ns, self.now_ns(), error_ns))

    def poll(self) -> ClockStep | None:
        """Ask the kernel whether NTP holds its clock; call it every minute or so."""
        hold = self._kernel.ntp()
        if hold is None:
            return None
        now_ns, wall_ns = self.now_ns(), self._kernel.realtime_ns()
        confirmed = Fix(Trust.NTP, wall_ns - hold.age_ns, now_ns - hold.age_ns, hold.error_ns)
        return self._keeper.learn(confirmed, now_ns)

    def status(self) -> ClockStatus:
        """What station time rests on at this moment."""
        return self._keeper.status(self.now_ns(), self._kernel.realtime_ns())

    def deadline(self, seconds: float) -> "Deadline":
        """The instant so many seconds from now."""
        return Deadline(self.boot, self.now_ns() + round(seconds * SECOND_NS))


class Deadline(msgspec.Struct, frozen=True):
    """An instant of one boot by which something must have happened."""

    boot: str
    at_ns: int

    def left_ns(self, clock: Clock) -> int:
        """How long is left, 0 when it has passed; the deadline of another boot has passed."""
        return max(0, self.at_ns - clock.now_ns()) if self.boot == clock.boot else 0

    def passed(self, clock: Clock) -> bool:
        """Whether it is too late."""
        return self.left_ns(clock) == 0
