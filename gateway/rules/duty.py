"""`[duty]`: who is on duty when, by which channel, and who is next if nobody answers. Pure."""

from collections.abc import Callable, Collection, Iterator
from typing import Annotated, NamedTuple

import msgspec

from gateway.calendar import DAY_S, Calendar, Days, TimeWindow
from gateway.event import Severity
from gateway.rules.kinds import S

# A call is given up after this time, and not repeated before.
PERIOD_S_MIN = 30.0

# The last step repeats at its own period for this long, then at this interval for life-safety
# alarms: nothing else speaks in a hall all night.
OFTEN_S, SELDOM_S = 3600.0, 900.0

# Channels other than zones, where a chime sounds.
DESK, PLATFORM = "desk", "platform"

ROSTER_MAX = 50
STEPS_MAX = 10

ContactName = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
_ORDER = list(Severity)
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the roster: `who` can be reached `at` these hours `by` these channels."""

    who: ContactName
    at: Annotated[str, msgspec.Meta(examples=["08:00-20:00"])] = "00:00-24:00"
    days: Days = "all"
    by: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=10)]

    def __post_init__(self) -> None:
        """Refuse invalid hours."""
        _ = self.window

    @property
    def window(self) -> TimeWindow:
        """When the shift is on duty."""
        return TimeWindow.parse(self.at, self.days)


class EscalationStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """If nobody acknowledges within `after_s`, `to` is called; only from severity `least` up."""

    after_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    to: ContactName
    least: Severity = Severity.MAJOR

    def concerns(self, severity: Severity) -> bool:
        """Whether the step applies to that severity."""
        return _ORDER.index(severity) <= _ORDER.index(self.least)


class DutyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[duty]`."""

    roster: Annotated[tuple[Shift, ...], msgspec.Meta(max_length=ROSTER_MAX)] = ()
    escalate: Annotated[tuple[EscalationStep, ...], msgspec.Meta(max_length=STEPS_MAX)] = ()


class DutyCall(msgspec.Struct, frozen=True):
    """Call a person now; `by` are the channels that reach them.

    `again`: the last step is repeated.
    """

    to: str
    by: tuple[str, ...]
    step: int
    again: bool = False


class DutyRoster:
    """Decides who is called for an alarm, and by which channels."""

    def __init__(self, options: DutyOptions, calendar: Calendar) -> None:
        """Sorts the steps by their times, however they are written."""
        self._roster = options.roster
        self._steps = sorted(options.escalate, key=lambda step: step.after_s)
        self._calendar = calendar
        self._lasts = {severity: self._last(severity) for severity in Severity}

    def due(
        self,
        severity: Severity,
        steps: int,
        age_ns: int,
        wall_ns: int | None,
        *,
        again: bool = True,
    ) -> Iterator[DutyCall]:
        """The calls due for an alarm of that age beyond the `steps` already taken.

        The last step repeats, each time as one more, unless `again` is false.
        """
        for number, step in enumerate(self._steps[steps:], steps + 1):
            if not step.concerns(severity):
                continue
            if age_ns < step.after_s * S:
                return
            yield DutyCall(step.to, self.channels(step.to, wall_ns), number)
        last, number = self._round(severity, age_ns)
        if again and last is not None and number > max(steps, len(self._steps)):
            yield DutyCall(last.to, self.channels(last.to, wall_ns), number, again=True)

    def patience_ns(self, severity: Severity) -> int | None:
        """The age by which everybody was called and had time; None if nobody is called."""
        last, period_s = self._lasts[severity]
        return None if last is None else round((last.after_s + period_s) * S)

    def _last(self, severity: Severity) -> tuple[EscalationStep | None, float]:
        """The last step that applies, and its repetition period."""
        mine = [step for step in self._steps if step.concerns(severity)]
        if not mine:
            return None, 0.0
        before_s = mine[-2].after_s if len(mine) > 1 else 0.0
        return mine[-1], max(mine[-1].after_s - before_s, PERIOD_S_MIN)

    def _round(self, severity: Severity, age_ns: int) -> tuple[EscalationStep | None, int]:
        """The last step, and its number when repeated for the latest time that is due."""
        last, period_s = self._lasts[severity]
        if last is None:
            return None, 0
        after_s = max(0.0, age_ns / S - last.after_s)
        if after_s > OFTEN_S and severity is not Severity.CRITICAL:
            return last, 0
        rounds = min(after_s, OFTEN_S) // period_s
        rounds += max(0.0, after_s - OFTEN_S) // max(period_s, SELDOM_S)
        return last, len(self._steps) + int(rounds)

    def called_people(self, severity: Severity, steps: int) -> tuple[str, ...]:
        """Who has been called by that many steps."""
        taken = (step.to for step in self._steps[:steps] if step.concerns(severity))
        return tuple(dict.fromkeys(taken))

    def channels(self, who: str, wall_ns: int | None) -> tuple[str, ...]:
        """The channels that reach that person now; all of theirs without the time of day."""
        ways: list[str] = []
        for shift in self._roster:
            on = wall_ns is None or shift.window.holds(self._calendar, wall_ns)
            if shift.who == who and on:
                ways += shift.by
        return tuple(dict.fromkeys(ways))


class WeekHour(NamedTuple):
    """An hour of the week: `mon`, `02:30`."""

    day: str
    clock: str


# Whether that channel reaches nobody at that second of the day.
IsUnreachable = Callable[[str, int], bool]


def unreached_hours(
    options: DutyOptions, who: str, deaf: IsUnreachable = lambda *_: False
) -> WeekHour | None:
    """A part of the week in which nobody receives what `who` is told; None if there is none.

    Working days count as Monday to Friday: what a holiday leaves open, a weekend does as well.
    """
    shifts = [shift for shift in options.roster if shift.who == who]
    for weekday, name in enumerate(_WEEK):
        for start in range(0, DAY_S, 1800):
            there = [shift for shift in shifts if _covers(shift, weekday, start)]
            if all(deaf(channel, start) for shift in there for channel in shift.by):
                return WeekHour(name, f"{start // 3600:02d}:{start % 3600 // 60:02d}")
    return None


def _covers(shift: Shift, weekday: int, second: int) -> bool:
    hours = shift.window.hours or (0, DAY_S)
    start, end = hours
    if start < end:
        inside, day = start <= second < end, weekday
    else:
        inside, day = second >= start or second < end, weekday if second >= start else weekday - 1
    return inside and _WEEK[day % 7] in _days(shift.days)


def _days(days: str) -> Collection[str]:
    named = {"all": _WEEK, "workdays": _WEEK[:5], "restdays": _WEEK[5:]}
    return named.get(days, (days,))
