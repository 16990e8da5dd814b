"""A clock that tests drive: it drifts, steps, loses and finds NTP, and reboots."""

from collections.abc import Callable

from gateway.clock import Clock, NtpSync
from gateway.clock.time_sample import EARLIEST_NS, SECOND_NS

SIMULATED_START_NS = 1_790_000_000 * SECOND_NS  # 2026-09-21
DAY_S = 86_400


class SimulatedKernel:
    """`true_ns` is the time outside; the board's own clocks only approximate it.

    With `boottime` given (a virtual loop's clock, say), boot time is that function's, and
    `advance` must not be called.
    """

    def __init__(
        self, *, true_ns: int = SIMULATED_START_NS, boottime: Callable[[], int] | None = None
    ) -> None:
        self.true_ns = true_ns
        self.drift_ppm = 0
        self.ntp_error_ns: int | None = None
        self.chip: Callable[[], int | None] = lambda: None
        self._boottime_ns = 5 * SECOND_NS
        self._boottime = boottime
        self._real_offset_ns = true_ns - self.boottime_ns()

    def boottime_ns(self) -> int:
        return self._boottime_ns if self._boottime is None else self._boottime()

    def realtime_ns(self) -> int:
        return self.boottime_ns() + self._real_offset_ns

    def ntp(self) -> NtpSync | None:
        return None if self.ntp_error_ns is None else NtpSync(self.ntp_error_ns)

    def chip_ns(self) -> int | None:
        return self.chip()

    def advance(self, seconds: float) -> None:
        assert self._boottime is None, "the virtual loop drives this clock"
        passed_ns = round(seconds * SECOND_NS)
        self.true_ns += passed_ns
        self._boottime_ns += passed_ns + passed_ns * self.drift_ppm // 1_000_000
        if self.ntp_error_ns is not None:
            self._real_offset_ns = self.true_ns - self._boottime_ns

    def set_wall(self, wall_ns: int) -> None:
        """Somebody sets the system clock, rightly or wrongly."""
        self._real_offset_ns = wall_ns - self.boottime_ns()

    def hold(self, error_ns: int | None = 1_000_000) -> None:
        """NTP takes the system clock (None: lets it go)."""
        self.ntp_error_ns = error_ns
        if error_ns is not None:
            self.set_wall(self.true_ns)

    def reboot(self, *, off_s: float = 30) -> None:
        """Power off and on: boot time starts again, the wall clock forgets (no RTC)."""
        assert self._boottime is None, "the virtual loop drives this clock"
        self.true_ns += round(off_s * SECOND_NS)
        self._boottime_ns = 5 * SECOND_NS
        self.ntp_error_ns = None
        self._real_offset_ns = 0  # 1970


class SimulatedClock(Clock):
    """A `Clock` over a `SimulatedKernel`, with the kernel at hand."""

    def __init__(
        self,
        kernel: SimulatedKernel | None = None,
        *,
        boot: str = "0" * 15 + "1",
        floor_ns: int = EARLIEST_NS,
    ) -> None:
        self.kernel = kernel or SimulatedKernel()
        super().__init__(boot, self.kernel, floor_ns)

    def advance(self, seconds: float) -> None:
        self.kernel.advance(seconds)

    def rebooted(self, *, off_s: float = 30) -> "SimulatedClock":
        """The clock of the next boot, which was handed this one's floor."""
        floor_ns = self.floor_ns
        self.kernel.reboot(off_s=off_s)
        return SimulatedClock(self.kernel, boot=f"{int(self.boot, 16) + 1:016x}", floor_ns=floor_ns)
