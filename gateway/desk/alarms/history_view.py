"""History in words: one line an entry, with its mark and its time."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.desk.alarms.history import AlarmHistoryEntry, rule_of
from gateway.event import Lane
from gateway.rules.events import ActionEventData, AlarmEventData, MessageEventData, PausedEventData
from gateway.rules.linkage import ANSWER, RING
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark, written_text

# The groups that a reader may filter by.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "raised": ("raised", "flapping"),
    "acts": ("acknowledged", "attended", "shelved", "suppressed", "judged"),
    "escalated": ("escalated", "unreached"),
    "over": ("returned", "cleared"),
    "action": ("action", "message"),
    "clock": ("paused", "running"),
}

MARKS = {
    "raised": ("bad", "s-bad"),
    "flapping": ("warn", "warning"),
    "escalated": ("warn", "phone"),
    "acknowledged": ("ok", "check"),
    "attended": ("ok", "person"),
    "unreached": ("bad", "s-bad"),
    "judged": ("ok", "check"),
    "returned": ("ok", "s-ok"),
    "cleared": ("ok", "s-ok"),
    "shelved": ("away", "s-off"),
    "suppressed": ("away", "s-off"),
    "paused": ("wait", "clockq"),
    "running": ("ok", "clock"),
    "message": ("ok", "cloud"),
}
STATES = {
    "done": ("ok", "s-ok"),
    "sent": ("wait", "s-wait"),
    "failed": ("bad", "s-bad"),
    "unavailable": ("warn", "warning"),
    "expired": ("warn", "warning"),
    "skipped": ("away", "s-off"),
    "dry-run": ("away", "s-off"),
    "unknown": ("warn", "warning"),
}


# Actions that are shown with their target.
NAMED = frozenset({"announce", "relay", "request", RING, ANSWER})


class HistoryLine(msgspec.Struct, frozen=True):
    """One entry on a page; `received`: the platform's receipt covers it."""

    when: str
    trust: str
    name: str
    place: str
    mark: StatusMark
    text: str
    alarm: str
    received: bool


class HistoryFormatter:
    """Formats entries in one language, with the names of this station."""

    def __init__(
        self,
        words: Translator,
        timezone: str,
        *,
        name: Callable[[str | None], str],
        place: Callable[[str], str],
        rules: Mapping[str, str],
        receipted: Mapping[Lane, int],
        done: Callable[[ActionEventData, Translator], str],
        zone: Callable[[str], str],
    ) -> None:
        """`rules` are their names; `receipted` is the platform's last receipt in each lane.

        `done` names the target of an action, `zone` a zone.
        """
        self._words = words
        self._timezone = timezone
        self._name = name
        self._place = place
        self._rules = rules
        self._receipted = receipted
        self._done = done
        self._zone = zone

    def line(self, turn: AlarmHistoryEntry) -> HistoryLine:
        """The entry in words."""
        data, words = turn.data, self._words
        rule = rule_of(turn)
        return HistoryLine(
            when=written_text(turn.time, turn.at_ms, self._timezone, words),
            trust=words(f"trust.{turn.trust}"),
            name=data.name if isinstance(data, AlarmEventData) else self._rules.get(rule, rule),
            place=self._place(turn.place) if turn.place else "",
            mark=self._mark(turn),
            text=self._text(turn),
            alarm=turn.correlation,
            received=turn.seq <= self._receipted.get(turn.lane, 0),
        )

    def _mark(self, turn: AlarmHistoryEntry) -> StatusMark:
        if isinstance(turn.data, ActionEventData):
            return (*STATES[turn.data.state], self._words(f"alarms.did-{turn.data.state}"))
        return (*MARKS[turn.kind], self._words(f"alarms.turn-{turn.kind}"))

    def _text(self, turn: AlarmHistoryEntry) -> str:
        match turn.data:
            case AlarmEventData() as told:
                return self._told(turn.kind, told)
            case ActionEventData() as did:
                return self._did(did)
            case MessageEventData(text=text):
                return text
            case PausedEventData(watches=watches):
                return self._words("alarms.paused", n=watches) if watches else ""

    def _told(self, what: str, told: AlarmEventData) -> str:
        words, parts = self._words, []
        if what == "escalated":
            parts.append(words("alarms.called", to=told.to or "", by=self._ways(told.by)))
        if told.actor:
            parts.append(self._name(told.actor))
        if told.real is not None:
            parts.append(words("alarms.found-real" if told.real else "alarms.found-false"))
        if told.count > 1:
            parts.append(words("alarms.came", n=told.count))
        if told.note:
            parts.append(words("alarms.noted", text=told.note))
        return " ".join(parts)

    def _ways(self, ways: tuple[str, ...]) -> str:
        """The channels of a call; a zone by its name."""
        words = self._words
        codes = [(way, f"alarms.by-{way}") for way in ways]
        said = [words(code) if code in words else self._zone(way) for way, code in codes]
        return words("alarms.and-also").join(said) or words("alarms.by-none")

    def _did(self, did: ActionEventData) -> str:
        words = self._words
        what = self._done(did, words) if did.does in NAMED else ""
        does = words(f"alarms.does-{did.does}")
        said = " ".join(filter(None, [does, what]))
        why = words(did.why, does=does) if did.why and did.why in words else did.why or ""
        text = "" if did.does == RING else did.text
        return " ".join(filter(None, [said, text, why]))
