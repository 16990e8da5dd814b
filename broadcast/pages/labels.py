"""Texts about an order: what it says, where, who gave it, what became of it."""

from typing import assert_never

from broadcast.order import (
    ClipContent,
    LiveContent,
    MemoryContent,
    PresetContent,
    SentenceContent,
    TextContent,
)
from broadcast.orders.repository import OrderRecord
from broadcast.orders.transitions import OrderState
from broadcast.pages.context import BroadcastPageContext
from gateway.audit.events import Actor
from gateway.errors import UsageError
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark

SHOWN_CHARS = 24

# How each state looks; any other is under way.
MARKS = {
    OrderState.FINISHED: ("ok", "s-ok"),
    OrderState.PLAYING: ("ok", "megaphone"),
    OrderState.STOPPED: ("away", "stop"),
    OrderState.REFUSED: ("bad", "s-bad"),
    OrderState.EXPIRED: ("bad", "s-bad"),
    OrderState.DROPPED: ("warn", "warning"),
    OrderState.FAILED: ("bad", "s-bad"),
}


def order_title(kept: OrderRecord, context: BroadcastPageContext, words: Translator) -> str:
    """What is said, in a few words."""
    content = kept.order.content
    match content:
        case LiveContent():
            mic = context.microphones.get(content.microphone, content.microphone)
            return words("cast.mic-title", name=mic) if mic else words("cast.live-title")
        case MemoryContent():
            return words("cast.aside-title")
        case ClipContent():
            return _clip(content.sha, context, words)
        case TextContent() | SentenceContent():
            return _short(content.text)
        case PresetContent():
            preset = context.presets.all().get(content.preset)
            return content.preset if preset is None else preset.name
        case _:
            assert_never(content)


def _clip(sha: str, context: BroadcastPageContext, words: Translator) -> str:
    try:
        return context.shelf.clip(sha).title
    except UsageError:
        return words("cast.clip-gone")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def zone_names(kept: OrderRecord, context: BroadcastPageContext, words: Translator) -> str:
    zones = context.room.house.zones
    return words("cast.comma").join(
        zones[zone].name if zone in zones else zone for zone in kept.order.zones
    )


def actor_name(actor: Actor, context: BroadcastPageContext, words: Translator) -> str:
    """The name of whoever ordered it."""
    if actor.kind == "staff" and not actor.id.startswith("key."):
        return context.names().get(actor.id, actor.id)
    if actor.kind == "installer" and actor.id in context.names():
        return context.names()[actor.id]
    return words(f"cast.by-{actor.kind}", id=actor.id.removeprefix("key."))


def state_mark(kept: OrderRecord, words: Translator) -> StatusMark:
    """What became of it, in a word."""
    colour, pictogram = MARKS.get(kept.state, ("wait", "s-wait"))
    return colour, pictogram, words(f"cast.state-{kept.state.value}")


def reason_text(kept: OrderRecord, words: Translator) -> str:
    """The reason, if there is one."""
    return "" if kept.why is None else words(kept.why, **kept.detail)


def clock_text(value: float) -> str:
    """A length as a clock shows it: 1:05."""
    whole = max(0, round(value))
    return f"{whole // 60}:{whole % 60:02}"
