"""Rules of calls for staff: ring at once, then escalate until somebody answers.

An answered call is over when somebody says so at the desk or at the kiosk; else by itself. One of
danger rings again instead: nobody has said that the lift is open.

The local network alone is enough: nothing here waits for a disk or a platform. Pure.
"""

from typing import Any

from gateway.audit import Actor
from gateway.event import Severity
from gateway.rules.duty import DESK
from kiosk.request_types.call.type import UNHEARD, CallEvent, CallState
from kiosk.requests.catalogue import KioskService
from kiosk.requests.repository import SYSTEM, RingEffect
from kiosk.requests.request import Press, Request, RequestAction, RequestTime, S
from kiosk.requests.request_type import RequestType
from kiosk.requests.rules import RequestRules, RuleContext

# Who presses again so long after being answered is still waiting: it rings once more.
AGAIN_S = 60.0

# So long after the answer the person is asked whether somebody has come; and it is over.
ASK_S, LAPSE_S = 300.0, 900.0


class CallRules(RequestRules):
    """The calls in the book."""

    def __init__(self, type_: RequestType, context: RuleContext) -> None:
        super().__init__(type_, context)
        self._ringing: set[tuple[str, int]] = set()

    def initial_fields(
        self, service: KioskService, press: Press, place: str, moment: RequestTime, *, danger: bool
    ) -> dict[str, Any]:
        """The time of the first ring, and whether it is an emergency."""
        del service, press, place
        return {"rang_ns": moment.lived_ns, "urgent": danger}

    def start_request(self, request: Request, moment: RequestTime) -> Request:
        """Ring at the desk at once."""
        del moment
        self._ring(request)
        return request

    def resume(self, moment: RequestTime) -> None:
        """Ring unanswered calls again."""
        del moment
        for request in self.repository.open_requests(family=self.type.name):
            if request.state in UNHEARD:
                self._ring(request)

    def _ring(self, request: Request) -> None:
        self.repository.add_effect(RingEffect(request, DESK, (DESK,)))

    def repeat_press(self, request: Request, moment: RequestTime) -> Request:
        """Ring again if the answered person is still waiting."""
        waited_s = (moment.lived_ns - request.since_ns) / S
        if request.state != CallState.ANSWERED or waited_s < AGAIN_S:
            return request
        self._move(request, CallEvent.RING, moment, request.actor, {})
        return self.repository.requests[request.id]

    def apply_action(
        self,
        request: Request,
        deed: RequestAction,
        moment: RequestTime,
        who: Actor,
        fields: dict[str, Any],
    ) -> None:
        """Apply an action; `RING` starts the escalation anew."""
        self._move(request, deed.act, moment, who, fields)

    def _move(
        self, request: Request, act: str, moment: RequestTime, who: Actor, fields: dict[str, Any]
    ) -> None:
        if act == CallEvent.RING:
            fields |= {"rang_ns": moment.lived_ns, "steps": 0}
            self._ringing = {one for one in self._ringing if one[0] != request.id}
        moved = self.repository.apply_event(request, act, moment, actor=who, asked=False, **fields)
        if moved is not None and act == CallEvent.RING:
            self._ring(moved)

    def tick(self, moment: RequestTime) -> None:
        """Escalate unanswered calls and settle answered ones."""
        for request in self.repository.open_requests(family=self.type.name):
            if request.state in UNHEARD:
                self._further(request, moment)
            else:
                self._settle(request, moment)

    def _settle(self, request: Request, moment: RequestTime) -> None:
        """Ask the person whether staff have come; later end the call without a word."""
        age_s = (moment.lived_ns - request.since_ns) / S
        if age_s >= LAPSE_S and request.urgent:
            self._move(request, CallEvent.RING, moment, SYSTEM, {})
        elif age_s >= LAPSE_S:
            self.repository.apply_event(
                request, CallEvent.LAPSE, moment, said=str(CallState.DONE), asked=False
            )
        elif age_s >= ASK_S and not request.asked:
            self.repository.apply_event(request, CallEvent.ASK, moment, asked=True)

    def _further(self, request: Request, moment: RequestTime) -> None:
        severity = Severity.CRITICAL if request.urgent else Severity.MAJOR
        age_ns = moment.lived_ns - request.rang_ns
        wall_ns = moment.stamps.wall_ns
        under_way = (step for id_, step in self._ringing if id_ == request.id)
        steps = max(request.steps, *under_way, 0)
        due = self.duty.due(severity, steps, age_ns, wall_ns, again=request.urgent)
        for call in due:
            self._ringing.add((request.id, call.step))
            self.repository.add_effect(RingEffect(request, call.to, call.by, call.step))
        if request.state != CallState.ALONE and age_ns >= self.options(request.service).alone_s * S:
            self.repository.apply_event(request, CallEvent.LEAVE, moment)

    def record_ring(self, ring: RingEffect, reached: tuple[str, ...], moment: RequestTime) -> None:
        """Record an escalation step; one that reached nobody is not reported as taken."""
        request = self.repository.requests.get(ring.request.id)
        known = (ring.request.id, ring.step)
        if known not in self._ringing:
            return
        self._ringing.discard(known)
        if request is None or request.state not in UNHEARD:
            return
        steps = max(request.steps, ring.step)
        if reached:
            told = (ring.to, reached)
            self.repository.apply_event(request, CallEvent.ESCALATE, moment, told=told, steps=steps)
        else:
            self.repository.update_request(request, steps=steps)


RULES = CallRules
