"""What sounds at this moment, the most urgent first."""

from typing import NamedTuple

from broadcast.book import Kept, order_of
from broadcast.order import Class, Live
from broadcast.pages import words as told
from broadcast.pages.deck import Deck
from broadcast.quiet import S
from gateway.web.words import Words

# So many loudspeakers are named; how many there are is said beside them.
NAMES_MAX = 4


class Sounding(NamedTuple):
    """One order on the air. `speakers` is how many loudspeakers it is for."""

    kept: Kept
    title: str
    text: str
    clock: str

    @property
    def urgent(self) -> bool:
        """Whether it is an emergency: stopped by itself alone, never with the others."""
        return self.kept.order.class_.urgent


class Unrecorded(NamedTuple):
    """An emergency that sounds, and of which nothing else is known; a fire input ends its own."""

    order_id: str
    fire: bool
    text: str


def unrecorded(deck: Deck, words: Words) -> list[Unrecorded]:
    """What sounds without its record; each can be stopped by its id."""
    found: dict[str, Unrecorded] = {}
    for one in deck.room.unrecorded_sounds():
        fire = one.cls is Class.FIRE
        names = [deck.speakers.get(each, each) for each in sorted(one.speakers)]
        place = words("cast.comma").join(names[:NAMES_MAX])
        text = words("cast.lost-fire" if fire else "cast.lost-text", place=place, n=len(names))
        order_id = order_of(one.id)
        found[order_id] = Unrecorded(order_id, fire, text)
    return list(found.values())


def is_prompt(kept: Kept) -> bool:
    """Whether a kiosk says it to whoever stands before it: nothing that staff have to do with."""
    return kept.order.class_ is Class.PROMPT


def on_air(deck: Deck) -> list[Kept]:
    """What sounds, the most urgent first, then the newest; without what kiosks say."""
    found = [kept for kept in _open(deck) if kept.state.value == "playing"]
    return sorted(found, key=lambda kept: -kept.order.class_)


def waiting(deck: Deck) -> list[Kept]:
    """What is accepted and does not sound yet; without what kiosks are about to say."""
    return [kept for kept in _open(deck) if kept.state.value != "playing"]


def kiosk_speaks(deck: Deck) -> bool:
    """Whether a kiosk is saying something."""
    orders = deck.room.orders()
    return any(is_prompt(kept) and kept.state.value == "playing" for kept in orders)


def _open(deck: Deck) -> list[Kept]:
    return [kept for kept in deck.room.orders() if kept.open and not is_prompt(kept)]


def speaking(deck: Deck) -> dict[str, Kept]:
    """The open orders of the station's own microphones, by microphone."""
    return {
        kept.order.content.microphone: kept
        for kept in deck.room.orders()
        if kept.open and isinstance(kept.order.content, Live)
    }


def sounding(kept: Kept, deck: Deck, words: Words) -> Sounding:
    """How it is shown."""
    return Sounding(
        kept, told.title(kept, deck, words), _text(kept, deck, words), clock(kept, deck)
    )


def clock(kept: Kept, deck: Deck) -> str:
    """How long it goes on; of a microphone, how long it has been."""
    since_s = (deck.clock.now_ns() - kept.since_ns) / S
    if isinstance(kept.order.content, Live):
        return told.seconds(since_s)
    return told.seconds(kept.lasts_s - since_s)


def _text(kept: Kept, deck: Deck, words: Words) -> str:
    place = told.where(kept, deck, words)
    of = len(deck.room.house.speakers(kept.order.zones))
    if not kept.reached:
        return words("cast.starting", place=place, of=of)
    return words("cast.sounds", place=place, n=kept.reached[0], of=of) + _rounds(kept, words)


def _rounds(kept: Kept, words: Words) -> str:
    if kept.order.repeat < 2 or not kept.seconds:  # noqa: PLR2004  # once is no round of several
        return ""
    return words("cast.rounds", n=kept.order.repeat)
