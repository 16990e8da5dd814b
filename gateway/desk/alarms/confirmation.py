"""The confirmation before a form silences life-safety alarms: what exactly, until when."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from gateway.desk.alarms import row
from gateway.desk.alarms.board import PATH, AlarmBoard
from gateway.desk.alarms.bodies import HOUR_S, NOTE_CHARS_MAX, MaintenanceBody, ShelveBody
from gateway.event import Severity
from gateway.health import Vitals
from gateway.web.audit_middleware import mark_audited
from gateway.web.i18n import translator_for
from gateway.web.page_header import wall_text
from gateway.web.page_renderer import PAGES

# The form field that carries the confirmation.
SURE = "sure"


class ConfirmationPage:
    """A page that asks for confirmation and sends the same form again; None if not needed."""

    def __init__(self, board: AlarmBoard, vitals: Callable[[], Vitals]) -> None:
        self._board = board
        self._vitals = vitals

    async def shelf(
        self, request: web.Request, alarm_id: str, body: ShelveBody
    ) -> web.StreamResponse | None:
        """Whether to shelve an alarm that is raised again when its shelving ends."""
        each = self._board.find(alarm_id)
        grave = each is not None and (
            each.alarm.severity is Severity.CRITICAL or each.facts.life_safety
        )
        if each is None or not grave or not body.hours or await _is_sure(request):
            return None
        words = translator_for(request)
        return self._asked(
            request,
            body.hours,
            title=words("alarms.sure-shelf", what=row.alarm_title(each.facts)),
            lines=[words("alarms.sure-shelf-text")],
            again=[*self._board.sets_off(each.facts, words), words("alarms.sure-calls")],
            action=f"{PATH}/{alarm_id}/shelve",
            back=f"{PATH}/{alarm_id}",
            note=body.note or each.alarm.note or "",
            fields={"hours": f"{body.hours:g}"},
        )

    async def maintenance(
        self, request: web.Request, body: MaintenanceBody
    ) -> web.StreamResponse | None:
        """Whether to silence the life-safety alarms of the scope."""
        words = translator_for(request)
        silenced = self._board.silenced(body.scope, words)
        if not silenced or not body.hours or await _is_sure(request):
            return None
        return self._asked(
            request,
            body.hours,
            title=words("alarms.sure-work", what=self._board.scope(body.scope)),
            lines=[words("alarms.sure-work-text")],
            silenced=silenced,
            action=f"{PATH}/maintenance",
            back=PATH,
            fields={"scope": body.scope, "hours": f"{body.hours:g}"},
        )

    def _asked(self, request: web.Request, hours: float, **facts: Any) -> web.StreamResponse:
        mark_audited(request)  # nothing has been done yet
        now, words = self._vitals(), translator_for(request)
        wall_ns = now.clock.wall_ns
        ends = None if wall_ns is None else wall_ns + round(hours * HOUR_S * 1e9)
        until = words(
            "alarms.sure-until" if ends is not None else "alarms.sure-for",
            clock=wall_text(ends, now.timezone, "%m-%d %H:%M"),
            span=words.span(hours * HOUR_S),
        )
        return request.app[PAGES].render(
            request,
            "alarms/sure.html",
            now,
            {},
            until=until,
            note_max=NOTE_CHARS_MAX,
            **{"note": None, "again": [], "silenced": [], **facts},
        )


async def _is_sure(request: web.Request) -> bool:
    return bool((await request.post()).get(SURE))
