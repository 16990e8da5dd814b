"""The view of the desk's first screen: the board, the question, the platform, every card.

A card's keys are prefixed by the name of its room (`live:way.saved`), so rooms cannot collide.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.clock import ClockStatus
from gateway.desk.clock_question import ClockQuestion, clock_question
from gateway.desk.need_order import cards_by_urgency, needs_in_order, red_row_key
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.web.i18n import Translator
from gateway.web.page_header import first_uplink
from gateway.web.section import Card, Need, View

# The card of a room that failed.
FAILED: View = {"failed": True}


class HomeViews:
    """Makes the desk's views from the cards of all rooms."""

    def __init__(
        self,
        cards: Mapping[str, Card],
        status: Callable[[], ClockStatus],
        on_fault: OnFault = log_fault,
    ) -> None:
        """`status` is the clock's: the question needs more than the vital signs.

        A room that fails goes to `on_fault`; all others are shown.
        """
        self._cards = {name: _contained(name, card, on_fault) for name, card in cards.items()}
        self._status = status

    def cards(self, vitals: Vitals) -> list[tuple[str, Card]]:
        """The cards in the order of their urgency."""
        return [(name, self._cards[name]) for name in cards_by_urgency(self._cards, vitals)]

    def needs(self, vitals: Vitals, words: Translator) -> list[Need]:
        """The rows of the board."""
        return needs_in_order(self._cards.values(), vitals, words)

    def question(self, vitals: Vitals) -> ClockQuestion:
        """What to ask about the time."""
        return clock_question(self._status(), vitals.timezone)

    def view(self, vitals: Vitals, words: Translator, _argument: str = "") -> View:
        """Everything on the desk that changes."""
        return dict(self._facts(vitals, words))

    def _facts(self, vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
        rows, asked = self.needs(vitals, words), self.question(vitals)
        cards = {name: card.facts(vitals, words) for name, card in self.cards(vitals)}
        yield "shape", layout_key(vitals, rows, asked, cards)
        yield "volatile", vitals.journal.volatile
        yield "board.count", need_count_text(rows, words)
        for row in rows:
            yield f"need.{row.key}.amount", f"{row.amount}"
            yield f"need.{row.key}.text", row.text
            yield f"need.{row.key}.note", row.note
        yield from _ask(asked, words)
        yield "link.text", _link(vitals, words)
        for name, facts in cards.items():
            yield from ((f"{name}:{key}", value) for key, value in facts.items())


def _contained(name: str, card: Card, on_fault: OnFault) -> Card:
    """The card behind its own edge: a failing room yields `FAILED`, urgent as a warning."""

    def tried(what: Callable[..., Any], other: Any) -> Callable[..., Any]:
        def ask(*given: Any) -> Any:
            try:
                return what(*given)
            except Exception as error:  # noqa: BLE001   # the edge: a room's mistake affects its own card only
                on_fault(f"desk.{name}", error)
                return other

        return ask

    return msgspec.structs.replace(
        card,
        urgency=tried(card.urgency, 1),
        facts=tried(card.facts, FAILED),
        needs=None if card.needs is None else tried(card.needs, ()),
    )


def need_count_text(rows: list[Need], words: Translator) -> str:
    """How many rows need a person, without those that a person takes care of."""
    needed = sum(not row.done for row in rows)
    return words("desk.board-count", n=needed) if needed or not rows else words("desk.nobody")


def layout_key(
    vitals: Vitals, rows: list[Need], asked: ClockQuestion, cards: Mapping[str, Mapping[str, Any]]
) -> int:
    """Changes when the page must be reloaded: a row or a card came, went or moved."""
    parts = [vitals.name, vitals.version, asked.why, str(bool(asked.at)), red_row_key(rows)]
    parts += [f"{r.key} {r.urgency} {r.title} {'' if r.done else r.note}" for r in rows]
    parts += [f"{name} {' '.join(facts)}" for name, facts in cards.items()]
    return zlib.crc32("\n".join(parts).encode())


def _ask(asked: ClockQuestion, words: Translator) -> Iterator[tuple[str, Any]]:
    if not asked.asked or asked.day is None:
        return
    weekday = words(f"desk.day-{asked.day.isoweekday()}")
    yield "ask.text", words("desk.ask", clock=asked.clock)
    yield "ask.day", words("desk.ask-day", m=asked.day.month, d=asked.day.day, weekday=weekday)
    yield "ask.yes", words("desk.ask-yes", clock=asked.clock)
    yield "ask.at", asked.at
    yield "ask.hour", asked.hour_deg
    yield "ask.minute", asked.minute_deg


def _link(vitals: Vitals, words: Translator) -> str:
    """What the platform's state means for the desk; never more than is certain."""
    waiting = f"{sum(lane.waiting for lane in vitals.lanes):,}"
    uplink = first_uplink(vitals)
    if uplink is None:
        return words("desk.link-none")
    if uplink.state != "up":
        lost = vitals.journal.volatile
        return words("desk.link-away-lost" if lost else "desk.link-away", n=waiting)
    return words("desk.link-up", n=waiting)
