"""What moves a ride: who is asked when, what an answer means, and when it is too late. Pure.

One road at a time: the next is asked only after the one before has certainly said no. Whoever may
have taken a ride that has ended is told so until they confirm it.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from gateway.audit import Who
from gateway.clock import Deadline
from gateway.upstream.uplinks.contract import Refused, Unknown
from kiosk.book import SYSTEM, Ask, Book, with_ride
from kiosk.dispatch import NO_ROAD, TAKEN, UNREACHABLE, Road, Status
from kiosk.flows.ride import FAILED, Act, State
from kiosk.options import DESK, RideOptions
from kiosk.request import Moment, Owed, Request, Ride, S

TRIES_MAX = 2
"""A driver who gives up is replaced once."""

POLL_S, ASK_S = 5.0, 10.0
"""How often a ride that is under way is asked after, and how long an answer may take."""

COMING_S_MAX, WAITING_S_MAX = 5400.0, 1800.0
"""A car that is not there after so long is not coming; one that arrived so long ago has left, and
whoever called it with it."""

LATE_SAID_S = 600.0
"""Whoever pressed longer ago is not told of a late car any more; it is called off all the same."""

OWED_S_MAX = 86_400.0
OWED_EVERY_S, OWED_EVERY_S_MAX = 2.0, 300.0

NAMED = frozenset({"assigned", "arrived"})
"""What a dispatcher says of a car; that it was looking for one is none."""

_ASKING = frozenset({State.ASKING, State.AGAIN})
_COMING = frozenset({State.ASSIGNED, State.ARRIVED})
_ACT_OF = {
    "searching": Act.ACCEPT,
    "assigned": Act.ASSIGN,
    "arrived": Act.ARRIVE,
    "boarded": Act.BOARD,
}
_POLLED = _COMING | {State.SEARCHING, State.CHECKING}


class Rides:
    """The rides in the book."""

    def __init__(self, book: Book, options: RideOptions, roads: Mapping[str, Road]) -> None:
        """Of the `roads` only whether they are open, and who would be asked: none is asked here."""
        self._book = book
        self._options = options
        self._roads = roads
        self._under_way: set[tuple[str, str]] = set()
        self._next_ns: dict[tuple[str, str], tuple[int, float]] = {}

    def began(self, moment: Moment, tries: int = 1) -> Ride:
        """A search that begins now."""
        accept = moment.deadline(self._options.accept_within_s)
        return Ride(began_ns=moment.at_ns, accept=accept, until=accept, tries=tries)

    def search(self, request: Request, moment: Moment) -> Request:
        """Ask the next road; without one, say why no car comes."""
        ride = _ride(request)
        road = self._next_road(ride, moment)
        if road is None:
            over = Act.EXPIRE if moment.passed(ride.accept) else Act.AWAY
            return self._moved(request, Act.REFUSE if ride.heard else over, moment)
        until = moment.deadline(self._options.desk_within_s) if road == DESK else ride.accept
        holder = "" if road == DESK else self._roads[road].holder
        ride = with_ride(request, road=road, holder=holder, until=until)
        moved = self._moved(request, Act.NEXT, moment, ride=ride)
        if road != DESK:
            self._ask(moved, "request", ride.accept)
        return moved

    def answered(self, ask: Ask, answer: Status | Refused | Unknown, moment: Moment) -> None:
        """What a road said."""
        self._under_way.discard((ask.ride, ask.kind))
        request = self._book.requests.get(ask.id)
        if request is None:
            return
        request = self._aged(request, moment)
        asked = Owed(ask.road, ask.ride, ask.holder)
        if isinstance(answer, Status):
            self.told(request, asked, answer, moment)
        elif ask.kind == "request" and self._is_present(request, asked):
            self._unanswered(request, answer, moment)
        elif ask.kind == "request" and isinstance(answer, Refused):
            self._settled(request, asked)
        elif ask.kind == "status" and answer == Refused(NO_ROAD):
            self._orphaned(request, asked, moment)

    def holds(self, request: Request, by: Owed) -> bool:
        """Whether that dispatcher may speak of that ride: it was asked, as far as is known."""
        known = [one for one in request.owed if (one.road, one.ride) == (by.road, by.ride)]
        ride = _ride(request)
        if (ride.road, request.ride_id) == (by.road, by.ride):
            known.append(_owed(request, ride))
        return not known or any(one.holder in ("", by.holder) for one in known)

    def told(self, request: Request, by: Owed, status: Status, moment: Moment) -> None:
        """A dispatcher says how a ride stands, asked or not."""
        if not self._is_present(request, by):
            self._too_late(request, by, status, moment)
        elif status.state in TAKEN or status.state == "boarded":
            self._taken(request, status, moment)
        elif request.state in _COMING:
            self._lost(request, moment)
        else:
            self._refused(request, moment, heard=True)

    def acted(self, request: Request, act: str, moment: Moment, who: Who, **fields: Any) -> None:
        """The resident or the desk does something with it, as its table allows."""
        before = _ride(request)
        if act == Act.REFUSE and request.state in _ASKING and before.road == DESK:
            self._refused(request, moment, heard=True)  # their own no, and no dispatcher's
            return
        ride = fields.pop("ride", before)
        if before.road != DESK and _is_another_car(act, before, ride):
            fields["owed"] = (*request.owed, _owed(request, before))
            ride = msgspec.structs.replace(ride, road=DESK)
        if act == Act.ACCEPT:
            until = moment.deadline(self._options.find_within_s)
            ride = msgspec.structs.replace(ride, until=until)
        self._moved(request, act, moment, actor=who, ride=ride, **fields)

    def tick(self, moment: Moment) -> None:
        """Let time pass: deadlines, rides to be asked after, cancels that are owed."""
        for request in self._book:
            if request.family == "ride":
                current = self._aged(request, moment)
                self._poll(current, moment)
                for owed in current.owed:
                    self._withdraw(current, owed, moment)

    def resume(self, moment: Moment) -> None:
        """After a restart: what was asked may have been taken; of another boot, it is too late."""
        for request in self._book.live(family="ride"):
            ride = _ride(request)
            same_boot = ride.until.boot == moment.stamps.boot
            doubtful = request.state in _ASKING if same_boot else request.state in _COMING
            if doubtful and ride.road != DESK:
                self._doubt(request, moment)

    def _is_present(self, request: Request, by: Owed) -> bool:
        """Whether that is the ride which is waited for, of whoever was asked."""
        if request.ended or (by.road, by.ride) != (_ride(request).road, request.ride_id):
            return False
        return _ride(request).holder in ("", by.holder)

    def _unanswered(self, request: Request, answer: Refused | Unknown, moment: Moment) -> None:
        if isinstance(answer, Refused) and request.state in _ASKING | {State.CHECKING}:
            self._refused(request, moment, heard=answer.code not in UNREACHABLE)
        elif isinstance(answer, Unknown) and request.state in _ASKING:
            self._doubt(request, moment, code=answer.code)

    def _doubt(self, request: Request, moment: Moment, **fields: Any) -> None:
        until = moment.deadline(self._options.settle_s)
        self._moved(request, Act.DOUBT, moment, ride=with_ride(request, until=until), **fields)

    def _taken(self, request: Request, status: Status, moment: Moment) -> None:
        act = _ACT_OF[status.state]
        ride = with_ride(request, car=status.car or _ride(request).car)
        if act is Act.ACCEPT:
            ride = with_ride(request, until=moment.deadline(self._options.find_within_s))
        news = ride.car != _ride(request).car
        if request.kind.after(request.state, act) != request.state or news:
            self._book.move(request, act, moment, ride=ride)

    def _refused(self, request: Request, moment: Moment, *, heard: bool) -> None:
        """This road certainly has no car: the next one, unless somebody was looking already."""
        ride = _ride(request)
        ride = with_ride(request, tried=(*ride.tried, ride.road), heard=ride.heard or heard)
        changed = self._book.change(request, ride=ride)
        if request.state == State.SEARCHING:
            self._moved(changed, Act.REFUSE, moment)
        else:
            self.search(changed, moment)

    def _orphaned(self, request: Request, asked: Owed, moment: Moment) -> None:
        """Whoever holds it is in the settings no more, and nobody hears how it stands: the desk.

        No other dispatcher is asked, for it may have been taken; should whoever holds it come
        back, it is told that the ride is off.
        """
        if not self._is_present(request, asked):
            return
        if request.state != State.CHECKING:
            until = moment.deadline(self._options.settle_s)
            ride = with_ride(request, until=until)
            request = self._moved(request, Act.DOUBT, moment, ride=ride, code=NO_ROAD)
        if DESK in self._options.dispatch and DESK not in _ride(request).tried:
            others = tuple(road for road in self._options.dispatch if road != DESK)
            tried = tuple(dict.fromkeys((*_ride(request).tried, *others, asked.road)))
            owed = tuple(dict.fromkeys((*request.owed, _owed(request, _ride(request)))))
            ride = with_ride(request, tried=tried)
            self.search(self._book.change(request, ride=ride, owed=owed, code=NO_ROAD), moment)

    def _lost(self, request: Request, moment: Moment) -> None:
        """The driver has given it up: search once more, and only once."""
        tries = _ride(request).tries
        if tries >= TRIES_MAX:
            self._moved(request, Act.REFUSE, moment)
            return
        again = self.began(moment, tries + 1)
        self.search(self._moved(request, Act.LOSE, moment, ride=again), moment)

    def _too_late(self, request: Request, owed: Owed, status: Status, moment: Moment) -> None:
        """It had ended here: call off what was taken, and say so while it can still matter."""
        if request.state == State.BOARDED and owed not in request.owed:
            return  # the person is in that very car, and whoever sent it holds what is true
        taken = status.state in TAKEN
        young = moment.lived_ns - request.opened_ns <= LATE_SAID_S * S
        named = status.car is not None or not NAMED.isdisjoint((status.state, status.was))
        if named and young:
            request = self._book.move(request, Act.LATE, moment) or request
        if not taken:
            self._settled(request, owed)
        elif owed not in request.owed:
            self._book.change(request, owed=(*request.owed, owed))

    def _settled(self, request: Request, owed: Owed) -> None:
        """The dispatcher certainly has no such ride any more."""
        if owed in request.owed:
            self._book.change(request, owed=tuple(one for one in request.owed if one != owed))

    def _aged(self, request: Request, moment: Moment) -> Request:
        """The request, after what its age has done to it."""
        ride, state = _ride(request), request.state
        age_s = (moment.lived_ns - request.since_ns) / S
        if request.ended:
            return request
        if state == State.ASSIGNED:
            act = Act.GIVE_UP if age_s > COMING_S_MAX else None
        elif state == State.ARRIVED:
            act = Act.BOARD if age_s > WAITING_S_MAX else None
        elif not moment.passed(ride.until):
            act = None
        elif state == State.CHECKING:
            act = Act.GIVE_UP
        else:
            found_none = state == State.SEARCHING and ride.until.boot == moment.stamps.boot
            act = Act.REFUSE if found_none else Act.EXPIRE
        return request if act is None else self._moved(request, act, moment)

    def _moved(
        self, request: Request, act: str, moment: Moment, *, actor: Who = SYSTEM, **fields: Any
    ) -> Request:
        """Move it; what ends while a dispatcher may hold it is owed a cancel.

        But not the car into which the person has got, as they or staff have said: there the
        dispatcher holds what is true. That a car which came half an hour ago has taken them is only
        assumed.
        """
        target = request.kind.after(request.state, act)
        ride: Ride = fields.get("ride", _ride(request))
        carried = act in (Act.BOARD, Act.LEAVE) and actor is not SYSTEM
        sure = ride.road in ("", DESK) or ride.road in ride.tried or carried
        if target is not None and request.kind.ended(target) and not sure:
            fields["owed"] = (*request.owed, _owed(request, ride))
        return self._book.move(request, act, moment, actor=actor, **fields) or request

    def _poll(self, request: Request, moment: Moment) -> None:
        if request.ended or request.state not in _POLLED or _ride(request).road == DESK:
            return
        if self._due((request.ride_id, "status"), moment, POLL_S):
            self._ask(request, "status", moment.deadline(ASK_S))

    def _withdraw(self, request: Request, owed: Owed, moment: Moment) -> None:
        if (moment.lived_ns - request.since_ns) / S > OWED_S_MAX:
            left = tuple(one for one in request.owed if one != owed)
            self._book.change(request, owed=left, code="requests.cancel-unheard")
        elif self._due((owed.ride, "cancel"), moment, OWED_EVERY_S, OWED_EVERY_S_MAX):
            self._under_way.add((owed.ride, "cancel"))
            until = moment.deadline(ASK_S)
            self._book.do(
                Ask(request.id, owed.road, "cancel", owed.ride, moment.at_ns, until, owed.holder)
            )

    def _due(self, key: tuple[str, str], moment: Moment, every_s: float, most_s: float = 0) -> bool:
        """Whether to ask that now: at growing intervals up to `most_s`, never twice at a time."""
        at_ns, pause_s = self._next_ns.get(key, (0, every_s))
        if key in self._under_way or moment.at_ns < at_ns:
            return False
        longer_s = max(every_s, min(pause_s * 2, most_s))
        self._next_ns[key] = (moment.at_ns + round(pause_s * S), longer_s)
        return True

    def _ask(self, request: Request, kind: str, until: Deadline) -> None:
        ride = _ride(request)
        self._under_way.add((request.ride_id, kind))
        self._book.do(
            Ask(request.id, ride.road, kind, request.ride_id, ride.began_ns, until, ride.holder)
        )

    def _next_road(self, ride: Ride, moment: Moment) -> str | None:
        late = moment.passed(ride.accept)
        for road in self._options.dispatch:
            if road not in ride.tried and (road == DESK or (self.open(road) and not late)):
                return road
        return None

    def open(self, road: str) -> bool:
        """Whether that road is there and can be asked now."""
        return road == DESK or (road in self._roads and self._roads[road].open)

    def forget(self, kept: Collection[str]) -> None:
        """Remember nothing of rides that are not kept."""
        for key in list(self._next_ns):
            if key[0].rpartition("-")[0] not in kept:
                del self._next_ns[key]


def _is_another_car(act: str, before: Ride, now: Ride) -> bool:
    """Whether staff speak of a car that is not the one which the dispatcher has named."""
    if act in (Act.ACCEPT, Act.ASSIGN):
        return True
    named = before.car is not None and now.car is not None and before.car.plate == now.car.plate
    return act in (Act.ARRIVE, Act.BOARD) and not named


def _owed(request: Request, ride: Ride) -> Owed:
    """Whoever holds that ride must hear that it is off."""
    return Owed(ride.road, request.ride_id, ride.holder)


def _ride(request: Request) -> Ride:
    assert request.ride is not None
    return request.ride


def failed(request: Request) -> bool:
    """Whether no car comes and a person must."""
    return request.family == "ride" and request.state in FAILED
