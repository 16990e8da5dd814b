"""Schedules: cron, working days with their swaps; missed hours are reported.

An hour is recorded as seen before its order is placed, so that it sounds at most once. An hour that
passed while the time was unknown, or while the station was off, is missed and not made up for.
"""

import datetime
import zoneinfo
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from cronsim import CronSim, CronSimError

from broadcast.options import Id, PresetOptions
from broadcast.order import Authority, OrderClass
from broadcast.orders.events import MISSED, ROOM, ScheduleMissedData
from broadcast.policy.guard import MAY
from broadcast.policy.quiet_hours import ClockReading, S
from broadcast.ports import OrderJournal
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.clock import Clock
from gateway.errors import NotFound, StateConflict, UsageError
from gateway.event import ID_PATTERN, Event
from gateway.journal import StateChange, load_state
from gateway.journal.stored_state import (
    json_decoder,
    lenient_json_decoder,
    parse_number,
    require_readable,
)

STATE = "broadcast-schedules"
SEEN = "=seen"
SKIP = "=skip/"
MISSED_KEY = "=missed"
# How long after its hour an order still makes sense.
LATE_S = 60

SCHEDULES_MAX = 100
HISTORY_MAX = 10
# How many missed hours are counted; what is due now is found separately.
HOURS_MAX = 1_000

MISSED_MAX = 10
DAY_S = 86_400
# A stored time that lies further ahead than this was never true. What lies nearer may have sounded
# already, and does not sound twice.
AHEAD_S = 3_600


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A preset in zones, by cron (`30 8 * * *`), on all days, working days or days of rest."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    cron: Annotated[str, msgspec.Meta(max_length=100)]
    preset: Id
    zones: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    days: Literal["all", "workdays", "restdays"] = "all"
    on: bool = True

    def __post_init__(self) -> None:
        """Refuse invalid cron expressions."""
        try:
            CronSim(self.cron, datetime.datetime(2026, 1, 1))  # noqa: DTZ001  # only read
        except CronSimError as error:
            raise ValueError(str(error)) from error


class ScheduleVersion(msgspec.Struct, frozen=True):
    """One version of a schedule; None if it was removed."""

    schedule: Schedule | None
    by: Actor
    wall_ns: int | None = None


class MissedSchedule(msgspec.Struct, frozen=True):
    """A schedule whose hours were missed, and when that was noticed."""

    name: str
    times: int
    wall_ns: int


_Versions = Annotated[tuple[ScheduleVersion, ...], msgspec.Meta(min_length=1)]


def _decoded(key: str, body: bytes) -> Any:
    """Decode a row of the state; ValueError if it is invalid."""
    if key == SEEN or key.startswith(SKIP):
        return parse_number(body)
    if key == MISSED_KEY:
        return json_decoder(tuple[MissedSchedule, ...])(key, body)
    if not ID_PATTERN.fullmatch(key):
        raise ValueError
    return lenient_json_decoder(_Versions)(key, body)


class DueSchedule(NamedTuple):
    """A schedule that is due (`now`), and how many of its hours were missed before."""

    id: str
    schedule: Schedule
    now: bool
    missed: int


def occurrences(
    schedule: Schedule, after_ns: int, upto_ns: int, zone: zoneinfo.ZoneInfo, calendar: Calendar
) -> Iterator[int]:
    """Its instants after the first and up to the second bound; at most `HOURS_MAX` are examined.

    A day on which it stays silent counts as one, whatever its cron.
    """
    found = CronSim(schedule.cron, datetime.datetime.fromtimestamp(after_ns // S, tz=zone))
    for _ in range(HOURS_MAX):
        moment = next(found, None)
        if moment is None or int(moment.timestamp()) * S > upto_ns:
            return
        works = calendar.is_workday(moment.date())
        if schedule.days == "all" or works == (schedule.days == "workdays"):
            yield int(moment.timestamp()) * S
        else:
            found = CronSim(schedule.cron, moment.replace(hour=23, minute=59, second=59))


def is_schedulable(preset: PresetOptions) -> bool:
    """Whether a schedule may play it: what startles people must be pressed by a person."""
    return OrderClass.parse(preset.cls) in MAY[Authority.PRESS, "schedule"]


def check_schedulable(preset: PresetOptions) -> None:
    """UsageError for a preset that no schedule may play."""
    if not is_schedulable(preset):
        raise UsageError("broadcast.not-by-the-clock", preset=preset.name, cls=preset.cls)


class Schedules:
    """Staff's schedules; `load` first, then `due` every few seconds."""

    def __init__(
        self, journal: OrderJournal, clock: Clock, timezone: str, calendar: Calendar
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._calendar = calendar
        self._history: dict[str, tuple[ScheduleVersion, ...]] = {}
        self._seen_ns: int | None = None
        self._skipped: dict[str, int] = {}
        self._missed: tuple[MissedSchedule, ...] = ()

    async def load(self) -> None:
        """Load the schedules, and which hours were seen."""
        kept: dict[str, Any] = await load_state(self._journal, STATE, _decoded)
        self._seen_ns = kept.pop(SEEN, 0) or None
        self._missed = kept.pop(MISSED_KEY, ())
        self._skipped = {
            key.removeprefix(SKIP): kept.pop(key) for key in [*kept] if key.startswith(SKIP)
        }
        self._history = kept

    def all(self) -> Mapping[str, Schedule]:
        latest = {key: versions[-1].schedule for key, versions in self._history.items()}
        return {key: schedule for key, schedule in latest.items() if schedule is not None}

    async def put(self, schedule_id: str, schedule: Schedule | None, by: Actor) -> None:
        """Create, change or (None) remove a schedule; stored when this returns."""
        if not ID_PATTERN.fullmatch(schedule_id):
            raise UsageError("broadcast.bad-preset", preset=schedule_id[:60])
        if schedule_id not in self._history and len(self._history) >= SCHEDULES_MAX:
            raise UsageError("broadcast.too-many-presets", max=SCHEDULES_MAX)
        version = ScheduleVersion(schedule, by, self._clock.stamp().wall_ns)
        await self._keep(schedule_id, (*self.history(schedule_id), version)[-HISTORY_MAX:])

    def next_instants(self, schedule: Schedule, wall_ns: int, count: int) -> list[int]:
        """Its next `count` instants within a year."""
        year_ns = wall_ns + 366 * DAY_S * S
        return list(
            islice(occurrences(schedule, wall_ns, year_ns, self._zone, self._calendar), count)
        )

    def skipped(self, schedule_id: str) -> int | None:
        """The one instant at which it stays silent."""
        return self._skipped.get(schedule_id)

    async def skip(self, schedule_id: str, at_ns: int | None) -> None:
        """Stay silent at that one instant, or (None) at none; stored when this returns."""
        if schedule_id not in self.all():
            raise NotFound("broadcast.unknown-preset", preset=schedule_id[:60])
        key = SKIP + schedule_id
        body = None if at_ns is None else require_readable(_decoded, key, str(at_ns).encode())
        await self._journal.append((), [StateChange(STATE, key, body)])
        if at_ns is None:
            self._skipped.pop(schedule_id, None)
        else:
            self._skipped[schedule_id] = at_ns

    @property
    def missed(self) -> tuple[MissedSchedule, ...]:
        """What was missed lately, the newest first."""
        return self._missed[::-1]

    async def undo(self, schedule_id: str) -> None:
        """Undo the last change."""
        versions = self.history(schedule_id)
        if not versions:
            raise StateConflict("broadcast.nothing-to-undo", preset=schedule_id)
        await self._keep(schedule_id, versions[:-1])

    def history(self, schedule_id: str) -> tuple[ScheduleVersion, ...]:
        """Its versions, the oldest first."""
        return self._history.get(schedule_id, ())

    async def due(self) -> list[DueSchedule]:
        """Take what is to sound now: it is recorded as seen, and missed hours are reported."""
        wall_ns = ClockReading.now(self._clock).wall_ns
        if wall_ns is None:
            return []
        if self._seen_ns is None or self._seen_ns > wall_ns + AHEAD_S * S:
            await self._see(wall_ns, [])
        assert self._seen_ns is not None
        found = list(self._found(self._seen_ns, wall_ns))
        if found:
            await self._see(wall_ns, found)
        else:
            self._seen_ns = max(self._seen_ns, wall_ns)
        return [each for each in found if each.now]

    def _found(self, seen_ns: int, wall_ns: int) -> Iterator[DueSchedule]:
        for key, schedule in self.all().items():
            planned_ns = self.history(key)[-1].wall_ns or 0
            since_ns = seen_ns if planned_ns > wall_ns + AHEAD_S * S else max(seen_ns, planned_ns)
            if schedule.on and since_ns < wall_ns:  # hours before it was planned were not missed
                late_ns = wall_ns - LATE_S * S - 1
                missed = self._at(key, schedule, since_ns, late_ns)
                at = self._at(key, schedule, max(since_ns, late_ns), wall_ns)
                if missed or at:
                    yield DueSchedule(key, schedule, bool(at), len(missed) + len(at) - bool(at))

    def _at(self, key: str, schedule: Schedule, after_ns: int, upto_ns: int) -> list[int]:
        found = occurrences(schedule, after_ns, upto_ns, self._zone, self._calendar)
        return [at_ns for at_ns in found if at_ns != self._skipped.get(key)]

    async def _see(self, wall_ns: int, found: list[DueSchedule]) -> None:
        stamps = self._clock.stamp()
        events = [
            Event(
                kind=MISSED,
                source=ROOM,
                subject=each.id,
                stamps=stamps,
                data=ScheduleMissedData(
                    each.id, each.schedule.name, "broadcast.missed", each.missed
                ),
            )
            for each in found
            if each.missed
        ]
        gone = [
            MissedSchedule(each.schedule.name, each.missed, wall_ns)
            for each in found
            if each.missed
        ]
        missed = (*self._missed, *gone)[-MISSED_MAX:]
        states = [StateChange(STATE, SEEN, str(wall_ns).encode())]
        if gone:
            states.append(StateChange(STATE, MISSED_KEY, msgspec.json.encode(missed)))
        await self._journal.append(events, states)
        self._seen_ns, self._missed = wall_ns, missed

    async def _keep(self, schedule_id: str, versions: tuple[ScheduleVersion, ...]) -> None:
        body = None
        if versions:
            body = require_readable(_decoded, schedule_id, msgspec.json.encode(versions))
        await self._journal.append((), [StateChange(STATE, schedule_id, body)])
        if versions:
            self._history[schedule_id] = versions
        else:
            self._history.pop(schedule_id, None)
