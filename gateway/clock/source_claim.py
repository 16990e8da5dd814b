"""What a time source claims, and what the next process of a boot continues with. Pure."""

from typing import NamedTuple

import msgspec

from gateway.clock.time_sample import TimeSample


class SourceClaim(NamedTuple):
    """What a source claims: since `since_ns` the same as `base`; `last` is its best recent sample.

    The next sample is compared with `base`, which is renewed rarely, so that nobody moves the
    clock by many small steps.
    """

    since_ns: int
    base: TimeSample
    last: TimeSample
    heard_ns: int

    @classmethod
    def first(cls, fix: TimeSample) -> "SourceClaim":
        """Its first claim of that time."""
        return cls(fix.at_ns, fix, fix, fix.at_ns)

    @property
    def said_for_ns(self) -> int:
        """How long it has claimed the same."""
        return self.heard_ns - self.since_ns


class SavedTime(msgspec.Struct, frozen=True):
    """What the next process of the same boot continues with."""

    time: TimeSample | None
    words: tuple[TimeSample, ...]
    floor_ns: int
    at_ns: int
