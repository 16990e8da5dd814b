"""The station's clock."""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.clock import boot, rtc
from gateway.clock.kernel import Kernel, LinuxKernel
from gateway.clock.source_claim import SavedTime
from gateway.clock.status import ClockStatus, ClockStep
from gateway.clock.time_sample import EARLIEST_NS, SECOND_NS, TimeSample, UplinkTimeSource
from gateway.clock.timekeeper import Timekeeper
from gateway.event import Timestamps, Trust

# How long a request for a trusted time lasts; whoever waits repeats it.
WANTED_NS = 30 * SECOND_NS


class _OfBoot(msgspec.Struct, frozen=True):
    """What is stored for the next process of this boot."""

    boot: str
    kept: SavedTime


class Clock:
    """Boot time, station time, and what station time rests on.

    `floor_ns` is the floor of an earlier run. `kept` is a file that is read now, and written by
    `keep`: what other processes of this boot knew.
    """

    def __init__(
        self, boot_id: str, kernel: Kernel, floor_ns: int = EARLIEST_NS, kept: Path | None = None
    ) -> None:
        self.boot = boot_id
        self._kernel = kernel
        self._keeper = Timekeeper(floor_ns, kernel.boottime_ns())
        self._kept = kept
        self._wanted_until_ns = 0
        if kept is not None:
            self._resume(kept)

    @classmethod
    def open(
        cls,
        state: Path,
        *,
        floor_ns: int = EARLIEST_NS,
        environ: Mapping[str, str] = os.environ,
    ) -> "Clock":
        """The clock of this machine; without a runtime directory the boot id goes into `state`."""
        directory, emptied = boot.run_directory(environ, state)
        boot_id = boot.read_boot_id(directory, boot.kernel_boot_id(), emptied=emptied)
        of = hashlib.blake2s(bytes(state.absolute()), digest_size=6).hexdigest()
        clock = cls(boot_id, LinuxKernel(), floor_ns, directory / f"clock-{of}")
        clock.poll()
        return clock

    @property
    def floor_ns(self) -> int:
        """Wall time that has certainly passed: store it, and pass it to the next run.

        What has expired stays expired: the floor goes back only by a person's word (see
        `Timekeeper`).
        """
        return self._keeper.floor_ns(self.now_ns())

    def now_ns(self) -> int:
        """CLOCK_BOOTTIME."""
        return self._kernel.boottime_ns()

    def stamp(self, at_ns: int | None = None) -> Timestamps:
        """Now, or an instant of this boot, with wall time as far as known."""
        at_ns = self.now_ns() if at_ns is None else at_ns
        return self._stamped(self._keeper.time, at_ns)

    def stamp_of(self, uplink: str) -> Timestamps:
        """Now, by the time that messages of that uplink are judged by.

        That is station time if two sources or NTP vouch for it; else the platform's own
        time, in which its messages are dated, if it cannot be forged.
        """
        now_ns = self.now_ns()
        keeper = self._keeper
        fix = keeper.vouched(now_ns) or keeper.platform_time(uplink, now_ns) or keeper.time
        return self._stamped(fix, now_ns)

    def vouched(self) -> TimeSample | None:
        """Station time, if NTP or two sources vouch for it: dates are judged by nothing less."""
        return self._keeper.vouched(self.now_ns())

    def trusted(self, uplink: str = "") -> TimeSample | None:
        """The time for resuming what a power cut interrupted; None while there is none.

        Vouched time, a person's answer at the desk, and, for what came over an uplink, the
        platform's own time.
        """
        now_ns, known = self.now_ns(), self._keeper.time
        asked = known if known is not None and known.source is Trust.PERSON else None
        return self._keeper.vouched(now_ns) or self._keeper.platform_time(uplink, now_ns) or asked

    def lend(self, lenders: Sequence[UplinkTimeSource]) -> None:
        """Set the uplinks that tell the time, in the order of their rank."""
        self._keeper.lend(lenders)

    def learn(self, source: Trust, wall_ns: int, error_ns: int, name: str = "") -> ClockStep | None:
        """`source` says that it is `wall_ns` now; returns the step, if station time moved.

        `name` is the uplink or meter. An impossible claim is ignored: ask `plausible` first
        if a person waits.
        """
        now_ns = self.now_ns()
        return self._keeper.learn(TimeSample(source, wall_ns, now_ns, error_ns, name), now_ns)

    def plausible(self, source: Trust, wall_ns: int, error_ns: int = 0) -> bool:
        """Whether `learn` would accept that."""
        now_ns = self.now_ns()
        return self._keeper.plausible(TimeSample(source, wall_ns, now_ns, error_ns), now_ns)

    def poll(self) -> ClockStep | None:
        """Ask the kernel whether NTP holds its clock; call it about every minute."""
        hold = self._kernel.ntp()
        if hold is None:
            return None
        now_ns, wall_ns = self.now_ns(), self._kernel.realtime_ns() - hold.ahead_ns
        confirmed = TimeSample(
            Trust.NTP, wall_ns - hold.age_ns, now_ns - hold.age_ns, hold.error_ns
        )
        return self._keeper.learn(confirmed, now_ns)

    def ask_chip(self) -> ClockStep | None:
        """Ask the machine's clock chip, if there is one; rarely is enough."""
        wall_ns = self._kernel.chip_ns()
        return None if wall_ns is None else self.learn(Trust.RTC, wall_ns, rtc.ERROR_NS)

    def status(self) -> ClockStatus:
        now_ns = self.now_ns()
        status = self._keeper.status(now_ns, self._kernel.realtime_ns())
        settled = status.doubt or status.vouched or now_ns >= self._wanted_until_ns
        return status if settled else msgspec.structs.replace(status, doubt="order")

    def request_time(self) -> None:
        """Something waits for a trusted time: a person at the desk may know it."""
        self._wanted_until_ns = self.now_ns() + WANTED_NS

    def skew_s(self, uplink: str) -> float | None:
        """How far that platform's clock is ahead of station time, beyond network delay.

        None if either is unknown.
        """
        now_ns, known = self.now_ns(), self._keeper.time
        said = self._keeper.last_sample(uplink, now_ns)
        if known is None or said is None:
            return None
        skew_ns = said.wall_at(now_ns) - known.wall_at(now_ns)
        return skew_ns / SECOND_NS if known.apart_ns(said) else 0.0

    def deadline(self, seconds: float) -> "Deadline":
        """The instant so many seconds from now."""
        left_ns, now_ns = round(seconds * SECOND_NS), self.now_ns()
        vouched = self._keeper.vouched(now_ns)
        wall_ns = None if vouched is None else vouched.wall_at(now_ns) + left_ns
        return Deadline(self.boot, now_ns + left_ns, wall_ns)

    def keep(self) -> None:
        """Store what is known for the next process of this boot; disk errors are ignored."""
        if self._kept is None:
            return
        body = msgspec.json.encode(_OfBoot(self.boot, self._keeper.saved(self.now_ns())))
        fresh = self._kept.with_name(f"{self._kept.name}.new")
        with contextlib.suppress(OSError):
            fresh.write_bytes(body)
            fresh.replace(self._kept)

    def _resume(self, path: Path) -> None:
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_OfBoot)
        except (OSError, ValueError, RecursionError):  # never written, or damaged
            return
        if found.boot == self.boot:
            self._keeper.resume(found.kept, self.now_ns())

    def _stamped(self, fix: TimeSample | None, at_ns: int) -> Timestamps:
        if fix is None:
            return Timestamps(self.boot, at_ns)
        return Timestamps(self.boot, at_ns, fix.wall_at(at_ns), fix.source)


class Deadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instant of one boot by which something must have happened.

    `wall_ns` is the same instant in UTC, if that was vouched for or signed.
    """

    boot: str
    at_ns: int
    wall_ns: int | None = None

    def left_ns(self, clock: Clock) -> int:
        """The time left, 0 once it has passed; a deadline of another boot has passed."""
        return max(0, self.at_ns - clock.now_ns()) if self.boot == clock.boot else 0

    def passed(self, clock: Clock) -> bool:
        return self.left_ns(clock) == 0

    def wall_by(self, stamps: Timestamps) -> int | None:
        """The same instant in UTC, by the time that these stamps know."""
        if self.wall_ns is not None:
            return self.wall_ns
        if stamps.wall_ns is None or stamps.boot != self.boot:
            return None
        return stamps.wall_ns + self.at_ns - stamps.at_ns

    def no_later(self, at_ns: int) -> "Deadline":
        """That instant of the same boot, if it is earlier."""
        sooner_ns = max(0, self.at_ns - at_ns)
        wall_ns = None if self.wall_ns is None else self.wall_ns - sooner_ns
        return Deadline(self.boot, self.at_ns - sooner_ns, wall_ns)

    def resumed(self, clock: Clock, uplink: str = "") -> "Deadline | None":
        """The same instant in this boot; None while that cannot be determined.

        A deadline of another boot is converted by its UTC and a trusted time (see
        `Clock.trusted`), taken as late as it may be. What the floor has passed has passed.
        """
        if self.boot == clock.boot:
            return self
        if self.wall_ns is None:
            return None
        now_ns, trusted = clock.now_ns(), clock.trusted(uplink)
        if self.wall_ns <= clock.floor_ns:
            return Deadline(clock.boot, now_ns, self.wall_ns)
        if trusted is None:
            return None
        latest_ns = trusted.wall_at(now_ns) + trusted.error_at(now_ns)
        return Deadline(clock.boot, now_ns + max(0, self.wall_ns - latest_ns), self.wall_ns)
