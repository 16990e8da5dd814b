"""What was asked for, and what is known of who got it."""

from typing import NamedTuple

from broadcast.book import Kept
from broadcast.order import Clip, Preset, Say, Sentence
from broadcast.pages import words as told
from broadcast.pages.ahead import spoken
from broadcast.pages.deck import PATH, Deck
from broadcast.pages.now import is_prompt
from broadcast.speakers.contract import RUNGS
from gateway.web.frame import Mark
from gateway.web.words import Words

ROWS = 12
ROWS_MAX = 300


class Row(NamedTuple):
    """One order; `counts` are loudspeakers by rung, of `of` that it is for; `sound` is its clip.

    `again` is where it is tried once more, if no loudspeaker has said it.
    """

    kept: Kept
    when: str
    title: str
    where: str
    who: str
    counts: tuple[int, ...]
    of: int
    mark: Mark
    why: str
    sound: str
    again: str


def rows(
    deck: Deck, timezone: str, words: Words, most: int = ROWS, *, prompts: bool = False
) -> list[Row]:
    """The newest first; with what kiosks have said where `prompts` asks for it."""
    orders = [kept for kept in deck.room.orders() if prompts or not is_prompt(kept)]
    return [row(kept, deck, timezone, words) for kept in orders[:most]]


def prompts(deck: Deck) -> int:
    """How many of the orders that are remembered kiosks have said."""
    return sum(map(is_prompt, deck.room.orders()))


def row(kept: Kept, deck: Deck, timezone: str, words: Words) -> Row:
    """One of them."""
    order = kept.order
    return Row(
        kept,
        when(kept, deck, timezone, words),
        told.title(kept, deck, words),
        told.where(kept, deck, words),
        told.who(order.actor, deck, words),
        kept.reached or (0,) * len(RUNGS),
        max(1, *kept.reached[:1], len(deck.room.house.speakers(order.zones))),
        told.mark(kept, words),
        told.why(kept, words),
        kept.clips[-1] if kept.clips and kept.reached else "",
        f"{PATH}/again/{order.id}" if again(kept) else "",
    )


def again(kept: Kept) -> bool:
    """Whether it can be tried again: it is over, reached nobody, and can be said as it was."""
    said = isinstance(kept.order.content, Preset | Say | Clip | Sentence)
    return not kept.open and kept.why == "broadcast.reached-nobody" and said


def asked_wall_ns(kept: Kept, deck: Deck) -> int | None:
    """When it was asked for by the wall's time; of another boot as it was known then."""
    if kept.boot != deck.clock.boot:
        return kept.asked_wall_ns
    return deck.clock.stamp(kept.asked_ns).wall_ns


def when(kept: Kept, deck: Deck, timezone: str, words: Words) -> str:
    """When it was asked for, as far as anybody knows."""
    asked_ns, now_ns = asked_wall_ns(kept, deck), deck.clock.stamp().wall_ns
    if kept.boot != deck.clock.boot and (asked_ns is None or now_ns is None):
        return words("cast.before-boot")
    if asked_ns is None or now_ns is None:
        ago_s = (deck.clock.now_ns() - kept.asked_ns) / 1e9
        return words.age(ago_s)
    return spoken(asked_ns, now_ns, timezone, words)
