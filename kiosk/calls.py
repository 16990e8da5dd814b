"""What moves a call for staff: it rings at once, and further and further until somebody answers.

An answered call is over when somebody says so at the desk or at the kiosk; else by itself. One of
danger rings again instead: nobody has said that the lift is open.

The local network alone is enough: nothing here waits for a disk or a platform. Pure.
"""

from typing import Any

from gateway.audit import Who
from gateway.event import Severity
from gateway.rules.duty import DESK, Duty
from kiosk.book import SYSTEM, Book, Ring
from kiosk.flows.call import UNHEARD, Act, State
from kiosk.options import CallOptions
from kiosk.request import Moment, Request, S

AGAIN_S = 60.0
"""Who presses again so long after being answered is still waiting: it rings once more."""

ASK_S, LAPSE_S = 300.0, 900.0
"""So long after the answer the person is asked whether somebody has come; and it is over."""


class Calls:
    """The calls in the book."""

    def __init__(self, book: Book, options: CallOptions, duty: Duty) -> None:
        """`duty` says who is told when, and by what."""
        self._book = book
        self._options = options
        self._duty = duty
        self._ringing: set[tuple[str, int]] = set()

    def ring(self, request: Request) -> None:
        """At the desk, now."""
        self._book.do(Ring(request, DESK, (DESK,)))

    def pressed_again(self, request: Request, moment: Moment) -> Request:
        """The person is still waiting."""
        waited_s = (moment.lived_ns - request.since_ns) / S
        if request.state != State.ANSWERED or waited_s < AGAIN_S:
            return request
        self.acted(request, Act.RING, moment, request.actor)
        return self._book.requests[request.id]

    def acted(self, request: Request, act: str, moment: Moment, who: Who, **fields: Any) -> None:
        """Somebody does something with it, as its table allows; `RING` is a call from now on."""
        if act == Act.RING:
            fields |= {"rang_ns": moment.lived_ns, "steps": 0}
            self._ringing = {one for one in self._ringing if one[0] != request.id}
        moved = self._book.move(request, act, moment, actor=who, asked=False, **fields)
        if moved is not None and act == Act.RING:
            self.ring(moved)

    def tick(self, moment: Moment) -> None:
        """Let time pass: whoever is next is told, and at last the person."""
        for request in self._book.live(family="call"):
            if request.state in UNHEARD:
                self._further(request, moment)
            else:
                self._settle(request, moment)

    def _settle(self, request: Request, moment: Moment) -> None:
        """Somebody is on the way: ask whether they have come; without a word it ends in silence."""
        age_s = (moment.lived_ns - request.since_ns) / S
        if age_s >= LAPSE_S and request.urgent:
            self.acted(request, Act.RING, moment, SYSTEM)
        elif age_s >= LAPSE_S:
            self._book.move(request, Act.LAPSE, moment, said=str(State.DONE), asked=False)
        elif age_s >= ASK_S and not request.asked:
            self._book.move(request, Act.ASK, moment, asked=True)

    def _further(self, request: Request, moment: Moment) -> None:
        severity = Severity.CRITICAL if request.urgent else Severity.MAJOR
        age_ns = moment.lived_ns - request.rang_ns
        wall_ns = moment.stamps.wall_ns
        under_way = (step for id_, step in self._ringing if id_ == request.id)
        steps = max(request.steps, *under_way, 0)
        due = self._duty.due(severity, steps, age_ns, wall_ns, again=request.urgent)
        for call in due:
            self._ringing.add((request.id, call.step))
            self._book.do(Ring(request, call.to, call.by, call.step))
        if request.state != State.ALONE and age_ns >= self._options.alone_s * S:
            self._book.move(request, Act.LEAVE, moment)

    def rung(self, ring: Ring, reached: tuple[str, ...], moment: Moment) -> None:
        """A step has been taken, and told by those channels; what reached nobody is not claimed."""
        request = self._book.requests.get(ring.request.id)
        known = (ring.request.id, ring.step)
        if known not in self._ringing:
            return
        self._ringing.discard(known)
        if request is None or request.state not in UNHEARD:
            return
        steps = max(request.steps, ring.step)
        if reached:
            told = (ring.to, reached)
            self._book.move(request, Act.ESCALATE, moment, told=told, steps=steps)
        else:
            self._book.change(request, steps=steps)
