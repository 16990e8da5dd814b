"""Which source of wall time the station believes. Pure: instants are arguments.

Station time = boot time + the offset of the best fix. A fix is what one source said at one
instant; its error bound grows with the drift that a cheap crystal may have. A plausible time is
not a trusted one: what nobody vouches for is never station time.
"""

import math
from typing import NamedTuple

import msgspec

from gateway.event import Trust

SECOND_NS = 1_000_000_000

DRIFT_PPM = 50
"""Worst drift of the boards we run on, with temperature; 4.3 s a day."""

FRESH_NS = 24 * 3600 * SECOND_NS
"""After a day without a word, a better source yields to a lesser one that is less wrong."""

STEP_NS = SECOND_NS
"""A move of station time beyond this is a step that others must hear of; less is a slew."""

EARLIEST_NS = 1_767_225_600 * SECOND_NS
"""2026-01-01: this software did not run before it, whatever a dead battery says."""

LATEST_NS = 4_102_444_800 * SECOND_NS
"""2100-01-01: beyond it a claim is a mistake (NTP era, BCD overflow), not a time."""

RANK = {trust: rank for rank, trust in enumerate(Trust)}
"""`Trust` lists the sources best first."""

VOUCHED = frozenset({Trust.NTP, Trust.PLATFORM})
"""Sources with a chain of their own to UTC. They overrule the floor; dates are judged by them."""


class Fix(NamedTuple):
    """At boot time `at_ns`, `source` said that it was `wall_ns`, give or take `error_ns`."""

    source: Trust
    wall_ns: int
    at_ns: int
    error_ns: int

    def wall_at(self, at_ns: int) -> int:
        """Wall time at another instant of the same boot."""
        return self.wall_ns + at_ns - self.at_ns

    def error_at(self, at_ns: int) -> int:
        """The error bound, grown with drift away from the instant of the fix."""
        return self.error_ns + abs(at_ns - self.at_ns) * DRIFT_PPM // 1_000_000

    def agrees(self, other: "Fix") -> bool:
        """Whether both can be true at the instant of `other`."""
        apart = abs(self.wall_at(other.at_ns) - other.wall_ns)
        return apart <= self.error_at(other.at_ns) + other.error_ns


class ClockStep(msgspec.Struct, frozen=True):
    """Station time moved at boot time `at` from `old` to `new` (`old` is None at the first)."""

    old: int | None
    new: int
    at: int
    source: Trust


class ClockStatus(msgspec.Struct, frozen=True):
    """What station time rests on.

    With `trust` NONE there is no station time: `wall_ns` is None and `error_s` infinite.
    `plausible_ns` is what the system clock shows, if it can be true: good enough to ask a person
    about, never to act on.
    """

    trust: Trust
    wall_ns: int | None
    age_s: float
    error_s: float
    plausible_ns: int | None = None


class Timekeeper:
    """The best fix of each source, and the choice between them.

    `floor_ns` is the latest time that NTP or the platform has vouched for, in this run or (given
    at the start) an earlier one. Meters, RTCs and people cannot claim to be before it; NTP and
    the platform can, so that one wrong answer never locks the right ones out.
    """

    def __init__(self, floor_ns: int = EARLIEST_NS) -> None:
        self._floor_ns = max(floor_ns, EARLIEST_NS)
        self._fixes: dict[Trust, Fix] = {}

    def plausible(self, fix: Fix) -> bool:
        """Whether such a claim can be true."""
        overrules = fix.source in VOUCHED
        earliest = EARLIEST_NS if overrules else self._floor_ns
        return earliest <= fix.wall_ns + fix.error_ns and fix.wall_ns < LATEST_NS

    def learn(self, fix: Fix, now_ns: int) -> ClockStep | None:
        """Take one claim into account; the step if station time moved by it.

        An implausible claim changes nothing, nor does one from the same source that agrees with
        a sharper one.
        """
        known = self._fixes.get(fix.source)
        sharper = known and known.agrees(fix) and known.error_at(now_ns) <= fix.error_at(now_ns)
        if sharper or not self.plausible(fix):
            return None
        before = self.best(now_ns)
        self._fixes[fix.source] = fix
        after = self.best(now_ns)
        assert after is not None
        if after.source in VOUCHED:
            self._floor_ns = max(after.wall_at(now_ns), EARLIEST_NS)
        return _step(before, after, now_ns)

    def best(self, at_ns: int) -> Fix | None:
        """The fix that station time rests on at that instant."""
        best: Fix | None = None
        for source in RANK:
            fix = self._fixes.get(source)
            if fix is None:
                continue
            if best is None or fix.error_at(at_ns) < best.error_at(at_ns):
                best = fix
            if at_ns - best.at_ns <= FRESH_NS:
                return best  # which no lesser source overrules
        return best

    def floor_ns(self, now_ns: int) -> int:
        """The latest vouched-for time: what the next boot should be given as its floor."""
        best = self.best(now_ns)
        if best is None or best.source not in VOUCHED:
            return self._floor_ns
        return max(best.wall_at(now_ns), EARLIEST_NS)

    def status(self, now_ns: int, system_wall_ns: int) -> ClockStatus:
        """The present state; `system_wall_ns` is what the system clock shows."""
        shown = Fix(Trust.NONE, system_wall_ns, now_ns, 0)
        plausible_ns = system_wall_ns if self.plausible(shown) else None
        best = self.best(now_ns)
        if best is None:
            return ClockStatus(Trust.NONE, None, 0.0, math.inf, plausible_ns)
        return ClockStatus(
            trust=best.source,
            wall_ns=best.wall_at(now_ns),
            age_s=(now_ns - best.at_ns) / SECOND_NS,
            error_s=best.error_at(now_ns) / SECOND_NS,
            plausible_ns=plausible_ns,
        )


def _step(before: Fix | None, after: Fix, now_ns: int) -> ClockStep | None:
    new = after.wall_at(now_ns)
    old = None if before is None else before.wall_at(now_ns)
    if old is not None and abs(new - old) <= STEP_NS:
        return None
    return ClockStep(old, new, now_ns, after.source)
