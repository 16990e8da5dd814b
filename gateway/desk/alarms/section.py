"""The addresses of the alarms: the board, one alarm, the history, the watches; and the API."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from gateway.access import Caller
from gateway.desk.alarms import history, row, watch_list
from gateway.desk.alarms.actions import HOURS, AlarmActions
from gateway.desk.alarms.api_model import AlarmReport, alarm_report
from gateway.desk.alarms.board import PATH, ROWS_MAX, AlarmBoard
from gateway.desk.alarms.bodies import NOTE_CHARS_MAX
from gateway.desk.alarms.condition_text import describe_condition
from gateway.desk.alarms.detail_view import AlarmDetailView
from gateway.desk.alarms.history_view import GROUPS, HistoryFormatter
from gateway.event import Severity
from gateway.health import Vitals
from gateway.journal.ports import Reader
from gateway.rules.alarm import AlarmState
from gateway.rules.events import KINDS
from gateway.web import value_format
from gateway.web.authorization import CALLER, act_permissions, view_permissions
from gateway.web.cursor import format_page_end, parse_entry_number, parse_page_end
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_renderer import PAGES
from gateway.web.responses import json_response
from gateway.web.section import Card, GuardedPulse, NavTab, Permission, Route, Section

HERE = Path(__file__).parent
NAV_NUMBER = 2
PAST_TURNS = 50
STORY_TURNS = 40


class AlarmPages:
    """The read-only handlers."""

    def __init__(self, board: AlarmBoard, lanes: Reader, vitals: Callable[[], Vitals]) -> None:
        """The board, and `lanes` for the history."""
        self.board = board
        self.one = AlarmDetailView(board)
        self.watches = watch_list.WatchList(board)
        self._lanes = lanes
        self._vitals = vitals

    async def home(self, request: web.Request) -> web.StreamResponse:
        """All open alarms, what is silent, and the sound."""
        words, now = translator_for(request), self._vitals()
        rows = self.board.open()
        return request.app[PAGES].render(
            request,
            "alarms/board.html",
            now,
            self.board.view(now, words),
            active=rows.active[:ROWS_MAX],
            hot=_hot(rows.active),
            silent=rows.silent[:ROWS_MAX],
            work=self.board.maintenance(),
            scopes=self._scopes(),
            scope_name=self.board.scope,
            silenced=lambda scope: self.board.silenced(scope, words),
            pictogram=row.pictogram,
            title=row.alarm_title,
            may_act=_may_act(request),
            hours=HOURS,
        )

    def _scopes(self) -> list[tuple[str, str]]:
        """What may be put under maintenance: ids and names."""
        known = self.board.rules.core.alarms.quiet.known
        return sorted(((scope, self.board.scope(scope)) for scope in known), key=lambda one: one[1])

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One alarm: open, or from the journal."""
        words, now, alarm_id = translator_for(request), self._vitals(), request.match_info["id"]
        each = self.board.find(alarm_id)
        page = await history.read_alarm_history(
            self._lanes, {}, STORY_TURNS, history.alarm_filter(alarm_id)
        )
        if each is None and not page.turns:
            raise web.HTTPNotFound
        story = [self._teller(words, now).line(turn) for turn in reversed(page.turns)]
        seen = self.one.view(now, words, alarm_id)
        if each is None:
            return request.app[PAGES].render(
                request,
                "alarms/over.html",
                now,
                seen,
                story=story,
                alarm_id=alarm_id,
                may_act=_may_act(request),
                found=self._found(alarm_id),
            )
        return request.app[PAGES].render(
            request,
            "alarms/one.html",
            now,
            seen,
            each=each,
            drawn=self.one.curve(each, now),
            way=self.one.way(each),
            speaks=self.one.speaks(each),
            meaning=describe_condition(self.one.watch(each), words),
            story=story,
            title=row.alarm_title(each.facts),
            pictogram=row.pictogram(each.facts.use),
            waits=each.waits,
            shelved=each.alarm.state is AlarmState.SHELVED,
            comes=each.comes,
            needs_note=each.alarm.severity is Severity.CRITICAL,
            grave=each.waits and each.urgency == max(row.URGENCY.values()),
            unit=value_format.unit_text,
            may_act=_may_act(request),
            hours=HOURS,
            note_max=NOTE_CHARS_MAX,
        )

    def _found(self, alarm_id: str) -> bool | None:
        """What a person found a past alarm to be."""
        for tally in self.board.rules.core.alarms.verdicts.of_rule.values():
            for alarm, real in tally.latest:
                if alarm == alarm_id:
                    return real
        return None

    async def history(self, request: web.Request) -> web.StreamResponse:
        """The history, newest first."""
        words, now, query = translator_for(request), self._vitals(), request.query
        rule, group = query.get("rule", "")[:60], query.get("group", "")[:20]
        wanted = history.rule_filter(rule, GROUPS.get(group, ()))
        page = await history.read_alarm_history(
            self._lanes, parse_page_end(query.get("before", ""), history.LANES), PAST_TURNS, wanted
        )
        teller = self._teller(words, now)
        return request.app[PAGES].render(
            request,
            "alarms/past.html",
            now,
            {},
            lines=[teller.line(turn) for turn in page.turns],
            older=format_page_end(page.before, history.LANES),
            newest=not query.get("before"),
            rule=rule,
            group=group,
            groups=GROUPS,
            rules=self._rules(),
        )

    def _rules(self) -> dict[str, str]:
        """The rules of the settings with their names."""
        watches = self.board.rules.core.engine.watches.values()
        return {watch.facts.rule: watch.facts.name for watch in watches}

    def _teller(self, words: Translator, now: Vitals) -> HistoryFormatter:
        return HistoryFormatter(
            words,
            now.timezone,
            name=self.board.name,
            place=self.board.scope,
            rules=self._rules(),
            done=self.board.done,
            zone=self.board.zone,
            receipted={one.lane: one.receipted for one in now.lanes} if now.uplinks else {},
        )

    async def watched(self, request: web.Request) -> web.StreamResponse:
        words, now = translator_for(request), self._vitals()
        query = request.query
        first = parse_entry_number(query.get("from", "0"), "from")
        wished = f"{first},{query.get('rule', '')[:60]},{query.get('place', '')[:60]}"
        wanted = watch_list.WatchFilter.parse(wished)
        return request.app[PAGES].render(
            request,
            "alarms/watches.html",
            now,
            self.watches.view(now, words, wished),
            groups=self.watches.groups(wanted, words),
            linkages=self.watches.linkages(words),
            wanted=wanted,
            wished=wished,
            rules=self._rules(),
            places=self.watches.places(),
            page=watch_list.PAGE,
            count=len(self.watches.wanted(wanted)),
        )

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """The open alarms for programs; private ones and notes are for staff only."""
        opened = self.board.open()
        rows = (*opened.active, *opened.silent)
        if Permission.STAFF in view_permissions(request):
            return json_response([alarm_report(each, self.board) for each in rows])
        told = [alarm_report(each, self.board) for each in rows if not each.facts.private]
        return json_response([replace(each, note=None) for each in told])


def section(board: AlarmBoard, lanes: Reader, vitals: Callable[[], Vitals]) -> Section:
    """The alarms of that board."""
    pages = AlarmPages(board, lanes, vitals)
    view = Permission.VIEW
    return Section(
        name="alarms",
        routes=(
            Route(path=PATH, handler=pages.home, permission=view),
            Route(path=f"{PATH}/past", handler=pages.history, permission=view),
            Route(path=f"{PATH}/watches", handler=pages.watched, permission=view),
            Route(path=f"{PATH}/{{id}}", handler=pages.show, permission=view),
            Route(
                path="/api/v1/alarms",
                handler=pages.listed,
                permission=view,
                summary="The open alarms: those to act on first, then the silent ones",
                returns=list[AlarmReport],
            ),
            *AlarmActions(board, lanes, vitals).routes(),
        ),
        templates=HERE / "pages",
        nav=NavTab(NAV_NUMBER, PATH, "alarms.tab"),
        card=Card(
            "alarms/card.html", board.urgency, board.card, board.needs, beside="web/sound.html"
        ),
        pulses={
            "alarms": GuardedPulse(Permission.VIEW, with_header(board.view)),
            "alarm": GuardedPulse(Permission.VIEW, with_header(pages.one.view)),
            "watches": GuardedPulse(Permission.VIEW, with_header(pages.watches.view)),
        },
        kinds=KINDS,
    )


def _may_act(request: web.Request) -> bool:
    caller: Caller | None = request.get(CALLER)
    return caller is not None and Permission.STAFF in act_permissions(caller)


def _hot(active: list[row.AlarmRow]) -> str:
    """The key of the only alarm that may be red: the first emergency that nobody has taken."""
    first = active[0] if active else None
    grave = first is not None and first.waits and first.urgency == max(row.URGENCY.values())
    return first.alarm.id if first is not None and grave else ""
