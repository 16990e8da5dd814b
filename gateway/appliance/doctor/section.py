"""`/desk/health`: what is wrong here, since when, and what to do; also on the board.

The reader decides one thing here: which fault to mend first.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.access.accounts import Role
from gateway.appliance.doctor.events import KINDS
from gateway.appliance.doctor.facts import Running
from gateway.appliance.doctor.finding import GROUPS, Finding, Level, worst
from gateway.appliance.doctor.report import as_json, summary
from gateway.appliance.doctor.room import Doctor
from gateway.appliance.doctor.told import MARKS, first_step, told
from gateway.health import Vitals
from gateway.web.answers import json
from gateway.web.frame import Mark
from gateway.web.gate import CALLER
from gateway.web.pages import PAGES
from gateway.web.pulse import framed
from gateway.web.section import Action, Card, GuardedPulse, Need, Permission, Route, Section, View
from gateway.web.words import Words, words_for

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


class Line(msgspec.Struct, frozen=True):
    """One finding on the page; `since` is how long it has been so.

    `folded`: the reader has no shell, and passes the remedy on.
    """

    mark: Mark
    text: str
    remedy: str
    since: str
    folded: bool


class Checked(msgspec.Struct, frozen=True):
    """The API's answer; `findings` as `yizhan doctor --json` prints them."""

    ok: bool
    level: str
    findings: list[dict[str, Any]]


def section(
    doctor: Doctor, vitals: Callable[[], Vitals], running: Callable[[], Awaitable[Running]]
) -> Section:
    """The page, the card, and the API; `running` gathers what the station itself knows."""
    page = Page(doctor, vitals)

    async def facts(_request: web.Request) -> web.StreamResponse:
        return json(await running())

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
                returns=Checked,
            ),
            Route(
                path=FACTS,
                handler=facts,
                permission=Permission.INSTALL,
                summary="What the station knows of itself, for the checks of `yizhan doctor`",
                returns=Running,
            ),
        ),
        templates=HERE / "pages",
        card=Card("", page.urgency, page.card, page.needs, beside="doctor/card.html"),
        pulses={"doctor": GuardedPulse(Permission.STAFF, framed(page.view))},
        kinds=KINDS,
    )


class Page:
    """The handlers and views."""

    def __init__(self, doctor: Doctor, vitals: Callable[[], Vitals]) -> None:
        self._doctor = doctor
        self._vitals = vitals

    async def read(self, request: web.Request) -> web.StreamResponse:
        """What needs somebody first, then everything by group."""
        words, now, found = words_for(request), self._vitals(), self._doctor.findings
        installs = request[CALLER].role is Role.INSTALLER
        return request.app[PAGES].render(
            request,
            "doctor/health.html",
            now,
            self.view(now, words),
            looked=self._doctor.at_ns is not None,
            overall=self._overall(words),
            wrong=[self._line(each, now, words, installs) for each in wrong(found)],
            groups=[
                (code, PICTOGRAMS[group], list(self._group(group, now, words, installs)))
                for group, code in GROUPS.items()
                if any(each.group == group for each in found)
            ],
        )

    async def api(self, request: web.Request) -> web.StreamResponse:
        """The last look."""
        return json(as_json(self._doctor.findings, words_for(request)))

    def view(self, vitals: Vitals, words: Words, _argument: str = "") -> View:
        """What on the page can change; another `shape` fetches it anew."""
        return {
            "shape": shape(self._doctor.findings, words),
            "volatile": vitals.journal.volatile,
            "looked_at": None if self._doctor.at_ns is None else self._doctor.at_ns // 1_000_000,
        }

    def urgency(self, _vitals: Vitals) -> int:
        """2 if something is bad, 1 for a warning."""
        return {Level.BAD: 2, Level.WARN: 1}.get(worst(self._doctor.findings), 0)

    def card(self, _vitals: Vitals, words: Words) -> View:
        """All of it in a line, and the first fault with its remedy."""
        first = next(iter(wrong(self._doctor.findings)), None)
        said = None if first is None else told(first, words)
        return {
            "mark": self._overall(words),
            "first": "" if said is None else said.text,
            "remedy": "" if said is None else first_step(said, words),
        }

    def needs(self, vitals: Vitals, words: Words) -> Sequence[Need]:
        """A row for each bad thing that no other room has a row for."""
        found = [
            each
            for each in wrong(self._doctor.findings)
            if each.level is Level.BAD and each.check not in ROWS_OF_OTHERS
        ]
        return [self._need(each, vitals, words) for each in found[:NEEDS_MAX]]

    def _need(self, finding: Finding, vitals: Vitals, words: Words) -> Need:
        said = told(finding, words)
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
            actions=(Action(words("doctor.need-look"), "repair", PAGE, quiet=True),),
        )

    def _overall(self, words: Words) -> Mark:
        if self._doctor.at_ns is None:
            return ("wait", "s-wait", words("doctor.not-yet"))
        found = self._doctor.findings
        return (*MARKS[worst(found)], summary(found, words))

    def _group(self, group: str, now: Vitals, words: Words, installs: bool) -> Iterator[Line]:
        for each in self._doctor.findings:
            if each.group == group:
                yield self._line(each, now, words, installs)

    def _line(self, finding: Finding, now: Vitals, words: Words, installs: bool) -> Line:
        said, since_ns = told(finding, words), self._doctor.since_ns(finding)
        span = "" if since_ns is None else words.span((now.at_ns - since_ns) / 1e9)
        mark = (*MARKS[finding.level], words(f"doctor.level-{finding.level.value}"))
        since = words("doctor.since", span=span) if span else ""
        return Line(mark, said.text, said.remedy, since, not (installs or said.by_hand))


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    """What needs somebody, the bad before the warnings."""
    found = [each for each in findings if each.level in (Level.WARN, Level.BAD)]
    return sorted(found, key=lambda each: -each.level.rank)


def shape(findings: Sequence[Finding], words: Words) -> int:
    """Changes when the page says something else."""
    parts = [f"{each.key} {each.level.value} {told(each, words).text}" for each in findings]
    return zlib.crc32("\n".join(parts).encode())
