"""`/desk/health`: what is wrong, since when, and what to do; also on the board.

The page answers one question: which fault to fix first.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.access.accounts import Role
from gateway.doctor.events import KINDS
from gateway.doctor.model.facts import RunningFacts
from gateway.doctor.model.finding import GROUPS, Finding, FindingLevel, worst
from gateway.doctor.model.finding_text import MARKS, finding_text, first_step
from gateway.doctor.model.report import as_json, summary
from gateway.doctor.service import DoctorService
from gateway.health import Vitals
from gateway.web.authorization import CALLER
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_header import StatusMark
from gateway.web.page_renderer import PAGES
from gateway.web.responses import json_response
from gateway.web.section import (
    Card,
    GuardedPulse,
    Need,
    NeedAction,
    Permission,
    Route,
    Section,
    View,
)

HERE = Path(__file__).parent
API = "/api/v1/health"
FACTS = f"{API}/facts"
PAGE = "/desk/health"
NEEDS_MAX = 4
MINUTE_NS = 60_000_000_000

PICTOGRAMS = {
    "station": "home",
    "machine": "gear",
    "storage": "journal",
    "clock": "clock",
    "field": "meter",
    "sound": "speaker",
    "kiosk": "person",
    "platform": "cloud",
    "desk": "key",
}

# Checks that the board or the desk already shows in rows of their own.
ROWS_OF_OTHERS = frozenset(
    {"bus", "certificate", "clock", "device", "journal", "kiosk", "port", "tasks"}
)


class FindingRow(msgspec.Struct, frozen=True):
    """One finding on the page; `since` is how long it has lasted.

    `folded`: the remedy needs a shell, so the reader passes it on.
    """

    mark: StatusMark
    text: str
    remedy: str
    since: str
    folded: bool


class DoctorReport(msgspec.Struct, frozen=True):
    """The API's answer; `findings` as in `yizhan doctor --json`."""

    ok: bool
    level: str
    findings: list[dict[str, Any]]


def section(
    doctor: DoctorService,
    vitals: Callable[[], Vitals],
    running: Callable[[], Awaitable[RunningFacts]],
) -> Section:
    """The page, the card and the API; `running` gathers what the station itself knows."""
    page = DoctorPage(doctor, vitals)

    async def facts(_request: web.Request) -> web.StreamResponse:
        return json_response(await running())

    staff = Permission.STAFF
    return Section(
        name="doctor",
        routes=(
            Route(path=PAGE, handler=page.read, permission=staff),
            Route(
                path=API,
                handler=page.api,
                permission=staff,
                summary="What is wrong, and what to do about it",
                returns=DoctorReport,
            ),
            Route(
                path=FACTS,
                handler=facts,
                permission=Permission.INSTALL,
                summary="What the station knows of itself, for the checks of `yizhan doctor`",
                returns=RunningFacts,
            ),
        ),
        templates=HERE / "pages",
        card=Card("", page.urgency, page.card, page.needs, beside="doctor/card.html"),
        pulses={"doctor": GuardedPulse(Permission.STAFF, with_header(page.view))},
        kinds=KINDS,
    )


class DoctorPage:
    def __init__(self, doctor: DoctorService, vitals: Callable[[], Vitals]) -> None:
        self._doctor = doctor
        self._vitals = vitals

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Show what needs attention first, then everything by group."""
        words, now, found = translator_for(request), self._vitals(), self._doctor.findings
        installs = request[CALLER].role is Role.INSTALLER
        return request.app[PAGES].render(
            request,
            "doctor/health.html",
            now,
            self.view(now, words),
            looked=self._doctor.at_ns is not None,
            overall=self._overall(words),
            wrong=[self._line(each, now, words, installs) for each in findings_to_show(found)],
            groups=[
                (code, PICTOGRAMS[group], list(self._group(group, now, words, installs)))
                for group, code in GROUPS.items()
                if any(each.group == group for each in found)
            ],
        )

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer with the last look."""
        return json_response(as_json(self._doctor.findings, translator_for(request)))

    def view(self, vitals: Vitals, words: Translator, _argument: str = "") -> View:
        """What can change on the page; another `shape` makes the browser reload it."""
        return {
            "shape": page_shape(self._doctor.findings, words),
            "volatile": vitals.journal.volatile,
            "looked_at": None if self._doctor.at_ns is None else self._doctor.at_ns // 1_000_000,
        }

    def urgency(self, _vitals: Vitals) -> int:
        """2 if something is bad, 1 for a warning."""
        return {FindingLevel.BAD: 2, FindingLevel.WARN: 1}.get(worst(self._doctor.findings), 0)

    def card(self, _vitals: Vitals, words: Translator) -> View:
        """The totals, and the first fault with its remedy."""
        first = next(iter(findings_to_show(self._doctor.findings)), None)
        said = None if first is None else finding_text(first, words)
        return {
            "mark": self._overall(words),
            "first": "" if said is None else said.text,
            "remedy": "" if said is None else first_step(said, words),
        }

    def needs(self, vitals: Vitals, words: Translator) -> Sequence[Need]:
        """A row for each bad finding that no other room shows."""
        found = [
            each
            for each in findings_to_show(self._doctor.findings)
            if each.level is FindingLevel.BAD and each.check not in ROWS_OF_OTHERS
        ]
        return [self._need(each, vitals, words) for each in found[:NEEDS_MAX]]

    def _need(self, finding: Finding, vitals: Vitals, words: Translator) -> Need:
        said = finding_text(finding, words)
        since_ns = self._doctor.since_ns(finding) or vitals.at_ns
        return Need(
            key=f"doctor-{finding.key}",
            urgency=2,
            hue="is-fix",
            pictogram=PICTOGRAMS[finding.group],
            amount=max(0, (vitals.at_ns - since_ns) // MINUTE_NS),
            unit=words("doctor.need-minutes"),
            title=said.text,
            text=first_step(said, words),
            actions=(NeedAction(words("doctor.need-look"), "repair", PAGE, quiet=True),),
        )

    def _overall(self, words: Translator) -> StatusMark:
        if self._doctor.at_ns is None:
            return ("wait", "s-wait", words("doctor.not-yet"))
        found = self._doctor.findings
        return (*MARKS[worst(found)], summary(found, words))

    def _group(
        self, group: str, now: Vitals, words: Translator, installs: bool
    ) -> Iterator[FindingRow]:
        for each in self._doctor.findings:
            if each.group == group:
                yield self._line(each, now, words, installs)

    def _line(self, finding: Finding, now: Vitals, words: Translator, installs: bool) -> FindingRow:
        said, since_ns = finding_text(finding, words), self._doctor.since_ns(finding)
        span = "" if since_ns is None else words.span((now.at_ns - since_ns) / 1e9)
        mark = (*MARKS[finding.level], words(f"doctor.level-{finding.level.value}"))
        since = words("doctor.since", span=span) if span else ""
        return FindingRow(mark, said.text, said.remedy, since, not (installs or said.by_hand))


def findings_to_show(findings: Sequence[Finding]) -> list[Finding]:
    """What needs attention, bad before warnings."""
    found = [each for each in findings if each.level in (FindingLevel.WARN, FindingLevel.BAD)]
    return sorted(found, key=lambda each: -each.level.rank)


def page_shape(findings: Sequence[Finding], words: Translator) -> int:
    """Changes whenever the page would say something else."""
    parts = [f"{each.key} {each.level.value} {finding_text(each, words).text}" for each in findings]
    return zlib.crc32("\n".join(parts).encode())
