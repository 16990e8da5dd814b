"""Rules of work orders: targets and overdue ones, joined faults, ratings. Pure.

Two promises are counted from the report, or from its reopening: that somebody takes it, and that
somebody is there; a third, from a bad word or none, that somebody comes again.
"""

from collections.abc import Mapping
from typing import Any, cast

from gateway.audit import Actor
from gateway.event import Severity
from gateway.rules.duty import DESK
from kiosk.request_types.work.options import WorkOptions
from kiosk.request_types.work.type import UNTAKEN, WorkEvent, WorkState
from kiosk.requests.catalogue import KioskService, ServiceTargets
from kiosk.requests.repository import RingEffect
from kiosk.requests.request import Press, Request, RequestAction, RequestTime, S
from kiosk.requests.rules import RequestDue, RequestRules

MIN = 60 * S
# The fault is there still: the same one, reported again, is joined.
UNDER_WAY = UNTAKEN | {WorkState.RECEIVED, WorkState.ASSIGNED, WorkState.DOING}

# What staff do about a fault, they do for everybody who has reported it.
JOINED_ACTS = frozenset({WorkEvent.RECEIVE, WorkEvent.ASSIGN, WorkEvent.START, WorkEvent.FINISH})


class WorkRules(RequestRules):
    """The work orders in the book; the duty is told of what is overdue."""

    def options(self, service: str) -> WorkOptions:
        """The settings of that service."""
        return cast(WorkOptions, super().options(service))

    def initial_fields(
        self, service: KioskService, press: Press, place: str, moment: RequestTime, *, danger: bool
    ) -> dict[str, Any]:
        """The start of its targets, and the order that first reported the same fault."""
        del danger
        return {"counted_ns": moment.lived_ns, "linked": self._head(service, press.what, place)}

    def next_due(self, request: Request) -> RequestDue | None:
        """The next target of the order, if it has one."""
        within = self._within(request)
        if request.state in UNTAKEN:
            return RequestDue("take", request.counted_ns + within.take_min * MIN)
        if request.state in (WorkState.RECEIVED, WorkState.ASSIGNED):
            return RequestDue("come", request.counted_ns + within.come_min * MIN)
        if request.state == WorkState.REVISIT:
            return RequestDue("revisit", request.since_ns + within.revisit_min * MIN)
        return None

    def apply_action(
        self,
        request: Request,
        deed: RequestAction,
        moment: RequestTime,
        who: Actor,
        fields: dict[str, Any],
    ) -> None:
        """Apply an action; what staff do also applies to the joined orders."""
        act = deed.act
        if act == WorkEvent.REOPEN:
            fields |= {"counted_ns": moment.lived_ns, "late": "", "linked": ""}
        if who.kind == "resident" or act not in JOINED_ACTS:
            self.repository.apply_event(request, act, moment, actor=who, **fields)
            return
        # One of several that staff treat by itself is by itself from then on.
        self.repository.apply_event(request, act, moment, actor=who, **fields, linked="")
        for other in self.repository.open_requests(family=self.type.name):
            if other.linked == request.id:
                self.repository.apply_event(other, act, moment, actor=who, **fields)

    def keep_s(self, request: Request) -> float:
        """As long as the order may be reopened."""
        return self.options(request.service).reopen_within_days * 86_400

    def phones(self, service: str) -> Mapping[str, str]:
        """The numbers of its options."""
        return self.options(service).phones

    def tick(self, moment: RequestTime) -> None:
        """Close unrated orders and escalate overdue ones."""
        for request in self.repository.open_requests(family=self.type.name):
            age_s = (moment.lived_ns - request.since_ns) / S
            if (
                request.state == WorkState.DONE
                and age_s > self.options(request.service).rate_within_h * 3600
            ):
                self.repository.apply_event(request, WorkEvent.LAPSE, moment)
                continue
            if self._is_over(request, age_s):  # weeks later, and nobody stands there to hear it
                self.repository.apply_event(
                    request, WorkEvent.EXPIRE, moment, said=str(WorkState.CLOSED)
                )
                continue
            due = self.next_due(request)
            if due is not None and moment.lived_ns > due.at_ns:
                self._overdue(request, due, moment)

    def _is_over(self, request: Request, age_s: float) -> bool:
        """Whether the order waits too long for a rating. A bad rating keeps it open."""
        options = self.options(request.service)
        waits_s = options.close_after_days * 86_400 - options.rate_within_h * 3600
        return (
            request.state == WorkState.REVISIT and not request.rating and age_s > max(0.0, waits_s)
        )

    def find_same(
        self, service: KioskService, press: Press, place: str, actor: Actor
    ) -> Request | None:
        """The open order by which the same linkage reported the same fault."""
        if actor.kind != "linkage":
            return None
        wanted = (service.id, press.what, place, actor)
        for one in self.repository.open_requests(family=self.type.name):
            if (one.service, one.what, one.place, one.actor) == wanted and one.state in UNDER_WAY:
                return one
        return None

    def _overdue(self, request: Request, due: RequestDue, moment: RequestTime) -> None:
        """Tell the desk at once, then follow the duty until somebody acts."""
        if request.late != due.stage:
            late = {"late": due.stage, "steps": 0}
            request = self._told(request, moment, DESK, (DESK,), **late)
        age_ns = moment.lived_ns - due.at_ns
        wall_ns = moment.stamps.wall_ns
        calls = self.duty.due(Severity.MAJOR, request.steps, age_ns, wall_ns, again=False)
        for call in list(calls):
            request = self._told(request, moment, call.to, call.by, steps=call.step)

    def _told(
        self, request: Request, moment: RequestTime, to: str, by: tuple[str, ...], **fields: Any
    ) -> Request:
        moved = self.repository.apply_event(
            request, WorkEvent.OVERDUE, moment, told=(to, by), **fields
        )
        assert moved is not None, "whatever is due can be overdue"
        self.repository.add_effect(RingEffect(moved, to, by))
        return moved

    def _head(self, service: KioskService, what: str, place: str) -> str:
        """The order that first reported this fault; "" if the option does not join."""
        choice = service.find_option(what)
        if choice is None or not choice.joins:
            return ""
        for one in self.repository.open_requests(family=self.type.name):
            same = (one.service, one.what, one.place) == (service.id, what, place)
            if same and not one.linked and one.state in UNDER_WAY:
                return one.id
        return ""

    def _within(self, request: Request) -> ServiceTargets:
        """The targets of the station's settings, else of the option, else of the service."""
        own = self.options(request.service).within.get(request.what)
        if own is not None:
            return own
        service = self.services.get(request.service)
        if service is None:
            return ServiceTargets()
        choice = service.find_option(request.what)
        return choice.within if choice is not None and choice.within is not None else service.within


RULES = WorkRules
