"""What needs a person, of all rooms, in order. Pure."""

from collections.abc import Iterable, Mapping

from gateway.health import Vitals
from gateway.web.i18n import Translator
from gateway.web.section import Card, Need

EMERGENCY = 4
ROWS_MAX = 20


def needs_in_order(cards: Iterable[Card], vitals: Vitals, words: Translator) -> list[Need]:
    """The rows of the board: the most urgent first, then the one with the least time."""
    found = [need for card in cards if card.needs for need in card.needs(vitals, words)]
    return sorted(found, key=lambda need: (-need.urgency, need.amount, need.key))[:ROWS_MAX]


def red_row_key(rows: list[Need]) -> str:
    """The key of the only row that may be red: the first emergency."""
    return rows[0].key if rows and rows[0].urgency >= EMERGENCY else ""


def cards_by_urgency(cards: Mapping[str, Card], vitals: Vitals) -> list[str]:
    """The names of the cards, the most urgent first; equals in the station's order."""
    return sorted(cards, key=lambda name: -cards[name].urgency(vitals))
