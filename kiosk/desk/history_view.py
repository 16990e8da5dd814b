"""The past in words: one line a turn, with its mark and its time."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.event import Lane
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark, written_text
from kiosk.desk import row
from kiosk.desk.history import RequestHistoryEntry
from kiosk.requests.events import RequestEventData
from kiosk.requests.repository import REPLY


class RequestHistoryLine(msgspec.Struct, frozen=True):
    """One turn on a page; `received`: the platform's receipt covers it."""

    when: str
    trust: str
    request: str
    number: str
    service: str
    place: str
    mark: StatusMark
    text: str
    received: bool


class RequestHistoryView:
    """Says turns in one language, by the names of this station."""

    def __init__(
        self,
        words: Translator,
        timezone: str,
        *,
        name: Callable[[str], str],
        place: Callable[[str], str],
        service: Callable[[str], str],
        zones: Mapping[str, str],
        receipted: Mapping[Lane, int],
    ) -> None:
        """`receipted` is the platform's last receipt in each lane."""
        self._words = words
        self._timezone = timezone
        self._name = name
        self._place = place
        self._service = service
        self._zones = zones
        self._receipted = receipted

    def line(self, turn: RequestHistoryEntry) -> RequestHistoryLine:
        """The turn in words."""
        told = turn.told
        return RequestHistoryLine(
            when=written_text(turn.time, turn.at_ms, self._timezone, self._words),
            trust=self._words(f"trust.{turn.trust}"),
            request=told.request,
            number=f"{told.number[:3]} {told.number[3:]}",
            service=self._service(told.service),
            place=self._place(turn.place),
            mark=self._mark(told),
            text=self._words("board.joint").join(self._parts(told)),
            received=turn.seq <= self._receipted.get(turn.lane, 0),
        )

    def _mark(self, told: RequestEventData) -> StatusMark:
        words = self._words
        if told.act == REPLY:
            return ("ok", "sound", words("board.turn-reply"))
        if told.act == "press":
            return ("wait", row.PRESSED, words("board.turn-press"))
        known = row.find_desk(told.family).marks.get(told.state, ("wait", "s-wait"))
        return (*known, words(f"board.state-{told.family}-{told.state}"))

    def _parts(self, told: RequestEventData) -> list[str]:
        words, parts = self._words, []
        who = self._actor(told)
        if who:
            parts.append(who)
        if told.to:
            by = words("board.and").join(map(self._way, told.by))
            parts.append(words("board.turn-called", to=told.to, by=by))
        if told.who and told.who != told.actor.id and told.act != "press":
            parts.append(words("board.given", who=self._name(told.who)))
        if told.car is not None:
            parts.append(row.car_text(told.car, words))
        if told.reply:
            parts.append(words("board.replied", text=told.reply))
        return parts

    def _actor(self, told: RequestEventData) -> str:
        actor = told.actor
        if actor.kind in ("staff", "installer"):
            return self._name(actor.id) or self._words("board.actor-staff")
        return self._words(f"board.actor-{actor.kind}")

    def _way(self, way: str) -> str:
        """A channel, or a zone by its name."""
        code = f"alarms.by-{way}"
        return self._words(code) if code in self._words else self._zones.get(way, way)
