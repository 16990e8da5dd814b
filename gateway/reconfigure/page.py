"""`/desk/settings`: who changed the settings, why, what changed, with what result; and undo.

The page answers one question: whether a change stays.
"""

import asyncio
import datetime
import zlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from gateway.health import Vitals
from gateway.reconfigure.actor_text import actor_text
from gateway.reconfigure.differences import Differences, differences
from gateway.reconfigure.history import text_before
from gateway.reconfigure.lifecycle import SettingsLifecycle
from gateway.reconfigure.records import ChangeOutcome, ChangeRecord, digest_of
from gateway.web.audit_middleware import set_target
from gateway.web.cursor import parse_entry_number
from gateway.web.i18n import Translator, translator_for
from gateway.web.page_header import StatusMark, wall_text
from gateway.web.page_renderer import PAGES
from gateway.web.section import View

MARKS = {
    "kept": ("ok", "s-ok"),
    "found": ("ok", "s-ok"),
    "rolled-back": ("warn", "warning"),
}

# The page comes back after this time even if the change is still under way.
PATIENCE_S = 3.0

UndoChange = Callable[[SettingsLifecycle, web.Request, str, int | None], Awaitable[ChangeOutcome]]


class ChangeRow(msgspec.Struct, frozen=True):
    """One change on the page."""

    number: int
    when: str
    trust: str
    who: str
    why: str
    mark: StatusMark
    troubles: tuple[str, ...]


class SettingsPage:
    def __init__(
        self,
        cycle: SettingsLifecycle,
        vitals: Callable[[], Vitals],
        names: Callable[[], Mapping[str, str]],
        undo: UndoChange,
    ) -> None:
        self._cycle = cycle
        self._vitals = vitals
        self._names = names
        self._undo = undo

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Show the history, newest first, and one change in full."""
        words, now, cycle = translator_for(request), self._vitals(), self._cycle
        records = list(cycle.records)
        chosen = _chosen(records, request.query.get("n", ""))
        return request.app[PAGES].render(
            request,
            "settings/settings.html",
            now,
            self.view(now, words),
            rows=[self._row(record, words, now) for record in reversed(records)],
            chosen=None if chosen is None else self._row(chosen, words, now),
            diff=None if chosen is None else self._diff(records, chosen),
            target=self._target(records, chosen),
            under_way=cycle.under_way,
        )

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Undo a change; the page then shows its progress."""
        given = await request.post()
        number = parse_entry_number(str(given.get("number", "")), "number")
        set_target(request, str(number))
        doing = asyncio.ensure_future(
            self._undo(self._cycle, request, str(given.get("why", "")), number)
        )
        done, _ = await asyncio.wait([doing], timeout=PATIENCE_S)
        if done:
            doing.result()
        raise web.HTTPSeeOther("/desk/settings")

    def view(self, vitals: Vitals, _words: Translator, _argument: str = "") -> View:
        """What can change on the page; another `shape` makes the browser reload it."""
        trial = self._cycle.under_way
        last = self._cycle.records[-1:]
        parts = [*(str(record.number) for record in last), str(trial and trial.number)]
        return {"shape": zlib.crc32(" ".join(parts).encode()), "volatile": vitals.journal.volatile}

    def urgency(self, _vitals: Vitals) -> int:
        """1 after a change that was rolled back, until the next one."""
        last = self._cycle.records[-1:]
        return int(any(not record.in_force for record in last))

    def card(self, vitals: Vitals, words: Translator) -> View:
        """The last change and what was wrong with it."""
        trial, last = self._cycle.under_way, self._cycle.records[-1:]
        if trial is not None:
            mark = ("wait", "s-wait", words("appliance.under-way", number=trial.number))
            return {"mark": mark, "last": trial.why, "wrong": ""}
        if not last:
            mark = ("ok", "s-ok", words("appliance.none-yet"))
            return {"mark": mark, "last": "", "wrong": ""}
        row = self._row(last[0], words, vitals)
        said = " · ".join(filter(None, (row.when, row.who, row.why)))
        return {"mark": row.mark, "last": said, "wrong": " ".join(row.troubles)}

    def _row(self, record: ChangeRecord, words: Translator, now: Vitals) -> ChangeRow:
        return ChangeRow(
            number=record.number,
            when=_when(record, words, now),
            trust=words(f"trust.{record.trust.value}"),
            who=actor_text(record.who, self._names(), words),
            why=record.why,
            mark=(*MARKS[record.state], words(record.text_code)),
            troubles=tuple(words(each.code, **each.data) for each in record.troubles),
        )

    def _diff(self, records: list[ChangeRecord], record: ChangeRecord) -> Differences | None:
        """The differences of that change; None if a text is gone."""
        shelf = self._cycle.shelf
        former = text_before(
            [each for each in records if each.number < record.number], record.digest
        )
        old = None if former is None else shelf.text_named(former.digest)
        new = shelf.text_named(record.digest)
        return None if old is None or new is None else differences(old, new)

    def _target(
        self, records: list[ChangeRecord], chosen: ChangeRecord | None
    ) -> ChangeRecord | None:
        """What the button restores: the chosen change, or the one before the present."""
        running = digest_of(self._cycle.running)
        if chosen is None:
            return None
        target = text_before(records, running) if chosen.digest == running else chosen
        if target is None or self._cycle.shelf.text_named(target.digest) is None:
            return None
        return target if target.in_force else None


def _chosen(records: list[ChangeRecord], asked: str) -> ChangeRecord | None:
    if asked:
        number = parse_entry_number(asked, "number")
        return next((record for record in records if record.number == number), None)
    return records[-1] if records else None


def _when(record: ChangeRecord, words: Translator, now: Vitals) -> str:
    if record.at is None:
        return words("change.no-time")
    moment = datetime.datetime.fromisoformat(record.at)
    return wall_text(int(moment.timestamp()) * 1_000_000_000, now.timezone, "%Y-%m-%d %H:%M")
