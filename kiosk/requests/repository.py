"""The stored requests: bounded, moved by their tables, with the effects of each move."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from gateway.audit import Actor
from gateway.errors import Unavailable
from gateway.journal.stored_state import msgpack_decoder
from kiosk.requests.catalogue import KioskService
from kiosk.requests.request import PRESSES_MAX, Press, Request, RequestTime, S
from kiosk.requests.request_type import TYPES, TypeFlag

# From so many open requests on staff are told: the room for work orders comes to an end.
MANY = 200

ENDED_MAX = 200
# What staff may do with every request that has not ended: say something to the person.
REPLY = "reply"

# An ended request is shown, repeated and compared with late answers for so long.
KEEP_ENDED_S = 86_400.0


class RequestTransition(NamedTuple):
    """One transition of a request; `act` is `press` for a new one."""

    request: Request
    act: str
    was: str
    actor: Actor
    to: str = ""
    by: tuple[str, ...] = ()


class SpeakEffect(NamedTuple):
    """Announce the request."""

    id: str


class RingEffect(NamedTuple):
    """Call `to` by these channels; `step` of the duty, 0 for the first ring."""

    request: Request
    to: str
    by: tuple[str, ...]
    step: int = 0


class QueryEffect(msgspec.Struct, frozen=True):
    """Ask somebody outside about a request; types derive their own queries from it."""

    id: str
    family: str


class EraseEffect(NamedTuple):
    """Erase sealed personal fields."""

    person: str


RequestEffect = SpeakEffect | RingEffect | QueryEffect | EraseEffect


class RequestOutcome(NamedTuple):
    """Transitions to record, rows to store by key (None: delete), and effects to carry out."""

    turns: list[RequestTransition]
    keep: dict[str, bytes | None]
    effects: list[RequestEffect]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to record, keep or do."""
        return not (self.turns or self.keep or self.effects)


SYSTEM = Actor("system", "kiosk")


_decoded = msgpack_decoder(Request)


def decode_request(key: str, body: bytes) -> Request:
    """Decode a request from the journal's state; ValueError if it is malformed."""
    request: Request = _decoded(key, body)
    if key != request.id or request.family not in TYPES or request.steps < 0:
        raise ValueError
    if request.state not in map(str, request.type.table.states):
        raise ValueError
    if request.type.has_flag(TypeFlag.DISPATCHED) is not (request.ride is not None):
        raise ValueError
    return request


class RequestRepository:
    """All requests by id. Changes accumulate until they are drained as one commit."""

    def __init__(self, epoch: str, start: str = "") -> None:
        """Start empty; ids carry this start of the station, or its epoch."""
        self.requests: dict[str, Request] = {}
        self.opened = 0
        self._epoch = epoch
        self._start = start or epoch[:8]
        self._outcome = RequestOutcome([], {}, [])

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self.requests.values()))

    def restore(self, kept: Iterable[Request], opened: int) -> None:
        """Restore the stored requests; `opened` is the last id issued."""
        self.opened = opened
        for request in kept:
            self.requests[request.id] = request

    def open_requests(self, *, family: str = "") -> Iterator[Request]:
        """The open requests, of that type or of all."""
        for request in self:
            if not request.ended and family in ("", request.family):
                yield request

    def count_open(self, *, family: str, kiosk: str) -> int:
        """The number of open requests of that type at that kiosk."""
        return sum(1 for request in self.open_requests(family=family) if request.kiosk == kiosk)

    def find_by_press(self, press: str) -> Request | None:
        """The request that this press has opened or joined."""
        return next((request for request in self if press in request.presses), None)

    def add_request(
        self,
        service: KioskService,
        press: Press,
        place: str,
        actor: Actor,
        moment: RequestTime,
        **fields: Any,
    ) -> Request:
        """Open a request; Unavailable at the limit of its type. Calls have no limit."""
        kind, most = service.type, service.type.open_max
        if (
            not kind.has_flag(TypeFlag.CALLS_STAFF)
            and sum(1 for _ in self.open_requests(family=service.family)) >= most
        ):
            raise Unavailable("requests.full", max=most)
        self.opened += 1
        request = Request(
            id=f"{service.family}-{self._start}-{self.opened}",
            number=self._number(),
            service=service.id,
            family=service.family,
            kiosk=press.kiosk,
            place=place,
            state=str(kind.table.start),
            actor=actor,
            pressed=moment.stamps,
            opened_ns=moment.lived_ns,
            since_ns=moment.lived_ns,
            presses=(press.press,),
            what=press.what,
            where=press.where,
            note=press.note,
            **fields,
        )
        self._put(request)
        self._outcome.turns.append(RequestTransition(request, "press", "", actor))
        self._speak(request)
        return request

    def join_press(self, request: Request, press: str) -> Request:
        """Record one more press of a request."""
        if press in request.presses:
            return request
        presses = (*request.presses, press)[-PRESSES_MAX:]
        return self.update_request(request, presses=presses)

    def apply_event(
        self,
        request: Request,
        act: str,
        moment: RequestTime,
        *,
        actor: Actor = SYSTEM,
        told: tuple[str, tuple[str, ...]] = ("", ()),
        **fields: Any,
    ) -> Request | None:
        """Move a request by its table and set fields; None if the event is not allowed."""
        after = request.type.table.after(request.state, act)
        if after is None:
            return None
        target = str(after)
        since_ns = request.since_ns if target == request.state else moment.lived_ns
        if target != request.state:
            fields.setdefault("reply", "")  # it was about what is over
        moved = msgspec.structs.replace(request, state=target, since_ns=since_ns, **fields)
        self._put(moved)
        self._outcome.turns.append(RequestTransition(moved, act, request.state, actor, *told))
        self._speak(moved)
        return moved

    def set_reply(self, request: Request, text: str, actor: Actor) -> Request:
        """Set the reply that the person hears; the state does not change."""
        told = msgspec.structs.replace(request, reply=text, quiet=False)
        self._put(told)
        self._outcome.turns.append(RequestTransition(told, REPLY, request.state, actor))
        self._speak(told)
        return told

    def update_request(self, request: Request, **fields: Any) -> Request:
        """Set fields of a request without a transition."""
        changed = msgspec.structs.replace(request, **fields)
        self._put(changed)
        return changed

    def add_effect(self, effect: RequestEffect) -> None:
        """Add an effect, carried out once the change is stored."""
        self._outcome.effects.append(effect)

    def remove_request(self, request: Request) -> None:
        """Delete a request and erase its personal fields."""
        del self.requests[request.id]
        self._outcome.keep[request.id] = None
        for token in filter(None, (request.person, request.voice)):
            self.add_effect(EraseEffect(token))

    def remove_expired(self, moment: RequestTime, keep_s: Callable[[Request], float]) -> None:
        """Delete what ended long ago or exceeds the limit; never with a pending cancel."""
        ended = [request for request in self if request.ended and not request.owed]
        for index, request in enumerate(sorted(ended, key=lambda r: -r.since_ns)):
            age_ns = moment.lived_ns - request.since_ns
            if index >= ENDED_MAX or age_ns > keep_s(request) * S:
                self.remove_request(request)

    def drain_outcome(self) -> RequestOutcome:
        """The outcome since the last call."""
        outcome, self._outcome = self._outcome, RequestOutcome([], {}, [])
        return outcome

    def _put(self, request: Request) -> None:
        self.requests[request.id] = request
        self._outcome.keep[request.id] = msgspec.msgpack.encode(request)

    def _speak(self, request: Request) -> None:
        if request.cue != request.said and not request.quiet:
            self.add_effect(SpeakEffect(request.id))

    def _number(self) -> str:
        """A six-digit number that does not reveal the count; it repeats after 900,000."""
        return str(100_000 + (self.opened * 618_031 + int(self._epoch, 16)) % 900_000)
