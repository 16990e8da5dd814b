"""The request engine: presses, actions, answers and time in; state and effects out. Pure.

The room (`room.py`) is its shell in the station; the property tests run the same core.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from gateway.audit import Actor
from gateway.errors import NotFound, StateConflict, UsageError
from gateway.journal.stored_state import msgpack_decoder, unused_number
from gateway.places import Places
from gateway.rules.duty import DutyRoster
from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.options import KioskSettings
from kiosk.requests.outside import NOBODY, OutsideClient
from kiosk.requests.repository import (
    REPLY,
    SYSTEM,
    QueryEffect,
    RequestOutcome,
    RequestRepository,
    RingEffect,
    SpeakEffect,
)
from kiosk.requests.repository import decode_request as request_of
from kiosk.requests.request import (
    NOTHING,
    Attachments,
    Press,
    Request,
    RequestAction,
    RequestTime,
    S,
)
from kiosk.requests.request_type import TYPES, RequestType, TypeFlag
from kiosk.requests.rules import RequestRules, RuleContext

# Whose state this is in the journal.
ROOM = "requests"

# The key of the one row that is no request.
HEAD = "head"

# A second press of the same thing within this is the same finger.
DEBOUNCE_S = 1.5

WHERE_STATION = ""

_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


class RequestCounters(msgspec.Struct, frozen=True):
    """Persisted counters: accumulated uptime, when it was taken, and the last id issued."""

    lived_ns: int = 0
    boot: str = ""
    at_ns: int = 0
    opened: int = 0


def decode_request_row(key: str, body: bytes) -> Request | RequestCounters:
    """Decode one row of the stored state; ValueError if it is malformed."""
    if key != HEAD:
        return request_of(key, body)
    head: RequestCounters = msgpack_decoder(RequestCounters)(key, body)
    if head.opened < 0 or not head.boot:
        raise ValueError
    return head


def recover_counters(requests: Iterable[Request], now_ns: int) -> RequestCounters:
    """Counters to replace lost ones: after every known instant, past every issued id."""
    known = [max(each.since_ns, each.opened_ns, each.rang_ns) for each in requests]
    return RequestCounters(lived_ns=max(known, default=now_ns), opened=unused_number(now_ns))


class RequestEngine:
    """The requests of one station."""

    def __init__(
        self,
        plan: KioskSettings,
        services: Mapping[str, KioskService],
        places: Places,
        duty: DutyRoster,
        *,
        epoch: str,
        ids: str = "",
        outside: Callable[[RequestType], OutsideClient] = lambda _: NOBODY,
    ) -> None:
        """`outside` gives the client of a type; the engine returns queries as effects."""
        self.repository = RequestRepository(epoch, ids)
        self._plan = plan
        self._services = services
        self._places = places
        self._duty = duty
        self._outside = outside
        self._rules: dict[str, RequestRules] = {}
        for name in plan.types_in_use(services):
            self.rules(name)

    def rules(self, type_: str) -> RequestRules:
        """The rules of that type, created on first use."""
        found = self._rules.get(type_)
        if found is None:
            kind = TYPES[type_]
            part = TYPES.load_part(type_, "rules")
            made: type[RequestRules] = RequestRules if part is None else part.RULES
            context = RuleContext(
                self.repository,
                self._services,
                self._plan.services,
                self._duty,
                self._outside(kind),
            )
            found = self._rules[type_] = made(kind, context)
        return found

    @property
    def all_rules(self) -> list[RequestRules]:
        """The rules of every type in use, in the order of the types."""
        return sorted(self._rules.values(), key=lambda each: each.type.order)

    def services_by_type(self, type_: str) -> list[str]:
        """The ids of the services of that type."""
        return [name for name, one in self._services.items() if one.family == type_]

    def restore(
        self, kept: Iterable[Request], head: RequestCounters, moment: RequestTime
    ) -> RequestOutcome:
        """Restore the requests of before a restart, and announce what was not announced yet."""
        self.repository.restore(kept, head.opened)
        for request in self.repository:
            self.rules(request.family)
        for rules in self.all_rules:
            rules.resume(moment)
        for request in self.repository:
            if request.cue != request.said and not request.quiet:
                self.repository.add_effect(SpeakEffect(request.id))
        return self.tick(moment)

    def counters(self, moment: RequestTime) -> RequestCounters:
        """The counters to store with the requests."""
        stamps = moment.stamps
        return RequestCounters(moment.lived_ns, stamps.boot, stamps.at_ns, self.repository.opened)

    @property
    def busy(self) -> bool:
        """Whether seconds matter: a person waits, or a dispatcher still has to hear of a cancel."""
        return any(
            one.owed or (one.type.has_flag(TypeFlag.AWAITED) and not one.ended)
            for one in self.repository
        )

    def record_press(
        self, press: Press, actor: Actor, moment: RequestTime, given: Attachments = NOTHING
    ) -> tuple[Request, RequestOutcome]:
        """Open a request, or return the open one that the press repeats. UsageError."""
        service = self._service(press)
        request = self._same(service, press, actor, moment)
        if request is not None:
            if press.press not in request.presses and request.service == service.id:
                request = self.rules(request.family).repeat_press(request, moment)
            request = self.repository.join_press(request, press.press)
        else:
            request = self._opened(service, press, actor, moment, given)
        return self.repository.requests[request.id], self._done(moment)

    def apply_action(
        self, request_id: str, deed: RequestAction, who: Actor, moment: RequestTime
    ) -> RequestOutcome:
        """Apply what a person does with a request; UsageError if that is not allowed now."""
        request = self.get_request(request_id)
        for text in (deed.reply, deed.by):
            refuse_phone_number(text)
        if deed.act not in allowed_actions(request, staff=who.kind != "resident"):
            raise StateConflict("requests.not-now", act=deed.act, state=request.state)
        if deed.act == REPLY:
            self.repository.set_reply(request, deed.reply, who)
            return self._done(moment)
        fields = _fields(deed, who)
        self.rules(request.family).apply_action(request, deed, moment, who, fields)
        return self._done(moment)

    def close_requests(
        self, request_ids: Collection[str], who: Actor, moment: RequestTime
    ) -> RequestOutcome:
        """Close those of the requests that staff may put away; nothing is announced."""
        for request in map(self.repository.requests.get, request_ids):
            if request is not None and (act := closing_event(request)):
                said = str(request.type.table.after(request.state, act))
                fields: dict[str, Any] = {
                    "by": who.id,
                    "quiet": False,
                    "said": said,
                    "asked": False,
                }
                self.repository.apply_event(request, act, moment, actor=who, **fields)
        return self._done(moment)

    def record_ring(
        self, ring: RingEffect, reached: tuple[str, ...], moment: RequestTime
    ) -> RequestOutcome:
        """Record that a ring was taken by those channels."""
        self.rules(ring.request.family).record_ring(ring, reached, moment)
        return self._done(moment)

    def record_answer(self, query: QueryEffect, answer: Any, moment: RequestTime) -> RequestOutcome:
        """Record the answer to a query."""
        self.rules(query.family).record_answer(query, answer, moment)
        return self._done(moment)

    def apply_command(
        self, family: str, do: Callable[[Any, RequestTime], None], moment: RequestTime
    ) -> RequestOutcome:
        """Run a command of a type against its rules."""
        do(self.rules(family), moment)
        return self._done(moment)

    def attach_contact(self, request_id: str, person: str, masked: str) -> RequestOutcome:
        """Attach the token and the mask of a sealed contact."""
        request = self.repository.requests.get(request_id)
        if request is not None:
            self.repository.update_request(request, person=person, masked=masked)
        return self.repository.drain_outcome()

    def discard_unstored(self, outcome: RequestOutcome) -> None:
        """Discard new requests that need the disk, after their outcome could not be stored."""
        for turn in outcome.turns:
            if turn.act == "press" and turn.request.type.has_flag(TypeFlag.NEEDS_DISK):
                self.repository.requests.pop(turn.request.id, None)

    def effective_service(self, press: Press) -> KioskService:
        """The service that carries the press out. UsageError if there is none."""
        return self._becomes(self._service(press), press)

    def mark_spoken(self, request_id: str, cue: str) -> RequestOutcome:
        """Record that the sentence of that cue was spoken."""
        request = self.repository.requests.get(request_id)
        if request is not None and request.said != cue:
            self.repository.update_request(request, said=cue)
        return self.repository.drain_outcome()

    def mark_unspoken(self, request_id: str) -> RequestOutcome:
        """Announce the request again: its sentence was cut off."""
        request = self.repository.requests.get(request_id)
        if request is not None and not request.quiet:
            self.repository.update_request(request, said="")
            self.repository.add_effect(SpeakEffect(request_id))
        return self.repository.drain_outcome()

    def tick(self, moment: RequestTime) -> RequestOutcome:
        """Let time pass: deadlines, escalations, and the end of retention."""
        for rules in self.all_rules:
            rules.tick(moment)
        before = set(self.repository.requests)
        self.repository.remove_expired(
            moment, lambda request: self.rules(request.family).keep_s(request)
        )
        if before - set(self.repository.requests):
            for rules in self.all_rules:
                rules.forget_others(self.repository.requests)
        return self._done(moment)

    def _service(self, press: Press) -> KioskService:
        service = self._services.get(press.service)
        kiosk = self._plan.kiosks.get(press.kiosk)
        if service is None or (kiosk is not None and press.service not in kiosk.services):
            raise NotFound("requests.no-service", service=press.service)
        if service.what and service.find_option(press.what) is None:
            raise NotFound("requests.no-such-what", what=press.what)
        if press.where is not None and press.where not in self._places:
            raise NotFound("places.unknown", place=press.where)
        refuse_phone_number(press.note)
        return service

    def _same(
        self, service: KioskService, press: Press, actor: Actor, moment: RequestTime
    ) -> Request | None:
        """The request that this press repeats or belongs to."""
        known = self.repository.find_by_press(press.press)
        if known is not None:
            return known
        becomes = self._becomes(service, press)
        alike = (becomes.id, press.kiosk, press.what, press.where)
        finger = press.kiosk != ""
        waits = self.repository.count_open(family=becomes.family, kiosk=press.kiosk)
        beside = press.another and waits < becomes.type.kiosk_max
        for request in reversed(list(self.repository)):
            found = (request.service, request.kiosk, request.what, request.where)
            young = finger and moment.lived_ns - request.opened_ns < DEBOUNCE_S * S
            live = becomes.type.has_flag(TypeFlag.AWAITED) and not request.ended and not beside
            if found == alike and not request.quiet and (young or live):
                return request
        return self.rules(becomes.family).find_same(becomes, press, self._place(press), actor)

    def _becomes(self, service: KioskService, press: Press) -> KioskService:
        """The call service for an option that means danger, else the service itself."""
        choice = service.find_option(press.what)
        danger = choice is not None and choice.person
        return self._services[CALL_SERVICE] if danger else service

    def _opened(
        self,
        service: KioskService,
        press: Press,
        actor: Actor,
        moment: RequestTime,
        given: Attachments,
    ) -> Request:
        becomes, place = self._becomes(service, press), self._place(press)
        rules = self.rules(becomes.family)
        fields = given._asdict()
        fields |= rules.initial_fields(becomes, press, place, moment, danger=becomes is not service)
        request = self.repository.add_request(becomes, press, place, actor, moment, **fields)
        return rules.start_request(request, moment)

    def _place(self, press: Press) -> str:
        kiosk = self._plan.kiosks.get(press.kiosk)
        return press.where or (kiosk.place if kiosk else None) or WHERE_STATION

    def _done(self, moment: RequestTime) -> RequestOutcome:
        """Drain the outcome; a request that has just failed also opens a call for staff."""
        outcome = self.repository.drain_outcome()
        for turn in outcome.turns:
            state = turn.request.state
            if state in turn.request.type.failing and turn.was != state:
                self._call_for(turn.request, moment)
        more = self.repository.drain_outcome()
        return RequestOutcome(
            [*outcome.turns, *more.turns],
            {**outcome.keep, **more.keep},
            [*outcome.effects, *more.effects],
        )

    def _call_for(self, request: Request, moment: RequestTime) -> None:
        """Call staff for the person whose request failed, unless such a call rings already.

        What somebody has answered rings no more, and what a resident has begun they may take back.
        """
        service = self._services[CALL_SERVICE]
        for call in self.repository.open_requests(family=service.family):
            if call.kiosk == request.kiosk and call.quiet and call.untaken:
                return
        press = Press(press=f"{request.id}-call", kiosk=request.kiosk, service=CALL_SERVICE)
        rules = self.rules(service.family)
        fields = rules.initial_fields(service, press, request.place, moment, danger=False)
        fields |= {"masked": request.masked, "quiet": True, "linked": request.id}
        call = self.repository.add_request(service, press, request.place, SYSTEM, moment, **fields)
        rules.start_request(call, moment)

    def get_request(self, request_id: str) -> Request:
        """The request of that id; NotFound."""
        request = self.repository.requests.get(request_id)
        if request is None:
            raise NotFound("requests.unknown", request=request_id)
        return request


def allowed_actions(request: Request, *, staff: bool) -> tuple[str, ...]:
    """The events that staff, or the resident, may cause now, and `reply` for staff."""
    found = list(request.type.allowed_events(request.state, staff=staff))
    if staff and not request.ended:
        found.append(REPLY)
    return tuple(sorted(found))


def closing_event(request: Request) -> str:
    """The event by which staff put it away; "" if it ends by itself or still rings."""
    return str(request.type.put_away.get(request.state, ""))


def refuse_phone_number(text: str) -> None:
    """UsageError if a text that is stored unsealed holds a mobile number."""
    if _PHONE.search(text):
        raise UsageError("requests.number-in-text")


def _fields(deed: RequestAction, who: Actor) -> dict[str, Any]:
    """The fields of the request that an action sets."""
    fields: dict[str, Any] = {}
    if deed.reply:
        fields["reply"] = deed.reply
    if deed.rating:
        fields["rating"] = deed.rating
    if who.kind in ("staff", "installer"):
        fields |= {"by": deed.by or who.id, "quiet": False}
    return fields
