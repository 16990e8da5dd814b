"""An order as a person reads it: what it says, where, who gave it, what became of it."""

from typing import assert_never

from broadcast.book import Kept
from broadcast.life import State
from broadcast.order import Aside, Clip, Live, Preset, Say, Sentence
from broadcast.pages.deck import Deck
from gateway.audit.events import Who
from gateway.errors import UsageError
from gateway.web.frame import Mark
from gateway.web.words import Words

SHOWN_CHARS = 24

# How each state looks; whatever is not here is under way.
MARKS = {
    State.FINISHED: ("ok", "s-ok"),
    State.PLAYING: ("ok", "megaphone"),
    State.STOPPED: ("away", "stop"),
    State.REFUSED: ("bad", "s-bad"),
    State.EXPIRED: ("bad", "s-bad"),
    State.DROPPED: ("warn", "warning"),
    State.FAILED: ("bad", "s-bad"),
}


def title(kept: Kept, deck: Deck, words: Words) -> str:
    """What is said, in a few words."""
    content = kept.order.content
    match content:
        case Live():
            mic = deck.microphones.get(content.microphone, content.microphone)
            return words("cast.mic-title", name=mic) if mic else words("cast.live-title")
        case Aside():
            return words("cast.aside-title")
        case Clip():
            return _clip(content.sha, deck, words)
        case Say() | Sentence():
            return _short(content.text)
        case Preset():
            preset = deck.presets.all().get(content.preset)
            return content.preset if preset is None else preset.name
        case _:
            assert_never(content)


def _clip(sha: str, deck: Deck, words: Words) -> str:
    try:
        return deck.shelf.clip(sha).title
    except UsageError:
        return words("cast.clip-gone")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def where(kept: Kept, deck: Deck, words: Words) -> str:
    """The zones' names."""
    zones = deck.room.house.zones
    return words("cast.comma").join(
        zones[zone].name if zone in zones else zone for zone in kept.order.zones
    )


def who(actor: Who, deck: Deck, words: Words) -> str:
    """Whoever it was, as people call them."""
    if actor.kind == "staff" and not actor.id.startswith("key."):
        return deck.names().get(actor.id, actor.id)
    if actor.kind == "installer" and actor.id in deck.names():
        return deck.names()[actor.id]
    return words(f"cast.by-{actor.kind}", id=actor.id.removeprefix("key."))


def mark(kept: Kept, words: Words) -> Mark:
    """What became of it, in a word."""
    colour, pictogram = MARKS.get(kept.state, ("wait", "s-wait"))
    return colour, pictogram, words(f"cast.state-{kept.state.value}")


def why(kept: Kept, words: Words) -> str:
    """Why it is so, if there is a reason."""
    return "" if kept.why is None else words(kept.why, **kept.detail)


def seconds(value: float) -> str:
    """How long, as a clock shows it: 1:05."""
    whole = max(0, round(value))
    return f"{whole // 60}:{whole % 60:02}"
