"""Schedules: made, previewed, skipped once, undone."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from broadcast.orders.schedules import Schedule, check_schedulable, is_schedulable
from broadcast.pages.actions import form_route, is_pressable
from broadcast.pages.api import request_actor
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.pages.upcoming import TIMES, spoken_time, upcoming_schedules
from gateway.errors import NotFound, UsageError
from gateway.health import Vitals
from gateway.web.audit_middleware import set_target
from gateway.web.i18n import translator_for
from gateway.web.page_renderer import PAGES
from gateway.web.section import Permission, Route

HERE = f"{PATH}/schedules"
# The field of the form beside which a refusal is shown, by its code.
FIELDS = {"cast.no-zone-planned": "zone", "cast.no-hour": "at"}

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# When it may sound: every day, by the calendar with its holidays and swaps, or one day a week.
DAYS = ("all", "workdays", "restdays", *WEEKDAYS)

NAME_CHARS_MAX = 60


class ScheduleDraft(NamedTuple):
    """The form as it was filled in; `times` are when it would sound."""

    id: str = ""
    preset: str = ""
    zones: tuple[str, ...] = ()
    at: str = "09:00"
    day: str = "all"
    times: tuple[str, ...] = ()


class ScheduleRoutes:
    """The handlers."""

    def __init__(self, context: BroadcastPageContext, vitals: Callable[[], Vitals]) -> None:
        self._context = context
        self._vitals = vitals

    def routes(self) -> list[Route]:
        return [
            Route(path=HERE, handler=self.all, permission=Permission.VIEW),
            form_route("/schedules", self.put, "schedule"),
            form_route("/schedules/look", self.look, "schedule-look"),
            form_route("/schedules/{id}/skip", self.skip, "skip"),
            form_route("/schedules/{id}/undo", self.undo, "unschedule"),
            form_route("/schedules/{id}/remove", self.remove, "schedule"),
        ]

    async def all(self, request: web.Request) -> web.StreamResponse:
        """All schedules with their next times, and a form for one more or (`?edit=`) a change."""
        edited = request.query.get("edit", "")
        schedule = self._context.schedules.all().get(edited)
        return self._page(
            request, ScheduleDraft() if schedule is None else _draft(edited, schedule)
        )

    async def look(self, request: web.Request) -> web.StreamResponse:
        """When it would sound, before it is stored."""
        words, now = translator_for(request), self._vitals()
        try:
            schedule, draft = await self._asked(request)
        except UsageError as error:
            return self._again(request, await self._draft(request), error)
        wall_ns = self._context.moment().wall_ns
        if wall_ns is None:
            raise UsageError("broadcast.untrusted-clock")
        at = self._context.schedules.next_instants(schedule, wall_ns, TIMES)
        times = tuple(spoken_time(each, wall_ns, now.timezone, words) for each in at)
        return self._page(request, draft._replace(times=times))

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Store it."""
        try:
            schedule, draft = await self._asked(request)
        except UsageError as error:
            return self._again(request, await self._draft(request), error)
        schedule_id = draft.id or self._fresh_id()
        set_target(request, schedule_id)
        await self._context.schedules.put(schedule_id, schedule, request_actor(request))
        raise web.HTTPSeeOther(HERE)

    async def skip(self, request: web.Request) -> web.StreamResponse:
        """Skip its next time, or cancel that."""
        schedule_id, schedules = request.match_info["id"], self._context.schedules
        set_target(request, schedule_id)
        schedule, wall_ns = schedules.all().get(schedule_id), self._context.moment().wall_ns
        if schedule is None or wall_ns is None:
            raise UsageError("broadcast.untrusted-clock")
        at = schedules.next_instants(schedule, wall_ns, 1)
        skips = bool(at) and schedules.skipped(schedule_id) != at[0]
        await schedules.skip(schedule_id, at[0] if skips else None)
        raise web.HTTPSeeOther(HERE)

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Undo its last change."""
        schedule_id = request.match_info["id"]
        set_target(request, schedule_id)
        await self._context.schedules.undo(schedule_id)
        raise web.HTTPSeeOther(HERE)

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Remove it; that can be undone, too."""
        schedule_id = request.match_info["id"]
        set_target(request, schedule_id)
        await self._context.schedules.put(schedule_id, None, request_actor(request))
        raise web.HTTPSeeOther(f"{HERE}?gone={schedule_id}")

    async def _draft(self, request: web.Request) -> ScheduleDraft:
        """The form as it was filled in, complete or not."""
        form = await request.post()
        return ScheduleDraft(
            id=_known(str(form.get("id", "")), self._context.schedules.all()),
            preset=str(form.get("preset", "")),
            zones=tuple(map(str, form.getall("zone", []))),
            at=str(form.get("at", ""))[:5],
            day=str(form.get("day", "all")),
        )

    def _again(self, request: web.Request, draft: ScheduleDraft, error: UsageError) -> web.Response:
        """The page once more, with what was typed, and what is missing beside its field."""
        if error.code not in FIELDS:
            raise error
        return self._page(request, draft, error)

    async def _asked(self, request: web.Request) -> tuple[Schedule, ScheduleDraft]:
        draft = await self._draft(request)
        if not draft.zones:
            raise UsageError("cast.no-zone-planned")
        preset = self._context.presets.get(draft.preset)
        check_schedulable(preset)
        for zone in draft.zones:
            if zone not in self._context.room.house.zones:
                raise NotFound("broadcast.unknown-zone", zone=zone[:60])
        return _schedule(draft, preset.name), draft

    def _fresh_id(self) -> str:
        taken = self._context.schedules.all().keys()
        return next(found for n in range(1, 10_000) if (found := f"plan-{n}") not in taken)

    def _page(
        self, request: web.Request, draft: ScheduleDraft, error: UsageError | None = None
    ) -> web.Response:
        words, now, context = translator_for(request), self._vitals(), self._context
        presets = {
            key: each
            for key, each in context.presets.all().items()
            if is_pressable(each) and is_schedulable(each)
        }
        return request.app[PAGES].render(
            request,
            "broadcast/schedules.html",
            now,
            {},
            status=200 if error is None else web.HTTPBadRequest.status_code,
            trouble="" if error is None else words(error.code, **error.data),
            field="" if error is None else FIELDS[error.code],
            rows=upcoming_schedules(context, now.timezone, words),
            draft=draft,
            days=DAYS,
            presets=presets,
            zones=[each for each in context.room.house.zones.values() if each.sound != "near"],
            known=context.room.house.zones,
            day_of=_day,
        )


def _schedule(draft: ScheduleDraft, name: str) -> Schedule:
    hour, _, minute = draft.at.partition(":")
    if draft.day not in DAYS or not (hour.isdecimal() and minute.isdecimal()):
        raise UsageError("cast.no-hour")
    weekday = draft.day if draft.day in WEEKDAYS else "*"
    days: Any = draft.day if draft.day in {"workdays", "restdays"} else "all"
    try:
        cron = f"{int(minute)} {int(hour)} * * {weekday}"
        return Schedule(
            name=name[:NAME_CHARS_MAX], cron=cron, preset=draft.preset, zones=draft.zones, days=days
        )
    except ValueError:
        raise UsageError("cast.no-hour") from None


def _draft(schedule_id: str, schedule: Schedule) -> ScheduleDraft:
    minute, hour, *_ = (*schedule.cron.split(), "0", "0")
    plain = minute.isdecimal() and hour.isdecimal()
    at = f"{int(hour):02}:{int(minute):02}" if plain else "09:00"
    return ScheduleDraft(schedule_id, schedule.preset, schedule.zones, at, _day(schedule))


def _day(schedule: Schedule) -> str:
    """The day in the form; "" for a cron that the form cannot express."""
    date, weekday = schedule.cron.split()[2:4], schedule.cron.split()[-1].lower()
    if date != ["*", "*"]:
        return ""
    return schedule.days if weekday == "*" else weekday if weekday in WEEKDAYS else ""


def _known(schedule_id: str, all_of_them: Mapping[str, Schedule]) -> str:
    return schedule_id if schedule_id in all_of_them else ""
