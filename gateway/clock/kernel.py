"""What the clock asks of the machine: boot time, wall time, NTP's hold on it."""

import ctypes
import errno
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.clock import chrony, rtc

TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_TIMESYNCD_ERROR_NS = 100_000_000  # timesyncd gives no bound; its own limit for a good packet
# timesyncd hears from its server at least every 34 minutes; an older mark is obsolete.
_LATE_NS = 3_600_000_000_000

# The kernel's error bound of a free-running clock (`NTP_PHASE_LIMIT`), and that of a held one 9 h
# after its last update: it grows by half a millisecond a second.
_UNHELD_US = 16_000_000


class NtpSync(NamedTuple):
    """NTP holds the system clock: its error bound, and how long ago that was confirmed.

    `ahead_ns`: NTP knows that the system clock is ahead by that much.
    """

    error_ns: int
    age_ns: int = 0
    ahead_ns: int = 0


class Kernel(Protocol):
    """What the clock asks of the operating system."""

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME: goes on in suspend, never steps."""

    def realtime_ns(self) -> int:
        """The system's wall clock, right or wrong."""

    def ntp(self) -> NtpSync | None:
        """Whether NTP holds the wall clock."""

    def chip_ns(self) -> int | None:
        """The clock chip's UTC; None if there is none to believe."""


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

    def __init__(
        self, mark: Path = TIMESYNCD_MARK, chronyd: tuple[str, int] = chrony.ADDRESS
    ) -> None:
        self._mark = mark
        self._chronyd = chronyd
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def realtime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def ntp(self) -> NtpSync | None:
        """Ask adjtimex; if a sandbox forbids it (`ProtectClock=`), ask the NTP daemons.

        STA_UNSYNC is ignored: chronyd leaves it set if the kernel is not to touch the RTC.
        """
        timex = _Timex(modes=0)
        if self._adjtimex(ctypes.byref(timex)) >= 0:
            held = timex.maxerror < _UNHELD_US
            return NtpSync(error_ns=int(timex.maxerror) * 1000) if held else None
        if ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise OSError(ctypes.get_errno(), "adjtimex")
        marked = self._marked()
        if marked is not None and marked.age_ns < _LATE_NS:
            return marked
        return self._tracked() or marked

    def chip_ns(self) -> int | None:
        """The first chip that has the time."""
        return rtc.read_rtc()

    def _marked(self) -> NtpSync | None:
        """The mark that timesyncd leaves at each answer of its server."""
        try:
            age_ns = self.realtime_ns() - self._mark.stat().st_mtime_ns
        except OSError:
            return None
        return NtpSync(_TIMESYNCD_ERROR_NS, max(age_ns, 0))

    def _tracked(self) -> NtpSync | None:
        """Chronyd's answer; NTS is its own concern."""
        told = chrony.query_chronyd(self._chronyd)
        if told is None:
            return None
        age_s = max(0.0, time.time() - told.ahead_s - told.ref_s)
        return NtpSync(round(told.error_s * 1e9), round(age_s * 1e9), round(told.ahead_s * 1e9))
