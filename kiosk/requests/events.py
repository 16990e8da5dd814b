"""The kinds of event that requests make. Never a personal field: a token stands for it.

A call for help travels in the alarm lane, one that means danger in the emergency lane; a ride and
a work order are records, in the service lane.
"""

import msgspec

from gateway.audit import Actor
from gateway.event import Audience, Event, EventKind, Lane, Timestamps
from kiosk.requests.repository import RequestTransition
from kiosk.requests.request import Car, Request
from kiosk.requests.request_type import TypeFlag

SOURCE = "kiosk"


class RequestEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request is now, and what has moved it: `act`, by `actor`, from `was`.

    `to` and `by`: who was called at an escalation, and by which channels they could be. `note`
    and `reply` are the station's own words, never a resident's; `who` has it in hand. `voice` is
    the token of what a resident has said, `voice_s` its length.
    """

    request: str
    number: str
    service: str
    family: str
    state: str
    act: str
    was: str
    actor: Actor
    kiosk: str = ""
    what: str = ""
    urgent: bool = False
    road: str = ""
    car: Car | None = None
    rating: str = ""
    to: str = ""
    by: tuple[str, ...] = ()
    person: str = ""
    voice: str = ""
    voice_s: int = 0
    linked: str = ""
    note: str = ""
    reply: str = ""
    who: str = ""
    code: str = ""


OPENED = EventKind("request", "opened", Lane.SERVICE, RequestEventData, Audience.STAFF)
CHANGED = EventKind("request", "changed", Lane.SERVICE, RequestEventData, Audience.STAFF)
ENDED = EventKind("request", "ended", Lane.SERVICE, RequestEventData, Audience.STAFF)
KINDS = (OPENED, CHANGED, ENDED)


def request_event(turn: RequestTransition, stamps: Timestamps) -> Event:
    """What goes into the feed."""
    request = turn.request
    kind = OPENED if turn.act == "press" else ENDED if request.ended else CHANGED
    return Event(
        kind=kind,
        source=request.kiosk or SOURCE,
        subject=request.service,
        place=request.place,
        stamps=stamps,
        lane=_lane(request),
        expires_wall_ns=_expiry(request, stamps),
        data=_told(turn),
        correlation=request.id,
    )


def _expiry(request: Request, stamps: Timestamps) -> int | None:
    """Until when a ride's present state may be acted on; a repair or a call does not expire."""
    if request.ended or request.ride is None:
        return None
    return request.ride.until.wall_by(stamps)


def _lane(request: Request) -> Lane:
    if not request.type.has_flag(TypeFlag.CALLS_STAFF):
        return Lane.SERVICE
    return Lane.EMERGENCY if request.urgent else Lane.ALARM


def _told(turn: RequestTransition) -> RequestEventData:
    request = turn.request
    return RequestEventData(
        request=request.id,
        number=request.number,
        service=request.service,
        family=request.family,
        state=request.state,
        act=turn.act,
        was=turn.was,
        actor=turn.actor,
        kiosk=request.kiosk,
        what=request.what,
        urgent=request.urgent,
        road="" if request.ride is None else request.ride.road,
        car=None if request.ride is None else request.ride.car,
        rating=request.rating,
        to=turn.to,
        by=turn.by,
        person=request.person,
        voice=request.voice,
        voice_s=request.voice_s,
        linked=request.linked,
        note=request.note,
        reply=request.reply,
        who=request.by,
        code=request.code,
    )
