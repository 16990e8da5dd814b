"""Decides which readings are reported: every poll, or beyond a deadband, or every so often."""

import re

import msgspec

from drivers.contract import Quality, Reading

_NUMBERS = frozenset({int, float})
_CHANGE = re.compile(r"(?P<amount>\d+(?:\.\d+)?)\s*(?P<percent>%)?")


class ReportOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`report.<point>` of a device in `station.toml`.

    `change`: report when the value has moved by more than this since it was last reported, in
    the point's unit or, with "%", relative to that value; `0` means any change. Without it,
    every poll is reported. `at_least_every_s` reports an unchanged value that often.
    """

    change: str | float | None = None
    at_least_every_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if isinstance(self.change, str) and not _CHANGE.fullmatch(self.change.strip()):
            raise ValueError("change: a number in the point's unit, or a percentage like '2%'")
        if isinstance(self.change, int | float) and self.change < 0:
            raise ValueError("change: not negative")
        if self.at_least_every_s is not None and self.at_least_every_s <= 0:
            raise ValueError("at_least_every_s: more than 0")


EVERY_POLL = ReportOptions()
# Default for contacts and texts.
ON_CHANGE = ReportOptions(change=0.0, at_least_every_s=900.0)


def _deadband(report: ReportOptions, reported: float) -> float:
    if isinstance(report.change, str):
        match = _CHANGE.fullmatch(report.change.strip())
        assert match is not None  # checked when the options were decoded
        amount = float(match["amount"])
        return abs(reported) * amount / 100 if match["percent"] else amount
    return float(report.change or 0)


def is_report_due(report: ReportOptions, last: Reading | None, new: Reading) -> bool:
    """Whether `new` is to be reported after `last`.

    A change of quality, or of a value that is not a number, always is.
    """
    if last is None or report.change is None or last.quality is not new.quality:
        return True
    aged_ns = new.at_ns - last.at_ns
    if report.at_least_every_s is not None and aged_ns >= report.at_least_every_s * 1e9:
        return True
    before, after = _number(last.value), _number(new.value)
    if before is None or after is None:
        return last.value != new.value
    return abs(after - before) > _deadband(report, before)


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # just looked


class ReportingFilter:
    """One device's reporting: which points are due, and what was reported last.

    Readings that are `due` are `offered` to the journal, and then `stored` or `refused`; a
    refused change is due again at the next poll.
    """

    def __init__(self, reports: dict[str, ReportOptions]) -> None:
        """`reports` by point id; other points report every poll, contacts and texts on change."""
        self._reports = reports
        self._last: dict[str, Reading] = {}
        self._offered: dict[str, Reading] = {}

    def due(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        """The readings to report, compared with what is on its way or was stored last."""
        reports = self._reports
        last = self._last if not self._offered else {**self._last, **self._offered}
        return tuple(
            [
                reading
                for reading in readings
                # the usual case: numbers without options, which are always due
                if (reading.point not in reports and type(reading.value) in _NUMBERS)
                or is_report_due(self._of(reading), last.get(reading.point), reading)
            ]
        )

    def offered(self, readings: tuple[Reading, ...]) -> None:
        """They are on their way."""
        self._offered.update({reading.point: reading for reading in readings})

    def stored(self, readings: tuple[Reading, ...]) -> None:
        """They are in the journal."""
        self._last.update({reading.point: reading for reading in readings})
        self.refused(readings)

    def refused(self, readings: tuple[Reading, ...]) -> None:
        """They were refused."""
        for reading in readings:
            if self._offered.get(reading.point) is reading:
                del self._offered[reading.point]

    def _of(self, reading: Reading) -> ReportOptions:
        if reading.point in self._reports:
            return self._reports[reading.point]
        return ON_CHANGE if _number(reading.value) is None else EVERY_POLL


def telemetry_maps(
    readings: tuple[Reading, ...],
) -> tuple[dict[str, int | float | bool | str | None], dict[str, str]]:
    """The `v` and `q` of one telemetry event."""
    values = {r.point: r.value for r in readings}
    qualities = {r.point: r.quality.value for r in readings if r.quality is not Quality.GOOD}
    return values, qualities
