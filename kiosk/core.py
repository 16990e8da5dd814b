"""Presses, acts, answers and time in; turns, state and effects out. Pure, without I/O or a clock.

The room (`room.py`) is its shell in the station; the property tests run the same core.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from gateway.audit import Who
from gateway.errors import NotFound, NotNow, UsageError
from gateway.journal.stored_state import beyond, of_msgpack
from gateway.places import Places
from gateway.rules.duty import Duty
from gateway.upstream.uplinks.contract import Refused, Unknown
from kiosk.book import KIOSK_RIDES_MAX, REPLY, SYSTEM, Ask, Book, Outcome, Ring, Say
from kiosk.book import decoded as request_of
from kiosk.calls import Calls
from kiosk.catalogue import CALL_SERVICE, Service
from kiosk.dispatch import Road, Status
from kiosk.flows.call import UNHEARD
from kiosk.options import Plan
from kiosk.request import ActName, Car, Face, Moment, Owed, Press, Request, S, Text
from kiosk.rides import Rides, failed
from kiosk.works import Works

ROOM = "requests"
"""Whose state this is in the journal."""

HEAD = "head"
"""The key of the one row that is no request."""

DEBOUNCE_S = 1.5
"""A second press of the same thing within this is the same finger."""

WHERE_STATION = ""

_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


class Head(msgspec.Struct, frozen=True):
    """Where the lived time stood at which instant of which boot; how many ids were given."""

    lived_ns: int = 0
    boot: str = ""
    at_ns: int = 0
    opened: int = 0


def decoded(key: str, body: bytes) -> Request | Head:
    """A row of the room's state; ValueError if it can be none."""
    if key != HEAD:
        return request_of(key, body)
    head: Head = of_msgpack(Head)(key, body)
    if head.opened < 0 or not head.boot:
        raise ValueError
    return head


def found(requests: Iterable[Request], now_ns: int) -> Head:
    """The head in place of one that is lost: as late as anything that is known, no id twice."""
    known = [max(each.since_ns, each.opened_ns, each.rang_ns) for each in requests]
    return Head(lived_ns=max(known, default=now_ns), opened=beyond(now_ns))


class Deed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody does something with a request: an act of its table, and what belongs to it.

    `reply` is spoken at the kiosk; `by` is whom it is given to; `rating` one of the three faces.
    """

    act: ActName
    car: Car | None = None
    reply: Text = ""
    by: Annotated[str, msgspec.Meta(max_length=40)] = ""
    rating: Face | None = None


class Given(NamedTuple):
    """What somebody has left with a request: tokens of what was sealed, and what may be shown."""

    person: str = ""
    masked: str = ""
    voice: str = ""
    voice_s: int = 0


NOTHING = Given()


class Core:
    """The requests of one station."""

    def __init__(
        self,
        plan: Plan,
        services: Mapping[str, Service],
        places: Places,
        duty: Duty,
        *,
        epoch: str,
        ids: str = "",
        roads: Mapping[str, Road],
    ) -> None:
        """`roads` are those to the dispatchers; the core asks none, it says what is to be asked."""
        self.book = Book(epoch, ids)
        self._plan = plan
        self._services = services
        self._places = places
        self.rides = Rides(self.book, plan.ride, roads)
        self._calls = Calls(self.book, plan.call, duty)
        self.works = Works(self.book, plan.work, services, duty)

    def restore(self, kept: Iterable[Request], head: Head, moment: Moment) -> Outcome:
        """Take back what was open before a restart, and say what had not been said."""
        self.book.restore(kept, head.opened)
        self.rides.resume(moment)
        for request in self.book:
            if request.cue != request.said and not request.quiet:
                self.book.do(Say(request.id))
            if request.family == "call" and not request.ended and request.state != "answered":
                self._calls.ring(request)
        return self.tick(moment)

    def head(self, moment: Moment) -> Head:
        """What is kept beside the requests."""
        stamps = moment.stamps
        return Head(moment.lived_ns, stamps.boot, stamps.at_ns, self.book.opened)

    @property
    def busy(self) -> bool:
        """Whether seconds matter: somebody waits, or a dispatcher is owed a word."""
        return any(one.owed or (one.family != "work" and not one.ended) for one in self.book)

    def press(
        self, press: Press, actor: Who, moment: Moment, given: Given = NOTHING
    ) -> tuple[Request, Outcome]:
        """What somebody asks; the same request again if it is there already. UsageError."""
        service = self._service(press)
        request = self._same(service, press, actor, moment)
        if request is not None:
            if service.family == "call" and press.press not in request.presses:
                request = self._calls.pressed_again(request, moment)
            request = self.book.joined(request, press.press)
        else:
            request = self._opened(service, press, actor, moment, given)
        return self.book.requests[request.id], self._done(moment)

    def act(self, request_id: str, deed: Deed, who: Who, moment: Moment) -> Outcome:
        """Somebody does something with a request; UsageError if that cannot be done now."""
        request = self.request(request_id)
        for text in (deed.reply, deed.by):
            impersonal(text)
        if deed.act not in acts(request, staff=who.kind != "resident"):
            raise NotNow("requests.not-now", act=deed.act, state=request.state)
        if deed.act == REPLY:
            self.book.reply(request, deed.reply, who)
            return self._done(moment)
        fields = _fields(request, deed, who)
        if request.family == "ride":
            self.rides.acted(request, deed.act, moment, who, **fields)
        elif request.family == "work":
            self.works.acted(request, deed.act, moment, who, **fields)
        else:
            self._calls.acted(request, deed.act, moment, who, **fields)
        return self._done(moment)

    def close(self, request_ids: Collection[str], who: Who, moment: Moment) -> Outcome:
        """Staff put these away at once, those that can be; nobody is told of it aloud."""
        for request in map(self.book.requests.get, request_ids):
            if request is not None and (act := closing(request)):
                said = request.kind.after(request.state, act)
                fields: dict[str, Any] = {
                    "by": who.id,
                    "quiet": False,
                    "said": said,
                    "asked": False,
                }
                self.book.move(request, act, moment, actor=who, **fields)
        return self._done(moment)

    def rung(self, ring: Ring, reached: tuple[str, ...], moment: Moment) -> Outcome:
        """That has rung, by those channels."""
        self._calls.rung(ring, reached, moment)
        return self._done(moment)

    def answered(self, ask: Ask, answer: Status | Refused | Unknown, moment: Moment) -> Outcome:
        """A road has answered."""
        self.rides.answered(ask, answer, moment)
        return self._done(moment)

    def told(self, by: Owed, status: Status, moment: Moment) -> Outcome:
        """A dispatcher says how a ride stands; UsageError if there is none that it holds."""
        request = self.ride(by.ride)
        if not self.rides.holds(request, by):
            raise UsageError("requests.unknown", request=by.ride)
        self.rides.told(request, by, status, moment)
        return self._done(moment)

    def attach(self, request_id: str, person: str, masked: str) -> Outcome:
        """The person has said how they can be reached."""
        request = self.book.requests.get(request_id)
        if request is not None:
            self.book.change(request, person=person, masked=masked)
        return self.book.drain()

    def unkept(self, outcome: Outcome) -> None:
        """That could not be stored: a work order that was only now opened does not exist."""
        for turn in outcome.turns:
            if turn.act == "press" and turn.request.family == "work":
                self.book.requests.pop(turn.request.id, None)

    def becomes(self, press: Press) -> Service:
        """The service that a press is carried out as. UsageError if there is no such thing."""
        return self._becomes(self._service(press), press)

    def said(self, request_id: str, cue: str) -> Outcome:
        """That has been spoken."""
        request = self.book.requests.get(request_id)
        if request is not None and request.said != cue:
            self.book.change(request, said=cue)
        return self.book.drain()

    def unsaid(self, request_id: str) -> Outcome:
        """What was said of it has not been heard: say it again."""
        request = self.book.requests.get(request_id)
        if request is not None and not request.quiet:
            self.book.change(request, said="")
            self.book.do(Say(request_id))
        return self.book.drain()

    def tick(self, moment: Moment) -> Outcome:
        """Let time pass."""
        self.rides.tick(moment)
        self._calls.tick(moment)
        self.works.tick(moment)
        before = set(self.book.requests)
        self.book.sweep(moment, {"work": self._plan.work.reopen_within_days * 86_400})
        if before - set(self.book.requests):
            self.rides.forget(self.book.requests)
        return self._done(moment)

    def _service(self, press: Press) -> Service:
        service = self._services.get(press.service)
        kiosk = self._plan.kiosks.get(press.kiosk)
        if service is None or (kiosk is not None and press.service not in kiosk.services):
            raise NotFound("requests.no-service", service=press.service)
        if service.what and service.choice(press.what) is None:
            raise NotFound("requests.no-such-what", what=press.what)
        if press.where is not None and press.where not in self._places:
            raise NotFound("places.unknown", place=press.where)
        impersonal(press.note)
        return service

    def _same(self, service: Service, press: Press, actor: Who, moment: Moment) -> Request | None:
        """The request that this press is, or belongs to."""
        known = self.book.of_press(press.press)
        if known is not None:
            return known
        becomes = self._becomes(service, press)
        alike = (becomes.id, press.kiosk, press.what, press.where)
        finger = press.kiosk != ""
        beside = press.another and self.book.rides_at(press.kiosk) < KIOSK_RIDES_MAX
        for request in reversed(list(self.book)):
            found = (request.service, request.kiosk, request.what, request.where)
            young = finger and moment.lived_ns - request.opened_ns < DEBOUNCE_S * S
            live = becomes.family != "work" and not request.ended and not beside
            if found == alike and not request.quiet and (young or live):
                return request
        if becomes.family == "work" and actor.kind == "linkage":
            return self.works.same(becomes, press.what, self._place(press), actor)
        return None

    def _becomes(self, service: Service, press: Press) -> Service:
        """A picture that means danger is a call, whatever service it belongs to."""
        choice = service.choice(press.what)
        danger = choice is not None and choice.person
        return self._services[CALL_SERVICE] if danger else service

    def _opened(
        self,
        service: Service,
        press: Press,
        actor: Who,
        moment: Moment,
        given: Given,
    ) -> Request:
        becomes, place = self._becomes(service, press), self._place(press)
        fields: dict[str, Any] = given._asdict()
        if becomes.family == "ride":
            fields["ride"] = self.rides.began(moment)
        elif becomes.family == "call":
            fields |= {"rang_ns": moment.lived_ns, "urgent": becomes is not service}
        else:
            fields |= self.works.began(becomes, press.what, place, moment)
        request = self.book.open(becomes, press, place, actor, moment, **fields)
        if becomes.family == "ride":
            return self.rides.search(request, moment)
        if becomes.family == "call":
            self._calls.ring(request)
        return request

    def _place(self, press: Press) -> str:
        kiosk = self._plan.kiosks.get(press.kiosk)
        return press.where or (kiosk.place if kiosk else None) or WHERE_STATION

    def _done(self, moment: Moment) -> Outcome:
        """What has gathered; a ride that came to nothing has become a call by itself."""
        outcome = self.book.drain()
        for turn in outcome.turns:
            if failed(turn.request) and turn.was != turn.request.state and turn.act != "late":
                self._call_for(turn.request, moment)
        more = self.book.drain()
        return Outcome(
            [*outcome.turns, *more.turns],
            {**outcome.keep, **more.keep},
            [*outcome.effects, *more.effects],
        )

    def _call_for(self, request: Request, moment: Moment) -> None:
        """Somebody is called for whoever is left without a car, unless it rings for that already.

        What somebody has answered rings no more, and what a resident has begun they may take back.
        """
        for call in self.book.live(family="call"):
            if call.kiosk == request.kiosk and call.quiet and call.state in UNHEARD:
                return
        press = Press(press=f"{request.id}-call", kiosk=request.kiosk, service=CALL_SERVICE)
        call = self.book.open(
            self._services[CALL_SERVICE],
            press,
            request.place,
            SYSTEM,
            moment,
            masked=request.masked,
            quiet=True,
            linked=request.id,
            rang_ns=moment.lived_ns,
        )
        self._calls.ring(call)

    def request(self, request_id: str) -> Request:
        """The request of that id; UsageError."""
        request = self.book.requests.get(request_id)
        if request is None:
            raise NotFound("requests.unknown", request=request_id)
        return request

    def ride(self, ride_id: str) -> Request:
        """The request whose ride that is, or was before another search; UsageError."""
        request = self.book.requests.get(ride_id.rpartition("-")[0])
        if request is None or request.ride is None:
            raise NotFound("requests.unknown", request=ride_id)
        return request


def acts(request: Request, *, staff: bool) -> tuple[str, ...]:
    """What staff, or the resident, may do with it now."""
    allowed = request.kind.staff if staff else request.kind.resident
    found = [str(act) for act in allowed if request.kind.after(request.state, act)]
    if staff and not request.ended:
        found.append(REPLY)
    return tuple(sorted(found))


def closing(request: Request) -> str:
    """The act by which staff put it away; "" for a ride, which ends by itself, and what rings."""
    if request.family == "ride" or request.state in UNHEARD:
        return ""
    wanted = ("close", "cancel")
    return next((act for act in wanted if request.kind.after(request.state, act)), "")


def impersonal(text: str) -> None:
    """Refuse a telephone number where it would be kept unsealed."""
    if _PHONE.search(text):
        raise UsageError("requests.number-in-text")


def _fields(request: Request, deed: Deed, who: Who) -> dict[str, Any]:
    """What an act brings with it."""
    fields: dict[str, Any] = {}
    if deed.reply:
        fields["reply"] = deed.reply
    if deed.rating:
        fields["rating"] = deed.rating
    if who.kind in ("staff", "installer"):
        fields |= {"by": deed.by or who.id, "quiet": False}
    if request.ride is not None and deed.car is not None:
        fields["ride"] = msgspec.structs.replace(request.ride, car=deed.car)
    return fields
