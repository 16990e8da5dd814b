"""What moves a call for staff: it rings at once, and further and further until somebody answers.

The local network alone is enough: nothing here waits for a disk or a platform. Pure.
"""

from gateway.event import Severity
from gateway.rules.duty import DESK, Duty
from kiosk.book import Book, Ring
from kiosk.flows.call import UNHEARD, Act, State
from kiosk.options import CallOptions
from kiosk.request import Moment, Request, S

AGAIN_S = 60.0
"""Who presses again so long after being answered is still waiting: it rings once more."""


class Calls:
    """The calls in the book."""

    def __init__(self, book: Book, options: CallOptions, duty: Duty) -> None:
        """`duty` says who is told when, and by what."""
        self._book = book
        self._options = options
        self._duty = duty

    def ring(self, request: Request) -> None:
        """At the desk, now."""
        self._book.do(Ring(request, DESK, (DESK,)))

    def pressed_again(self, request: Request, moment: Moment) -> Request:
        """The person is still waiting."""
        waited_s = (moment.lived_ns - request.since_ns) / S
        if request.state != State.ANSWERED or waited_s < AGAIN_S:
            return request
        moved = self._book.move(
            request, Act.RING, moment, actor=request.actor, rang_ns=moment.lived_ns, steps=0
        )
        assert moved is not None
        self.ring(moved)
        return moved

    def tick(self, moment: Moment) -> None:
        """Let time pass: whoever is next is told, and at last the person."""
        for request in self._book.live(family="call"):
            if request.state in UNHEARD:
                self._further(request, moment)

    def _further(self, request: Request, moment: Moment) -> None:
        severity = Severity.CRITICAL if request.urgent else Severity.MAJOR
        age_ns = moment.lived_ns - request.rang_ns
        wall_ns = moment.stamps.wall_ns
        for call in list(self._duty.due(severity, request.steps, age_ns, wall_ns)):
            told = (call.to, call.by)
            moved = self._book.move(request, Act.ESCALATE, moment, told=told, steps=call.step)
            assert moved is not None
            self._book.do(Ring(moved, call.to, call.by))
            request = moved
        if request.state != State.ALONE and age_ns >= self._options.alone_s * S:
            self._book.move(request, Act.LEAVE, moment)
