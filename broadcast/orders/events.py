"""The kinds of event about orders and about missed hours of schedules."""

from typing import Any

import msgspec

from broadcast.order import (
    ClipContent,
    Content,
    LiveContent,
    MemoryContent,
    Order,
    PresetContent,
    SentenceContent,
    TextContent,
)
from broadcast.orders.repository import OrderRecord
from broadcast.orders.transitions import OrderState
from gateway.audit.events import Actor
from gateway.event import Audience, Event, EventKind, Lane, Timestamps

ROOM = "broadcast"


class OrderEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of an order: `why` is a text code, `by` the person who stopped it.

    `content` is a preset, words, a clip or a microphone; `clips` are the hashes of what was really
    heard, `seconds` the length of one round. `waited_ms` lies between the request and the first
    packet; `turn` counts interruptions after which it began again. `reached` counts loudspeakers by
    level of proof: sent, reachable, accepted, heard.
    """

    order: str
    cls: str = msgspec.field(name="class")
    zones: tuple[str, ...]
    source: str
    authority: str
    actor: Actor
    content: str
    why: str | None = None
    detail: dict[str, Any] = {}
    by: Actor | None = None
    text: str = ""
    clips: tuple[str, ...] = ()
    seconds: float = 0.0
    level_db: float = 0.0
    waited_ms: int | None = None
    turn: int = 0
    reached: tuple[int, ...] = ()


class OrderHeardData(msgspec.Struct, frozen=True):
    """Microphones have heard an order after it was over: `reached` as in its last event."""

    order: str
    reached: tuple[int, ...]


class ScheduleMissedData(msgspec.Struct, frozen=True):
    """A schedule's hour passed without its sound: `times` hours, and why."""

    schedule: str
    name: str
    why: str
    times: int


STATE_KINDS = {
    state: EventKind(ROOM, state.value, Lane.SERVICE, OrderEventData, Audience.ALL)
    for state in OrderState
}
del STATE_KINDS[OrderState.ASKED]
MISSED = EventKind(ROOM, "missed", Lane.SERVICE, ScheduleMissedData, Audience.ALL)
HEARD = EventKind(ROOM, "heard", Lane.SERVICE, OrderHeardData, Audience.ALL)
KINDS = (*STATE_KINDS.values(), HEARD, MISSED)


def order_event(kept: OrderRecord, stamps: Timestamps, by: Actor | None) -> Event:
    """The event of an order's new state; an emergency's travels in the emergency lane."""
    order = kept.order
    told = _event(
        order,
        STATE_KINDS[kept.state],
        stamps,
        OrderEventData(
            order=order.id,
            cls=order.class_.word,
            zones=order.zones,
            source=order.source,
            authority=order.authority.value,
            actor=order.actor,
            content=_named(order.content),
            why=kept.why,
            detail=kept.detail,
            by=by,
            text=order.content.text
            if isinstance(order.content, TextContent | PresetContent | SentenceContent)
            else "",
            clips=kept.clips,
            seconds=round(kept.seconds, 2),
            level_db=order.level_db,
            waited_ms=kept.waited_ms,
            turn=kept.turn,
            reached=kept.reached,
        ),
    )
    if not kept.open:
        return told
    return msgspec.structs.replace(told, expires_wall_ns=order.expires.wall_by(stamps))


def heard_event(kept: OrderRecord, stamps: Timestamps) -> Event:
    """The event that microphones have heard an order."""
    return _event(kept.order, HEARD, stamps, OrderHeardData(kept.order.id, kept.reached))


def _event(
    order: Order, kind: EventKind, stamps: Timestamps, said: OrderEventData | OrderHeardData
) -> Event:
    return Event(
        kind=kind,
        source=ROOM,
        subject=order.id,
        place=order.place,
        lane=Lane.EMERGENCY if order.class_.urgent else Lane.SERVICE,
        stamps=stamps,
        correlation=order.id,
        data=said,
    )


def _named(content: Content) -> str:
    if isinstance(content, PresetContent):
        return f"preset {content.preset}"
    if isinstance(content, ClipContent):
        return f"clip {content.sha[:12]}"
    if isinstance(content, MemoryContent):
        return "aside"
    if isinstance(content, LiveContent):
        return f"live {content.microphone}".rstrip()
    return "say"
