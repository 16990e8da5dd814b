"""Rules of rides: which route is asked when, what an answer means, and when it is too late. Pure.

One route at a time: the next is asked only after the one before has certainly refused. A dispatcher
that may hold a ride which has ended is sent a cancel until it confirms it.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec

from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.errors import NotFound, UsageError
from gateway.upstream.uplinks.contract import QueryRefused, QueryUnanswered
from kiosk.request_types.ride.dispatch import (
    NO_ROAD,
    TAKEN,
    UNREACHABLE,
    DispatchQuery,
    RideStatus,
)
from kiosk.request_types.ride.options import DESK, RideOptions
from kiosk.request_types.ride.questions import QuestionTimes
from kiosk.request_types.ride.search import (
    get_ride,
    names_another_car,
    pending_cancel,
    replace_ride,
)
from kiosk.request_types.ride.type import RideEvent, RideState
from kiosk.requests.catalogue import KioskService
from kiosk.requests.outside import OutsideRoute
from kiosk.requests.repository import SYSTEM, QueryEffect
from kiosk.requests.request import (
    PendingCancel,
    Press,
    Request,
    RequestAction,
    RequestTime,
    Ride,
    S,
)
from kiosk.requests.request_type import RequestType
from kiosk.requests.rules import RequestRules, RuleContext

# A driver who gives up is replaced once.
TRIES_MAX = 2

# How often a ride that is under way is asked after, and how long an answer may take.
POLL_S, ASK_S = 5.0, 10.0

# Give up on an assigned car after 90 min; 30 min after its arrival assume that the passenger has
# boarded.
COMING_S_MAX, WAITING_S_MAX = 5400.0, 1800.0

# Whoever pressed longer ago is not told of a late car any more; it is called off all the same.
LATE_SAID_S = 600.0

OWED_S_MAX = 86_400.0
OWED_EVERY_S, OWED_EVERY_S_MAX = 2.0, 300.0

# What a dispatcher says of a car; that it was looking for one is none.
NAMED = frozenset({"assigned", "arrived"})

_ASKING = frozenset({RideState.ASKING, RideState.AGAIN})
_COMING = frozenset({RideState.ASSIGNED, RideState.ARRIVED})
_ACT_OF = {
    "searching": RideEvent.ACCEPT,
    "assigned": RideEvent.ASSIGN,
    "arrived": RideEvent.ARRIVE,
    "boarded": RideEvent.BOARD,
}
_POLLED = _COMING | {RideState.SEARCHING, RideState.CHECKING}


class RideRules(RequestRules):
    """The rides in the book.

    Of the routes only whether they are open, and who would be asked: none is asked here.
    """

    def __init__(self, type_: RequestType, context: RuleContext) -> None:
        super().__init__(type_, context)
        self._routes: Mapping[str, OutsideRoute] = getattr(context.outside, "routes", {})
        self.questions = QuestionTimes()

    def options(self, service: str) -> RideOptions:
        """The settings of that service."""
        return cast(RideOptions, super().options(service))

    def initial_fields(
        self, service: KioskService, press: Press, place: str, moment: RequestTime, *, danger: bool
    ) -> dict[str, Any]:
        """Start the first search."""
        del press, place, danger
        return {"ride": self._new_search(service.id, moment)}

    def _new_search(self, service: str, moment: RequestTime, tries: int = 1) -> Ride:
        accept = moment.deadline_after(self.options(service).accept_within_s)
        return Ride(began_ns=moment.at_ns, accept=accept, until=accept, tries=tries)

    def start_request(self, request: Request, moment: RequestTime) -> Request:
        """Ask the next route; without one, end with the reason."""
        ride = get_ride(request)
        road = self._next_road(request, moment)
        if road is None:
            over = RideEvent.EXPIRE if moment.is_past(ride.accept) else RideEvent.AWAY
            return self._moved(request, RideEvent.REFUSE if ride.heard else over, moment)
        until = (
            moment.deadline_after(self.options(request.service).desk_within_s)
            if road == DESK
            else ride.accept
        )
        holder = "" if road == DESK else self._routes[road].holder
        ride = replace_ride(request, road=road, holder=holder, until=until)
        moved = self._moved(request, RideEvent.NEXT, moment, ride=ride)
        if road != DESK:
            self._ask(moved, "request", ride.accept)
        return moved

    def record_answer(self, query: QueryEffect, answer: Any, moment: RequestTime) -> None:
        """Apply the answer of a route."""
        ask = cast(DispatchQuery, query)
        self.questions.under_way.discard((ask.ride, ask.kind))
        request = self.repository.requests.get(ask.id)
        if request is None:
            return
        request = self._aged(request, moment)
        asked = PendingCancel(ask.road, ask.ride, ask.holder)
        if isinstance(answer, RideStatus):
            self._take_status(request, asked, answer, moment)
        elif ask.kind == "request" and self._is_present(request, asked):
            self._unanswered(request, answer, moment)
        elif ask.kind == "request" and isinstance(answer, QueryRefused):
            self._settled(request, asked)
        elif ask.kind == "status" and answer == QueryRefused(NO_ROAD):
            self._orphaned(request, asked, moment)

    def find_by_ride(self, ride_id: str) -> Request:
        """The request of that ride, also of an earlier search; NotFound."""
        request = self.repository.requests.get(ride_id.rpartition("-")[0])
        if request is None or request.ride is None:
            raise NotFound("requests.unknown", request=ride_id)
        return request

    def record_status(self, by: PendingCancel, status: RideStatus, moment: RequestTime) -> None:
        """Apply a status that a dispatcher sent unasked; UsageError if it holds no such ride."""
        request = self.find_by_ride(by.ride)
        if not self._holds(request, by):
            raise UsageError("requests.unknown", request=by.ride)
        self._take_status(request, by, status, moment)

    def _holds(self, request: Request, by: PendingCancel) -> bool:
        """Whether that dispatcher was asked for that ride, as far as is known."""
        known = [one for one in request.owed if (one.road, one.ride) == (by.road, by.ride)]
        ride = get_ride(request)
        if (ride.road, request.ride_id) == (by.road, by.ride):
            known.append(pending_cancel(request, ride))
        return not known or any(one.holder in ("", by.holder) for one in known)

    def _take_status(
        self, request: Request, by: PendingCancel, status: RideStatus, moment: RequestTime
    ) -> None:
        """Apply a status, asked for or not."""
        if not self._is_present(request, by):
            self._too_late(request, by, status, moment)
        elif status.state in TAKEN or status.state == "boarded":
            self._taken(request, status, moment)
        elif request.state in _COMING:
            self._lost(request, moment)
        else:
            self._refused(request, moment, heard=True)

    def apply_action(
        self,
        request: Request,
        deed: RequestAction,
        moment: RequestTime,
        who: Actor,
        fields: dict[str, Any],
    ) -> None:
        """Apply an action of the resident or of staff."""
        act, before = deed.act, get_ride(request)
        if act == RideEvent.REFUSE and request.state in _ASKING and before.road == DESK:
            self._refused(request, moment, heard=True)  # their own no, and no dispatcher's
            return
        ride = before if deed.car is None else msgspec.structs.replace(before, car=deed.car)
        if before.road != DESK and names_another_car(act, before, ride):
            fields["owed"] = (*request.owed, pending_cancel(request, before))
            ride = msgspec.structs.replace(ride, road=DESK)
        if act == RideEvent.ACCEPT:
            until = moment.deadline_after(self.options(request.service).find_within_s)
            ride = msgspec.structs.replace(ride, until=until)
        self._moved(request, act, moment, actor=who, ride=ride, **fields)

    def tick(self, moment: RequestTime) -> None:
        """Check deadlines, poll rides under way, and repeat pending cancels."""
        for request in self.repository:
            if request.family == self.type.name:
                current = self._aged(request, moment)
                self._poll(current, moment)
                for owed in current.owed:
                    self._withdraw(current, owed, moment)

    def resume(self, moment: RequestTime) -> None:
        """After a restart a ride may have been taken; after a reboot it is too late."""
        for request in self.repository.open_requests(family=self.type.name):
            ride = get_ride(request)
            same_boot = ride.until.boot == moment.stamps.boot
            doubtful = request.state in _ASKING if same_boot else request.state in _COMING
            if doubtful and ride.road != DESK:
                self._doubt(request, moment)

    def _is_present(self, request: Request, by: PendingCancel) -> bool:
        """Whether that is the ride of the present search, from the dispatcher that was asked."""
        if request.ended or (by.road, by.ride) != (get_ride(request).road, request.ride_id):
            return False
        return get_ride(request).holder in ("", by.holder)

    def _unanswered(
        self, request: Request, answer: QueryRefused | QueryUnanswered, moment: RequestTime
    ) -> None:
        if isinstance(answer, QueryRefused) and request.state in _ASKING | {RideState.CHECKING}:
            self._refused(request, moment, heard=answer.code not in UNREACHABLE)
        elif isinstance(answer, QueryUnanswered) and request.state in _ASKING:
            self._doubt(request, moment, code=answer.code)

    def _doubt(self, request: Request, moment: RequestTime, **fields: Any) -> None:
        until = moment.deadline_after(self.options(request.service).settle_s)
        self._moved(
            request, RideEvent.DOUBT, moment, ride=replace_ride(request, until=until), **fields
        )

    def _taken(self, request: Request, status: RideStatus, moment: RequestTime) -> None:
        act = _ACT_OF[status.state]
        ride = replace_ride(request, car=status.car or get_ride(request).car)
        if act is RideEvent.ACCEPT:
            ride = replace_ride(
                request, until=moment.deadline_after(self.options(request.service).find_within_s)
            )
        news = ride.car != get_ride(request).car
        if request.type.table.after(request.state, act) != request.state or news:
            self.repository.apply_event(request, act, moment, ride=ride)

    def _refused(self, request: Request, moment: RequestTime, *, heard: bool) -> None:
        """This route certainly has no car: ask the next, unless a driver was being looked for."""
        ride = get_ride(request)
        ride = replace_ride(request, tried=(*ride.tried, ride.road), heard=ride.heard or heard)
        changed = self.repository.update_request(request, ride=ride)
        if request.state == RideState.SEARCHING:
            self._moved(changed, RideEvent.REFUSE, moment)
        else:
            self.start_request(changed, moment)

    def _orphaned(self, request: Request, asked: PendingCancel, moment: RequestTime) -> None:
        """Whoever holds it is in the settings no more, and nobody hears how it stands: the desk.

        No other dispatcher is asked, for it may have been taken; should whoever holds it come
        back, it is told that the ride is off.
        """
        if not self._is_present(request, asked):
            return
        if request.state != RideState.CHECKING:
            until = moment.deadline_after(self.options(request.service).settle_s)
            ride = replace_ride(request, until=until)
            request = self._moved(request, RideEvent.DOUBT, moment, ride=ride, code=NO_ROAD)
        if DESK in self.options(request.service).dispatch and DESK not in get_ride(request).tried:
            others = tuple(road for road in self.options(request.service).dispatch if road != DESK)
            tried = tuple(dict.fromkeys((*get_ride(request).tried, *others, asked.road)))
            owed = tuple(dict.fromkeys((*request.owed, pending_cancel(request, get_ride(request)))))
            ride = replace_ride(request, tried=tried)
            self.start_request(
                self.repository.update_request(request, ride=ride, owed=owed, code=NO_ROAD), moment
            )

    def _lost(self, request: Request, moment: RequestTime) -> None:
        """The driver has given up: search once more, and only once."""
        tries = get_ride(request).tries
        if tries >= TRIES_MAX:
            self._moved(request, RideEvent.REFUSE, moment)
            return
        again = self._new_search(request.service, moment, tries + 1)
        self.start_request(self._moved(request, RideEvent.LOSE, moment, ride=again), moment)

    def _too_late(
        self, request: Request, owed: PendingCancel, status: RideStatus, moment: RequestTime
    ) -> None:
        """The ride had ended here: cancel what was taken, announce it if it matters."""
        if request.state == RideState.BOARDED and owed not in request.owed:
            return  # the person is in that very car, and whoever sent it holds what is true
        taken = status.state in TAKEN
        young = moment.lived_ns - request.opened_ns <= LATE_SAID_S * S
        named = status.car is not None or not NAMED.isdisjoint((status.state, status.was))
        if named and young:
            request = self.repository.apply_event(request, RideEvent.LATE, moment) or request
        if not taken:
            self._settled(request, owed)
        elif owed not in request.owed:
            self.repository.update_request(request, owed=(*request.owed, owed))

    def _settled(self, request: Request, owed: PendingCancel) -> None:
        """The dispatcher certainly no longer has the ride: drop the pending cancel."""
        if owed in request.owed:
            self.repository.update_request(
                request, owed=tuple(one for one in request.owed if one != owed)
            )

    def _aged(self, request: Request, moment: RequestTime) -> Request:
        """The request after its deadlines have been applied."""
        ride, state = get_ride(request), request.state
        age_s = (moment.lived_ns - request.since_ns) / S
        if request.ended:
            return request
        if state == RideState.ASSIGNED:
            act = RideEvent.GIVE_UP if age_s > COMING_S_MAX else None
        elif state == RideState.ARRIVED:
            act = RideEvent.BOARD if age_s > WAITING_S_MAX else None
        elif not moment.is_past(ride.until):
            act = None
        elif state == RideState.CHECKING:
            act = RideEvent.GIVE_UP
        else:
            found_none = state == RideState.SEARCHING and ride.until.boot == moment.stamps.boot
            act = RideEvent.REFUSE if found_none else RideEvent.EXPIRE
        return request if act is None else self._moved(request, act, moment)

    def _moved(
        self,
        request: Request,
        act: str,
        moment: RequestTime,
        *,
        actor: Actor = SYSTEM,
        **fields: Any,
    ) -> Request:
        """Move it; what ends while a dispatcher may hold it is owed a cancel.

        But not the car into which the person has got, as they or staff have said: there the
        dispatcher holds what is true. That a car which came half an hour ago has taken them is only
        assumed.
        """
        target = request.type.table.after(request.state, act)
        ride: Ride = fields.get("ride", get_ride(request))
        carried = act in (RideEvent.BOARD, RideEvent.LEAVE) and actor is not SYSTEM
        sure = ride.road in ("", DESK) or ride.road in ride.tried or carried
        if target is not None and target in request.type.table.ends and not sure:
            fields["owed"] = (*request.owed, pending_cancel(request, ride))
        return self.repository.apply_event(request, act, moment, actor=actor, **fields) or request

    def _poll(self, request: Request, moment: RequestTime) -> None:
        if request.ended or request.state not in _POLLED or get_ride(request).road == DESK:
            return
        if self.questions.is_due((request.ride_id, "status"), moment, POLL_S):
            self._ask(request, "status", moment.deadline_after(ASK_S))

    def _withdraw(self, request: Request, owed: PendingCancel, moment: RequestTime) -> None:
        if (moment.lived_ns - request.since_ns) / S > OWED_S_MAX:
            left = tuple(one for one in request.owed if one != owed)
            self.repository.update_request(request, owed=left, code="requests.cancel-unheard")
        elif self.questions.is_due((owed.ride, "cancel"), moment, OWED_EVERY_S, OWED_EVERY_S_MAX):
            self.questions.under_way.add((owed.ride, "cancel"))
            until = moment.deadline_after(ASK_S)
            self._put(request, owed, "cancel", moment.at_ns, until)

    def _ask(self, request: Request, kind: str, until: Deadline) -> None:
        ride = get_ride(request)
        self.questions.under_way.add((request.ride_id, kind))
        self._put(request, pending_cancel(request, ride), kind, ride.began_ns, until)

    def _put(
        self, request: Request, to: PendingCancel, kind: str, began_ns: int, until: Deadline
    ) -> None:
        """Query that dispatcher about that ride."""
        self.repository.add_effect(
            DispatchQuery(
                id=request.id,
                family=self.type.name,
                road=to.road,
                kind=kind,
                ride=to.ride,
                began_ns=began_ns,
                deadline=until,
                holder=to.holder,
            )
        )

    def _next_road(self, request: Request, moment: RequestTime) -> str | None:
        ride = get_ride(request)
        late = moment.is_past(ride.accept)
        for road in self.options(request.service).dispatch:
            if road not in ride.tried and (road == DESK or (self.is_open(road) and not late)):
                return road
        return None

    def is_open(self, road: str) -> bool:
        """Whether that route exists and is open now."""
        return road == DESK or (road in self._routes and self._routes[road].open)

    def is_possible(self, service: str) -> bool:
        """Whether any route of the service is open now."""
        return any(self.is_open(road) for road in self.options(service).dispatch)

    def is_network_away(self, service: str) -> bool:
        """Whether the service has routes by network and none of them is open."""
        network = [road for road in self.options(service).dispatch if road != DESK]
        return bool(network) and not any(map(self.is_open, network))

    def phones(self, service: str) -> Mapping[str, str]:
        """The number to dial if no car comes."""
        phone = self.options(service).phone
        return {service: phone} if phone else {}

    def forget_others(self, kept: Collection[str]) -> None:
        """Forget questions about rides that are not kept."""
        self.questions.forget_others(kept)


RULES = RideRules
