"""The desk's pages: `/desk/` and `/desk/record`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup

from gateway.access import Access
from gateway.audit import AuditLog, act_history
from gateway.audit.events import KINDS
from gateway.clock import Clock, ClockStep
from gateway.desk import audit_page, clock_question, need_order
from gateway.desk.home_view import FAILED, HomeViews
from gateway.errors import UsageError
from gateway.event import Trust
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal.chain import ChainHead
from gateway.journal.ports import Reader
from gateway.web.audit_middleware import set_target
from gateway.web.authorization import CALLER, act_permissions
from gateway.web.cursor import parse_entry_number
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_header import platform_mark
from gateway.web.page_renderer import PAGES
from gateway.web.responses import json_response
from gateway.web.section import (
    Card,
    GuardedPulse,
    NavTab,
    Permission,
    QueryParameter,
    Route,
    Section,
)

HERE = Path(__file__).parent
PAGE_ACTS = 50
LATEST_ACTS = 5
EVERYTHING = audit_page.ActFilter()
Before = Annotated[int, msgspec.Meta(ge=0, lt=10**15)]


class DeskPages:
    """The handlers."""

    def __init__(
        self,
        cards: Mapping[str, Card],
        *,
        access: Access,
        clock: Clock,
        lanes: Reader,
        ledger: AuditLog,
        vitals: Callable[[], Vitals],
        moved: Callable[[ClockStep | None], None],
        on_fault: OnFault = log_fault,
    ) -> None:
        """`moved` receives the step when a person has set the time."""
        self._access = access
        self._clock = clock
        self._lanes = lanes
        self._ledger = ledger
        self._vitals = vitals
        self._moved = moved
        self._on_fault = on_fault
        self.looks = HomeViews(cards, clock.status, on_fault)

    async def home(self, request: web.Request) -> web.StreamResponse:
        words, now = translator_for(request), self._vitals()
        rows = self.looks.needs(now, words)
        acts = await self._acts(LATEST_ACTS, words, now) if _may_act(request) else []
        below, beside = self._cards(request, now, words)
        return request.app[PAGES].render(
            request,
            "desk/desk.html",
            now,
            self.looks.view(now, words),
            rows=rows,
            hot=need_order.red_row_key(rows),
            asked=self.looks.question(now),
            below=below,
            beside=beside,
            platform=platform_mark(now, words),
            present=self._present(),
            may_act=_may_act(request),
            acts=acts,
        )

    def _cards(
        self, request: web.Request, now: Vitals, words: Translator
    ) -> tuple[list[Markup], list[Markup]]:
        """The cards of both columns, each made by its room's own templates and data."""
        environment = request.app[PAGES].environment
        below: list[Markup] = []
        beside: list[Markup] = []
        for name, card in self.looks.cards(now):
            given = {"w": words, "view": card.facts(now, words), "vitals": now, "ns": f"{name}:"}
            for template, column in ((card.template, below), (card.beside, beside)):
                if template:
                    made = self._card(environment, name, template, given)
                    column.append(Markup(made))  # noqa: S704   # ours, escaped like everything else
        return below, beside

    def _card(
        self, environment: jinja2.Environment, name: str, template: str, given: dict[str, Any]
    ) -> str:
        """One card, made by its room's template, or one that says that it failed."""
        if given["view"] is not FAILED:
            try:
                return environment.get_template(template).render(given)
            except Exception as error:  # noqa: BLE001   # the edge: a card's mistake affects that card only
                self._on_fault(f"desk.{name}", error)
        return environment.get_template("desk/failed.html").render(given)

    def _present(self) -> list[str]:
        """Who is signed in now."""
        names = {account.id: account.name for account in self._access.book.accounts()}
        return sorted(names[each] for each in self._access.active_accounts() if each in names)

    async def answer_clock_question(self, request: web.Request) -> web.StreamResponse:
        """A person tells the time: from now on that is a time source."""
        text = str((await request.post()).get("at", ""))[:16]
        set_target(request, text if text.isascii() else "")
        wall_ns = clock_question.parse_answer(text, self._vitals().timezone)
        if not self._clock.plausible(Trust.PERSON, wall_ns, clock_question.ANSWER_ERROR_NS):
            raise UsageError("desk.time-implausible")
        self._moved(self._clock.learn(Trust.PERSON, wall_ns, clock_question.ANSWER_ERROR_NS))
        raise web.HTTPSeeOther("/desk/")

    async def read(self, request: web.Request) -> web.StreamResponse:
        """The audit log, newest first."""
        words, now, query = translator_for(request), self._vitals(), request.query
        wanted = audit_page.ActFilter(
            query.get("who", "")[:40], query.get("group", "")[:20], query.get("result", "")[:20]
        )
        before = parse_entry_number(query.get("before", "0"), "before")
        page = await self._page(before, PAGE_ACTS, wanted)
        return request.app[PAGES].render(
            request,
            "desk/record.html",
            now,
            {},
            rows=self._rows(page.acts, words, now),
            older=page.before,
            newest=before == 0,
            wanted=wanted,
            people=self._access.book.accounts(),
            groups=audit_page.GROUPS,
        )

    async def read_api(self, request: web.Request) -> web.StreamResponse:
        """The same for programs."""
        before = parse_entry_number(request.query.get("before", "0"), "before")
        return json_response(await self._page(before, PAGE_ACTS))

    async def head(self, _request: web.Request) -> web.StreamResponse:
        """The end of the chain of acts."""
        return json_response(self._ledger.head)

    async def _page(
        self, before: int, limit: int, wanted: audit_page.ActFilter = EVERYTHING
    ) -> act_history.ActPage:
        newest = self._ledger.head.seq
        return await act_history.read_act_page(self._lanes, before, limit, wanted, newest=newest)

    async def _acts(self, limit: int, words: Translator, now: Vitals) -> list[audit_page.ActRow]:
        page = await self._page(0, limit)
        return self._rows(page.acts, words, now)

    def _rows(
        self, acts: Sequence[act_history.PastAct], words: Translator, now: Vitals
    ) -> list[audit_page.ActRow]:
        names = {account.id: account.name for account in self._access.book.accounts()}
        return [audit_page.act_row(past, names, words, now.timezone) for past in acts]


def section(cards: Mapping[str, Card], **rooms: Any) -> Section:
    """The desk with the cards of the other rooms; `rooms` as in `DeskPages`."""
    desk = DeskPages(cards, **rooms)
    view, staff = Permission.VIEW, Permission.STAFF
    return Section(
        name="desk",
        routes=(
            Route(path="/desk/", handler=desk.home, permission=view),
            Route(path="/desk", handler=_to_desk, permission=Permission.PUBLIC),
            Route(
                method="POST",
                path="/desk/clock",
                handler=desk.answer_clock_question,
                permission=staff,
                act="clock/answer",
            ),
            Route(path="/desk/record", handler=desk.read, permission=staff),
            Route(
                path="/api/v1/audit",
                handler=desk.read_api,
                permission=staff,
                summary="Who did what, newest first",
                returns=act_history.ActPage,
                query={
                    "before": QueryParameter("Only acts with a lower number in the lane", Before)
                },
            ),
            Route(
                path="/api/v1/audit/head",
                handler=desk.head,
                permission=staff,
                summary="The last act's number and seal",
                returns=ChainHead,
            ),
        ),
        templates=HERE / "pages",
        nav=NavTab(1, "/desk/", "desk.tab"),
        pulses={"desk": GuardedPulse(Permission.VIEW, with_header(desk.looks.view))},
        kinds=KINDS,
    )


async def _to_desk(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther("/desk/")


def _may_act(request: web.Request) -> bool:
    caller = request.get(CALLER)
    return caller is not None and Permission.STAFF in act_permissions(caller)
