"""What moves a work order beside people: what is promised and overdue, joined faults, faces. Pure.

Two promises are counted from the report, or from its reopening: that somebody takes it, and that
somebody is there; a third, from a bad word or none, that somebody comes again.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.audit import Who
from gateway.event import Severity
from gateway.rules.duty import DESK, Duty
from kiosk.book import Book, Ring
from kiosk.catalogue import Service, Within
from kiosk.flows.work import Act, State
from kiosk.options import WorkOptions
from kiosk.request import Moment, Request, S

MIN = 60 * S
UNTAKEN = frozenset({State.REPORTED, State.REOPENED})
UNDER_WAY = UNTAKEN | {State.RECEIVED, State.ASSIGNED, State.DOING}
"""The fault is there still: the same one, reported again, is joined."""

JOINED_ACTS = frozenset({Act.RECEIVE, Act.ASSIGN, Act.START, Act.FINISH})
"""What staff do about a fault, they do for everybody who has reported it."""


class Due(NamedTuple):
    """What is promised next: `take`, `come` or `revisit`, and until when in lived time."""

    stage: str
    at_ns: int


class Works:
    """The work orders in the book."""

    def __init__(
        self, book: Book, options: WorkOptions, services: Mapping[str, Service], duty: Duty
    ) -> None:
        """`duty` says who is told, in which order, of what is overdue."""
        self._book = book
        self._options = options
        self._services = services
        self._duty = duty

    def began(self, service: Service, what: str, place: str, moment: Moment) -> dict[str, Any]:
        """What a new order is given: its clock, and the same fault at the same place, if any."""
        return {"counted_ns": moment.lived_ns, "linked": self._head(service, what, place)}

    def due(self, request: Request) -> Due | None:
        """What is promised next of that order; None where nothing is."""
        within = self._within(request)
        if request.state in UNTAKEN:
            return Due("take", request.counted_ns + within.take_min * MIN)
        if request.state in (State.RECEIVED, State.ASSIGNED):
            return Due("come", request.counted_ns + within.come_min * MIN)
        if request.state == State.REVISIT:
            return Due("revisit", request.since_ns + within.revisit_min * MIN)
        return None

    def acted(self, request: Request, act: str, moment: Moment, who: Who, **fields: Any) -> None:
        """Somebody does something with it; staff do it for all that are joined to it."""
        if act == Act.REOPEN:
            fields |= {"counted_ns": moment.lived_ns, "late": "", "linked": ""}
        if who.kind == "resident" or act not in JOINED_ACTS:
            self._book.move(request, act, moment, actor=who, **fields)
            return
        # One of several that staff treat by itself is by itself from then on.
        self._book.move(request, act, moment, actor=who, **fields, linked="")
        for other in self._book.live(family="work"):
            if other.linked == request.id:
                self._book.move(other, act, moment, actor=who, **fields)

    def tick(self, moment: Moment) -> None:
        """Let time pass: nobody's word, and what is overdue."""
        for request in self._book.live(family="work"):
            age_s = (moment.lived_ns - request.since_ns) / S
            if request.state == State.DONE and age_s > self._options.rate_within_h * 3600:
                self._book.move(request, Act.LAPSE, moment)
                continue
            if self._is_over(request, age_s):  # weeks later, and nobody stands there to hear it
                self._book.move(request, Act.EXPIRE, moment, said=str(State.CLOSED))
                continue
            due = self.due(request)
            if due is not None and moment.lived_ns > due.at_ns:
                self._overdue(request, due, moment)

    def _is_over(self, request: Request, age_s: float) -> bool:
        """Whether nobody has pressed a face for so long that nobody will. A bad one stays."""
        waits_s = self._options.close_after_days * 86_400 - self._options.rate_within_h * 3600
        return request.state == State.REVISIT and not request.rating and age_s > max(0.0, waits_s)

    def same(self, service: Service, what: str, place: str, linkage: Who) -> Request | None:
        """The order by which that linkage has reported the same fault, while that is there."""
        wanted = (service.id, what, place, linkage)
        for one in self._book.live(family="work"):
            if (one.service, one.what, one.place, one.actor) == wanted and one.state in UNDER_WAY:
                return one
        return None

    def _overdue(self, request: Request, due: Due, moment: Moment) -> None:
        """The desk hears of it at once, and whoever is next in the duty until somebody moves."""
        if request.late != due.stage:
            late = {"late": due.stage, "steps": 0}
            request = self._told(request, moment, DESK, (DESK,), **late)
        age_ns = moment.lived_ns - due.at_ns
        wall_ns = moment.stamps.wall_ns
        calls = self._duty.due(Severity.MAJOR, request.steps, age_ns, wall_ns, again=False)
        for call in list(calls):
            request = self._told(request, moment, call.to, call.by, steps=call.step)

    def _told(
        self, request: Request, moment: Moment, to: str, by: tuple[str, ...], **fields: Any
    ) -> Request:
        moved = self._book.move(request, Act.OVERDUE, moment, told=(to, by), **fields)
        assert moved is not None, "whatever is due can be overdue"
        self._book.do(Ring(moved, to, by))
        return moved

    def _head(self, service: Service, what: str, place: str) -> str:
        """The order that this fault was first reported by; "" where it says too little."""
        choice = service.choice(what)
        if choice is None or not choice.joins:
            return ""
        for one in self._book.live(family="work"):
            same = (one.service, one.what, one.place) == (service.id, what, place)
            if same and not one.linked and one.state in UNDER_WAY:
                return one.id
        return ""

    def _within(self, request: Request) -> Within:
        """By this station's settings, else by the picture, else by the service."""
        if request.what in self._options.within:
            return self._options.within[request.what]
        service = self._services.get(request.service)
        if service is None:
            return Within()
        choice = service.choice(request.what)
        return choice.within if choice is not None and choice.within is not None else service.within
