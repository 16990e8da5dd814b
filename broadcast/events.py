"""The kinds of event about orders and about missed hours of schedules."""

from typing import Any

import msgspec

from broadcast.book import Kept
from broadcast.life import State
from broadcast.order import Aside, Clip, Content, Live, Order, Preset, Say, Sentence
from gateway.audit.events import Who
from gateway.event import Audience, Event, Kind, Lane, Stamps

ROOM = "broadcast"


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an order stands now: `why` is a text code, `by` who stopped it.

    `content` says what: a preset, words, a clip, a microphone; `clips` are the hashes of what was
    really heard, `seconds` how long one round of it is. `waited_ms` lies between asking and the
    first packet; `turn` counts what was cut off and begun again. `reached` counts loudspeakers by
    how far the sound is known to have come: sent, reachable, accepted, heard.
    """

    order: str
    cls: str = msgspec.field(name="class")
    zones: tuple[str, ...]
    source: str
    authority: str
    actor: Who
    content: str
    why: str | None = None
    detail: dict[str, Any] = {}
    by: Who | None = None
    text: str = ""
    clips: tuple[str, ...] = ()
    seconds: float = 0.0
    level_db: float = 0.0
    waited_ms: int | None = None
    turn: int = 0
    reached: tuple[int, ...] = ()


class Heard(msgspec.Struct, frozen=True):
    """An order that is over was heard by microphones after all: `reached` as in its last event."""

    order: str
    reached: tuple[int, ...]


class Missed(msgspec.Struct, frozen=True):
    """A schedule's hour passed without its sound: `times` hours, and why."""

    schedule: str
    name: str
    why: str
    times: int


TURNS = {state: Kind(ROOM, state.value, Lane.SERVICE, Told, Audience.ALL) for state in State}
del TURNS[State.ASKED]
MISSED = Kind(ROOM, "missed", Lane.SERVICE, Missed, Audience.ALL)
HEARD = Kind(ROOM, "heard", Lane.SERVICE, Heard, Audience.ALL)
KINDS = (*TURNS.values(), HEARD, MISSED)


def event_of(kept: Kept, stamps: Stamps, by: Who | None) -> Event:
    """The event that says so; an emergency's travels as one."""
    order = kept.order
    told = _event(
        order,
        TURNS[kept.state],
        stamps,
        Told(
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
            text=order.content.text if isinstance(order.content, Say | Preset | Sentence) else "",
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


def heard_of(kept: Kept, stamps: Stamps) -> Event:
    """The event that microphones have heard it."""
    return _event(kept.order, HEARD, stamps, Heard(kept.order.id, kept.reached))


def _event(order: Order, kind: Kind, stamps: Stamps, said: Told | Heard) -> Event:
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
    if isinstance(content, Preset):
        return f"preset {content.preset}"
    if isinstance(content, Clip):
        return f"clip {content.sha[:12]}"
    if isinstance(content, Aside):
        return "aside"
    if isinstance(content, Live):
        return f"live {content.microphone}".rstrip()
    return "say"
