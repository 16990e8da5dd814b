"""What a person may do to an alarm, by form or API; each is one audited act.

A form leads back to the page it came from; the API answers with the alarm's new state.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from gateway.desk.alarms import history
from gateway.desk.alarms.api_model import AlarmReport, alarm_report
from gateway.desk.alarms.board import PATH, AlarmBoard
from gateway.desk.alarms.bodies import (
    HOUR_S,
    EmptyBody,
    MaintenanceBody,
    NoteBody,
    ShelveBody,
    VerdictBody,
)
from gateway.desk.alarms.confirmation import ConfirmationPage
from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.journal.ports import Reader
from gateway.rules.alarms import AlarmChange, Alarms
from gateway.rules.kinds import RuleInstant
from gateway.web.audit_middleware import acting_account, set_target
from gateway.web.responses import json_response
from gateway.web.section import Permission, Route

# Durations that the desk offers for silence: a shift, a day, a weekend.
HOURS = (1, 8, 24, 72)

AlarmOperation = Callable[[Alarms, RuleInstant], list[AlarmChange]]


class AlarmAction(NamedTuple):
    """One action: its body, and what it does to the alarms."""

    accepts: type[msgspec.Struct]
    change: Callable[[str, Any, str], AlarmOperation]
    summary: str


DEEDS: Mapping[str, AlarmAction] = {
    "acknowledge": AlarmAction(
        EmptyBody,
        lambda alarm, _, actor: lambda alarms, _now: alarms.acknowledge(alarm, actor),
        "Say that somebody has seen the alarm: it sounds and escalates no more",
    ),
    "shelve": AlarmAction(
        ShelveBody,
        lambda alarm, body, actor: (
            lambda alarms, now: alarms.shelve(
                alarm, body.hours * HOUR_S, actor, now, note=body.note
            )
        ),
        "Keep the alarm silent for so many hours",
    ),
    "attend": AlarmAction(
        EmptyBody,
        lambda alarm, _, actor: lambda alarms, _now: alarms.attend(alarm, actor),
        "Say that somebody has come to where the alarm is: nobody is called any more",
    ),
    "unshelve": AlarmAction(
        EmptyBody,
        lambda alarm, _, actor: lambda alarms, now: alarms.unshelve(alarm, actor, now),
        "Take the alarm off its shelf",
    ),
    "note": AlarmAction(
        NoteBody,
        lambda alarm, body, _actor: lambda alarms, _now: alarms.note(alarm, body.text or None),
        "Write something beside the alarm",
    ),
}


class AlarmActions:
    """The handlers."""

    def __init__(self, board: AlarmBoard, lanes: Reader, vitals: Callable[[], Vitals]) -> None:
        """The alarms of that board; those that are over are looked up in `lanes`."""
        self._board = board
        self._lanes = lanes
        self._sure = ConfirmationPage(board, vitals)

    def routes(self) -> list[Route]:
        """For each action, and for maintenance, the address of the form and that of the API."""
        routes = [route for name, deed in DEEDS.items() for route in self._of(name, deed)]
        return [*routes, *self._judging(), *self._maintenance()]

    def _of(self, name: str, deed: AlarmAction) -> tuple[Route, Route]:
        async def by_form(request: web.Request) -> web.StreamResponse:
            alarm = request.match_info["id"]
            body = await _form(request, deed.accepts)
            if isinstance(body, ShelveBody) and (
                asked := await self._sure.shelf(request, alarm, body)
            ):
                return asked
            self._do(request, alarm, name, deed, body)
            raise web.HTTPSeeOther(f"{PATH}/{alarm}")

        async def by_api(request: web.Request) -> web.StreamResponse:
            alarm = request.match_info["id"]
            self._do(request, alarm, name, deed, await _body(request, deed.accepts))
            found = self._board.find(alarm)
            # None: the end of its shelving has ended the alarm
            return json_response(None if found is None else alarm_report(found, self._board))

        act = f"alarm/{name}"
        return (
            _route(f"{PATH}/{{id}}/{name}", by_form, act=act),
            _route(
                f"/api/v1/alarms/{{id}}/{name}",
                by_api,
                act=act,
                summary=deed.summary,
                accepts=deed.accepts,
                bare=deed.accepts is EmptyBody,
                returns=AlarmReport | None,
            ),
        )

    def _do(
        self, request: web.Request, alarm: str, name: str, deed: AlarmAction, body: Any
    ) -> None:
        set_target(request, alarm)
        self._board.rules.act(deed.change(alarm, body, _actor(request)))
        if name != "note":
            self._board.calls.stop_ringing(alarm)

    def _judging(self) -> tuple[Route, Route]:
        async def by_form(request: web.Request) -> web.StreamResponse:
            await self._judge(request, await _form(request, VerdictBody))
            raise web.HTTPSeeOther(f"{PATH}/{request.match_info['id']}")

        async def by_api(request: web.Request) -> web.StreamResponse:
            await self._judge(request, await _body(request, VerdictBody))
            return json_response(EmptyBody())

        act = "alarm/judge"
        return (
            _route(f"{PATH}/{{id}}/judge", by_form, act=act),
            _route(
                "/api/v1/alarms/{id}/judge",
                by_api,
                act=act,
                summary="Say whether the alarm was real; it may be over",
                accepts=VerdictBody,
                returns=EmptyBody,
            ),
        )

    async def _judge(self, request: web.Request, body: VerdictBody) -> None:
        alarm, rule = request.match_info["id"], ""
        set_target(request, alarm)
        if self._board.find(alarm) is None:
            page = await history.read_alarm_history(self._lanes, {}, 1, history.alarm_filter(alarm))
            rule = history.rule_of(page.turns[0]) if page.turns else ""
        actor = _actor(request)
        self._board.rules.act(
            lambda alarms, _now: alarms.judge(alarm, actor, real=body.real, rule=rule)
        )

    def _maintenance(self) -> tuple[Route, Route]:
        async def by_form(request: web.Request) -> web.StreamResponse:
            body = await _form(request, MaintenanceBody)
            if asked := await self._sure.maintenance(request, body):
                return asked
            self._maintain(request, body)
            raise web.HTTPSeeOther(PATH)

        async def by_api(request: web.Request) -> web.StreamResponse:
            self._maintain(request, await _body(request, MaintenanceBody))
            return json_response(EmptyBody())

        act = "alarm/maintain"
        return (
            _route(f"{PATH}/maintenance", by_form, act=act),
            _route(
                "/api/v1/maintenance",
                by_api,
                act=act,
                summary="Keep a place, device, bus or rule silent while somebody works on it",
                accepts=MaintenanceBody,
                returns=EmptyBody,
            ),
        )

    def _maintain(self, request: web.Request, body: MaintenanceBody) -> None:
        set_target(request, body.scope)
        actor, for_s = _actor(request), body.hours * HOUR_S
        self._board.rules.act(lambda alarms, now: alarms.maintain(body.scope, for_s, actor, now))


def _route(path: str, handler: Any, **more: Any) -> Route:
    return Route(path=path, handler=handler, method="POST", permission=Permission.STAFF, **more)


def _actor(request: web.Request) -> str:
    actor = acting_account(request)
    return actor.id or actor.kind


async def _form(request: web.Request, shape: type[Any]) -> Any:
    """The form's fields as that type; UsageError if they do not fit."""
    given = await request.post()
    names = {field.encode_name for field in msgspec.structs.fields(shape)}
    try:
        return msgspec.convert({n: given[n] for n in names if n in given}, shape, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("alarms.unfit", reason=str(error)) from error


async def _body(request: web.Request, shape: type[Any]) -> Any:
    """The JSON body as that type; a missing body counts as empty."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
        raise UsageError("alarms.unfit", reason=str(error)) from error
