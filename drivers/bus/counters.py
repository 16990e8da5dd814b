"""Counters that go backwards: flagged, never forwarded as good. Pure."""

from drivers.contract import Quality, Sample

_PLAUSIBLE = 64
"""A counter may wrap if, wrapping, it moved by less than this fraction of its range."""


class Counters:
    """The highest count of every counter of one device, as the integer before scaling."""

    def __init__(self) -> None:
        self._highest: dict[str, int | float] = {}

    def judge(self, sample: Sample) -> Quality:
        """The sample's quality, with its history in view."""
        count = sample.count
        if not sample.point.counter or sample.quality is not Quality.GOOD or count is None:
            return sample.quality
        highest = self._highest.get(sample.point.id)
        if highest is not None and count < highest and not _wrapped(sample, highest, count):
            return Quality.OUT_OF_RANGE
        self._highest[sample.point.id] = count
        return Quality.GOOD

    def accept(self, point: str) -> None:
        """Take the next count as it comes: the meter was replaced."""
        self._highest.pop(point, None)


def _wrapped(sample: Sample, highest: float, count: float) -> bool:
    modulus = sample.modulus
    return modulus is not None and (count - highest) % modulus * _PLAUSIBLE < modulus
