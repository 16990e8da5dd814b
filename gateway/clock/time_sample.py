"""A statement of one source about the time. Pure: instants are arguments."""

from typing import NamedTuple, TypeAlias

from gateway.event import Trust

SECOND_NS = 1_000_000_000

# Worst drift of the boards we run on, over temperature; 4.3 s a day.
DRIFT_PPM = 50

# After a day without a statement a source no longer counts, until it speaks again.
FRESH_NS = 24 * 3600 * SECOND_NS

# A larger move of station time is a step that is reported; a smaller one is a slew.
STEP_NS = SECOND_NS

# 2026-01-01: this software did not run before, whatever a dead battery says.
EARLIEST_NS = 1_767_225_600 * SECOND_NS

# 2100-01-01: a later claim is a mistake (NTP era, BCD overflow), not a time.
LATEST_NS = 4_102_444_800 * SECOND_NS

# The kind of source, and its name among that kind.
TimeSource: TypeAlias = tuple[Trust, str]


class TimeSample(NamedTuple):
    """At boot time `at_ns`, `source` said that it was `wall_ns`, within `error_ns`."""

    source: Trust
    wall_ns: int
    at_ns: int
    error_ns: int
    name: str = ""

    @property
    def time_source(self) -> TimeSource:
        return self.source, self.name

    def wall_at(self, at_ns: int) -> int:
        """Wall time at another instant of the same boot."""
        return self.wall_ns + at_ns - self.at_ns

    def error_at(self, at_ns: int) -> int:
        """The error bound, grown with drift away from the instant of the sample."""
        return self.error_ns + abs(at_ns - self.at_ns) * DRIFT_PPM // 1_000_000

    def apart_ns(self, other: "TimeSample") -> int:
        """The certain difference at the instant of `other`; 0 if both can be true."""
        apart = abs(self.wall_at(other.at_ns) - other.wall_ns)
        return max(0, apart - self.error_at(other.at_ns) - other.error_ns)

    def agrees(self, other: "TimeSample") -> bool:
        """Whether both say the same time, up to a slew."""
        return self.apart_ns(other) <= STEP_NS

    def earliest_at(self, at_ns: int) -> int:
        """Wall time at that instant, if the sample is as far ahead as it may be."""
        return self.wall_at(at_ns) - self.error_at(at_ns)


class UplinkTimeSource(NamedTuple):
    """An uplink whose platform tells the time in its receipts.

    `site` is where the platform is: two uplinks to one site are one source. With `lends` false
    its time is compared, never used. With `alone` it may set the clock by itself; otherwise it
    only confirms another source. `secure`: nobody on the way can have changed it. One that is
    not `required` must repeat its time even if nothing has set the clock yet.
    """

    name: str
    site: str
    lends: bool = True
    alone: bool = True
    secure: bool = True
    required: bool = True
