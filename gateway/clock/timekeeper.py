"""Which source of wall time the station believes. Pure: instants are arguments.

Station time = boot time + the offset of the believed sample. Each source has a slot: NTP, every
uplink, every meter, the clock chip, the person at the desk. The first time of a boot may come from
one sample; a known time changes only by agreement:

    NTP                      at once
    a pair                   at once: two independent sources agree, one of them an uplink that
                             may set the clock alone
    one uplink               when it has said the same for `APART_NS`, and no better one supports
                             the known time
    a meter, chip, person    when nothing supports the known time any more

A lesser claim never moves what a better one supports, so two platforms that disagree move nothing:
the one that the settings name first rules.

Beside it is the expiry clock (`ExpiryFloor`). It rises only by time that is *vouched for*: NTP that
no uplink contradicts, or a pair. It goes back only if a person who is signed in at the desk agrees
with what is vouched for: no message from a network alone revives what had expired, and a wrong
floor can be repaired without touching a file.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from gateway.clock.expiry_floor import ExpiryFloor
from gateway.clock.source_claim import SavedTime, SourceClaim
from gateway.clock.source_ranking import SourceRanking
from gateway.clock.status import ClockStatus, ClockStep, Doubt
from gateway.clock.time_sample import (
    EARLIEST_NS,
    FRESH_NS,
    LATEST_NS,
    SECOND_NS,
    STEP_NS,
    TimeSample,
    TimeSource,
    UplinkTimeSource,
)
from gateway.event import Trust

# One uplink must repeat another time for this long; doubled each time that it has changed.
APART_NS = 120 * SECOND_NS

APART_DOUBLED_MAX = 5

# A source may drift by a slew in an hour, as its own clock is corrected.
BASE_NS = 3600 * SECOND_NS

# An uplink that differs by more casts doubt on NTP; less is a badly kept server.
CONTRADICTS_NS = 60 * SECOND_NS

# A source with a larger error bound confirms no other.
SECOND_ERROR_NS_MAX = 600 * SECOND_NS

# Slots for meters, the first that speak; another takes the slot of a silent one.
METERS_MAX = 4

# A larger file was not written by us.
WORDS_MAX = 64

# The quality of a claim, the lowest is best: its level, then the source's rank.
SourceRank: TypeAlias = tuple[int, int]

_NTP, _PAIR, _SINGLE = 0, 1, 2
_NTPS: TimeSource = (Trust.NTP, "")
_PERSONS: TimeSource = (Trust.PERSON, "")
_UNSUPPORTED: SourceRank = (9, 0)


class Timekeeper:
    """The claim of each source, the choice between them, and the floor.

    Meters, chips and people cannot claim a time before the floor, except a person who agrees
    with NTP or an uplink.
    """

    def __init__(self, floor_ns: int = EARLIEST_NS, now_ns: int = 0) -> None:
        """`floor_ns` is the floor of an earlier run."""
        self._floor = ExpiryFloor(max(floor_ns, EARLIEST_NS), now_ns)
        self._lenders = SourceRanking()
        self._words: dict[TimeSource, SourceClaim] = {}
        self._time: TimeSample | None = None
        self._base: TimeSample | None = (
            None  # what later samples are compared with, as in `SourceClaim`
        )
        self._turns: dict[TimeSource, int] = {}

    def lend(self, lenders: Sequence[UplinkTimeSource]) -> None:
        """Use these uplinks from now on, in that order; before, any uplink counts."""
        self._lenders = SourceRanking(lenders)
        for source, name in list(self._words):
            if source is Trust.PLATFORM and not self._lenders.knows(name):
                del self._words[source, name]

    def plausible(self, fix: TimeSample, now_ns: int) -> bool:
        """Whether such a claim can be true."""
        if fix.wall_ns + fix.error_ns < EARLIEST_NS or fix.wall_ns >= LATEST_NS:
            return False
        if fix.source in (Trust.NTP, Trust.PLATFORM):
            return True
        if fix.wall_ns + fix.error_ns >= self._floor.at(now_ns):
            return True
        sure = (
            word for w, word in self._believed(now_ns).items() if self._lenders.may_set_alone(w)
        )
        return fix.source is Trust.PERSON and any(word.last.agrees(fix) for word in sure)

    def learn(self, fix: TimeSample, now_ns: int) -> ClockStep | None:
        """Take one claim into account; returns the step if station time moved.

        An implausible claim changes nothing.
        """
        if not self.plausible(fix, now_ns):
            return None
        self._hear(fix, now_ns)
        before = self._time
        self._take(self._chosen(now_ns), now_ns)
        self._keep_floor(now_ns)
        return _step(before, self._time, now_ns)

    @property
    def time(self) -> TimeSample | None:
        """What station time rests on."""
        return self._time

    def floor_ns(self, now_ns: int) -> int:
        """Wall time that has certainly passed."""
        return self._floor.at(now_ns)

    def vouched(self, now_ns: int) -> TimeSample | None:
        """Station time, if NTP that no uplink contradicts or two sources confirm it."""
        return self._time if self._vouching(now_ns) else None

    def last_sample(self, uplink: str, now_ns: int) -> TimeSample | None:
        """What that uplink's platform said of the time within the last day, used or not."""
        word = self._words.get((Trust.PLATFORM, uplink))
        return word.last if word is not None and _fresh(word, now_ns) else None

    def platform_time(self, uplink: str, now_ns: int) -> TimeSample | None:
        """The time of the platform behind that uplink, if it cannot be forged."""
        return self.last_sample(uplink, now_ns) if self._lenders.secure(uplink) else None

    def status(self, now_ns: int, system_wall_ns: int) -> ClockStatus:
        """The present state; `system_wall_ns` is the system clock's time."""
        shown = TimeSample(Trust.NONE, system_wall_ns, now_ns, 0)
        plausible_ns = system_wall_ns if self.plausible(shown, now_ns) else None
        if self._time is None:
            return ClockStatus(Trust.NONE, None, 0.0, math.inf, plausible_ns)
        return ClockStatus(
            trust=self._time.source,
            wall_ns=self._time.wall_at(now_ns),
            age_s=(now_ns - self._time.at_ns) / SECOND_NS,
            error_s=self._time.error_at(now_ns) / SECOND_NS,
            plausible_ns=plausible_ns,
            vouched=self.vouched(now_ns) is not None,
            doubt=self._doubt(now_ns),
        )

    def saved(self, now_ns: int) -> SavedTime:
        """What to store for the next process of this boot."""
        words = tuple(word.last for word in self._words.values())
        return SavedTime(self._time, words, self._floor.at(now_ns), now_ns)

    def resume(self, kept: SavedTime, now_ns: int) -> None:
        """Continue where another process of this boot stopped; impossible values are ignored."""
        if kept.at_ns > now_ns:
            return
        if EARLIEST_NS <= kept.floor_ns < LATEST_NS:
            self._floor.rise(ExpiryFloor(kept.floor_ns, kept.at_ns).at(now_ns), now_ns)
        for fix in kept.words[:WORDS_MAX]:
            if _possible(fix, now_ns):
                self._words[fix.time_source] = SourceClaim.first(fix)
        if kept.time is not None and _possible(kept.time, now_ns):
            self._time = self._base = kept.time

    def _take(self, fix: TimeSample | None, now_ns: int) -> None:
        """That is the time from now on."""
        known, self._time = self._base, fix
        if known is None or fix is None or not _carries_on(known, fix, now_ns):
            self._base = fix

    def _hear(self, fix: TimeSample, now_ns: int) -> None:
        known = self._words.get(fix.time_source)
        if known is None and fix.source is Trust.METER and not self._room_for_meter(now_ns):
            return
        if known is None or not known.base.agrees(fix):
            self._words[fix.time_source] = SourceClaim.first(fix)
        else:
            vaguer = known.last.error_at(now_ns) <= fix.error_at(now_ns)
            last, heard_ns = known.last if vaguer else fix, max(known.heard_ns, fix.at_ns)
            base = known.base if now_ns - known.base.at_ns < BASE_NS else last
            self._words[fix.time_source] = SourceClaim(known.since_ns, base, last, heard_ns)

    def _room_for_meter(self, now_ns: int) -> bool:
        """Whether another meter may have a slot; a silent one gives up its own."""
        meters = [w for w in self._words if w[0] is Trust.METER]
        for witness in meters:
            if len(meters) >= METERS_MAX and not _fresh(self._words[witness], now_ns):
                del self._words[witness]
                return True
        return len(meters) < METERS_MAX

    def _chosen(self, now_ns: int) -> TimeSample | None:
        words = self._believed(now_ns)
        if self._time is None:
            beginning = [w for w in words if self._may_begin(words, w, now_ns)]
            return words[min(beginning, key=self._lenders.rank)].last if beginning else None
        backing = self._backing(words)
        best = self._rival(words, backing) if len(backing) < len(words) else None
        if best is None:
            return self._refined(words, backing, now_ns)
        self._turns[best] = self._turns.get(best, 0) + 1
        return words[best].last

    def _rival(
        self, words: Mapping[TimeSource, SourceClaim], backing: Collection[TimeSource]
    ) -> TimeSource | None:
        """The source whose claim changes the known time."""
        standing = {w: self._standing(words, w) for w in words}
        # A vague claim may agree with two that differ: those who back the time must do so together.
        together = {w: words[w] for w in backing}
        known = min((self._standing(together, w) for w in backing), default=_UNSUPPORTED)
        rivals = [
            w
            for w in words
            if w not in backing
            and standing[w] < known
            and self._may_change(w, words[w], standing[w])
        ]
        return min(rivals, key=lambda w: (standing[w], self._lenders.rank(w)), default=None)

    def _refined(
        self, words: Mapping[TimeSource, SourceClaim], backing: Collection[TimeSource], now_ns: int
    ) -> TimeSample:
        """The best claim for the known time: a lesser one only without a fresh better one."""
        known = self._time
        assert known is not None
        rank = self._lenders.rank(known.time_source)
        for witness in sorted(backing, key=self._lenders.rank):
            fix = words[witness].last
            less_wrong = fix.error_at(now_ns) < known.error_at(now_ns)
            if self._lenders.rank(witness) <= rank or (
                known.time_source not in words and less_wrong
            ):
                return fix
        return known

    def _may_begin(
        self, words: Mapping[TimeSource, SourceClaim], witness: TimeSource, now_ns: int
    ) -> bool:
        """Whether that claim may be the first time of a boot."""
        word = words[witness]
        if witness[0] is not Trust.PLATFORM:
            return True
        past = word.last.wall_ns + word.last.error_ns < self._floor.at(now_ns)
        if self._lenders.may_begin(witness[1]) and not past:
            return True
        return self._may_change(witness, word, self._standing(words, witness))

    def _may_change(self, witness: TimeSource, word: SourceClaim, standing: SourceRank) -> bool:
        """Whether that claim may change a known time."""
        if standing[0] != _SINGLE or witness[0] is Trust.PERSON:
            return True
        if witness[0] is Trust.PLATFORM and not self._lenders.may_set_alone(witness):
            return False
        doubled = min(self._turns.get(witness, 0), APART_DOUBLED_MAX)
        return word.said_for_ns >= APART_NS << doubled

    def _standing(self, words: Mapping[TimeSource, SourceClaim], witness: TimeSource) -> SourceRank:
        if witness[0] is Trust.NTP:
            return _NTP, 0
        seconds = [
            self._lenders.rank(other) for other in words if self._seconds(words, witness, other)
        ]
        if seconds:
            return _PAIR, min(self._lenders.rank(witness), *seconds)
        return _SINGLE, self._lenders.rank(witness)

    def _seconds(
        self, words: Mapping[TimeSource, SourceClaim], one: TimeSource, other: TimeSource
    ) -> bool:
        """Whether both are a pair: independent, agreeing, and one of them may stand alone."""
        a, b = words[one].last, words[other].last
        return (
            (self._lenders.may_set_alone(one) or self._lenders.may_set_alone(other))
            and max(a.error_ns, b.error_ns) <= SECOND_ERROR_NS_MAX
            and a.agrees(b)
            and self._lenders.site(one) != self._lenders.site(other)
        )

    def _contradicted(self, words: Mapping[TimeSource, SourceClaim]) -> bool:
        """Whether a platform whose time nobody can have changed contradicts NTP."""
        ntp = words[_NTPS].last
        return any(
            ntp.apart_ns(word.last) > CONTRADICTS_NS
            for (source, name), word in words.items()
            if source is Trust.PLATFORM and self._lenders.secure(name)
        )

    def _doubt(self, now_ns: int) -> Doubt:
        known, words = self._time, self._believed(now_ns)
        assert known is not None
        if self._ahead_ns(known, now_ns) > CONTRADICTS_NS:
            return "floor"
        if _PERSONS in words or self.vouched(now_ns) is not None:
            return ""
        sure = (word.last for w, word in words.items() if self._lenders.may_set_alone(w))
        apart = (known.apart_ns(fix) for fix in sure)
        return "sources" if any(apart_ns > CONTRADICTS_NS for apart_ns in apart) else ""

    def _vouching(self, now_ns: int) -> list[tuple[TimeSample, ...]]:
        """The samples that vouch for the known time: NTP's, and those of each pair."""
        if self._time is None:
            return []
        words = self._believed(now_ns)
        backing = self._backing(words)
        found: list[tuple[TimeSample, ...]] = []
        if _NTPS in backing and not self._contradicted(words):
            found.append((words[_NTPS].last,))
        for one, other in combinations(backing, 2):
            if self._seconds(words, one, other):
                found.append((words[one].last, words[other].last))
        return found

    def _keep_floor(self, now_ns: int) -> None:
        """As late as everything that vouches for it together says that it certainly is."""
        vouching = self._vouching(now_ns)
        if not vouching or self._time is None:
            return
        earliest_ns = max(min(fix.earliest_at(now_ns) for fix in fixes) for fixes in vouching)
        earliest_ns = max(earliest_ns, EARLIEST_NS)
        self._floor.rise(earliest_ns, now_ns)
        false = self._ahead_ns(self._time, now_ns) > 0
        if false and _PERSONS in self._backing(self._believed(now_ns)):
            self._floor.reset(earliest_ns, now_ns)

    def _ahead_ns(self, fix: TimeSample, now_ns: int) -> int:
        """How far the floor is ahead of what can be true if the sample is."""
        return self._floor.at(now_ns) - fix.wall_at(now_ns) - fix.error_at(now_ns)

    def _believed(self, now_ns: int) -> dict[TimeSource, SourceClaim]:
        """The claims that count: those of the last day, of permitted sources."""
        return {
            witness: word
            for witness, word in self._words.items()
            if _fresh(word, now_ns) and self._lenders.counts(witness)
        }

    def _backing(self, words: Mapping[TimeSource, SourceClaim]) -> list[TimeSource]:
        """The sources that support the known time."""
        known = self._base
        assert known is not None
        return [witness for witness, word in words.items() if known.agrees(word.last)]


def _fresh(word: SourceClaim, now_ns: int) -> bool:
    return now_ns - word.heard_ns <= FRESH_NS


def _possible(fix: TimeSample, now_ns: int) -> bool:
    return fix.at_ns <= now_ns and fix.error_ns >= 0 and EARLIEST_NS <= fix.wall_ns < LATEST_NS


def _carries_on(base: TimeSample, fix: TimeSample, now_ns: int) -> bool:
    return (
        fix.time_source == base.time_source and now_ns - base.at_ns < BASE_NS and base.agrees(fix)
    )


def _step(before: TimeSample | None, after: TimeSample | None, now_ns: int) -> ClockStep | None:
    if after is None:
        return None
    new = after.wall_at(now_ns)
    old = None if before is None else before.wall_at(now_ns)
    if old is not None and abs(new - old) <= STEP_NS:
        return None
    return ClockStep(old, new, now_ns, after.source)
