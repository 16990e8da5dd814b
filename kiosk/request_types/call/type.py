"""The life of a call for staff: one table.

It rings until somebody answers. `alone`: nobody has for so long that the person is told a number
to dial; it goes on ringing. Once answered the person is asked whether somebody has come, and it
ends by itself some time later.
"""

from gateway.transitions import TextEnum, TransitionTable
from kiosk.request_types.call.options import CallOptions
from kiosk.requests.request_type import RequestType, TypeFlag


class CallState(TextEnum):
    """Where a call stands."""

    RINGING = "ringing"
    ESCALATED = "escalated"
    ALONE = "alone"
    ANSWERED = "answered"
    DONE = "done"
    CANCELLED = "cancelled"


class CallEvent(TextEnum):
    """What moves it.

    `RING`: the person presses again, and nobody has come yet. `ASK`: the person is asked whether
    somebody has; `COME`: they say so; `LAPSE`: nobody has said anything.
    """

    ESCALATE = "escalate"
    LEAVE = "leave"
    ANSWER = "answer"
    RING = "ring"
    CLOSE = "close"
    CANCEL = "cancel"
    ASK = "ask"
    COME = "come"
    LAPSE = "lapse"


_UNHEARD: dict[CallEvent, CallState] = {
    CallEvent.ANSWER: CallState.ANSWERED,
    CallEvent.CLOSE: CallState.DONE,
    CallEvent.CANCEL: CallState.CANCELLED,
}
_OF: dict[CallState, dict[CallEvent, CallState]] = {
    CallState.RINGING: {
        CallEvent.ESCALATE: CallState.ESCALATED,
        CallEvent.LEAVE: CallState.ALONE,
        **_UNHEARD,
    },
    CallState.ESCALATED: {
        CallEvent.ESCALATE: CallState.ESCALATED,
        CallEvent.LEAVE: CallState.ALONE,
        **_UNHEARD,
    },
    CallState.ALONE: {CallEvent.ESCALATE: CallState.ALONE, **_UNHEARD},
    CallState.ANSWERED: {
        CallEvent.RING: CallState.RINGING,
        CallEvent.CLOSE: CallState.DONE,
        CallEvent.ASK: CallState.ANSWERED,
        CallEvent.COME: CallState.DONE,
        CallEvent.LAPSE: CallState.DONE,
    },
}

# It rings.
UNHEARD = frozenset({CallState.RINGING, CallState.ESCALATED, CallState.ALONE})

TABLE = TransitionTable(
    CallState.RINGING,
    {(state, event): to for state, events in _OF.items() for event, to in events.items()},
)

TYPE = RequestType(
    name="call",
    table=TABLE,
    resident=frozenset({CallEvent.CANCEL, CallEvent.COME, CallEvent.RING}),
    staff=frozenset({CallEvent.ANSWER, CallEvent.CLOSE, CallEvent.RING}),
    flags=frozenset({TypeFlag.CALLS_STAFF, TypeFlag.AWAITED, TypeFlag.WALL_KEY, TypeFlag.LINKAGE}),
    untaken=UNHEARD,
    loud=frozenset({CallState.ESCALATED, CallState.ALONE, CallState.ANSWERED}),
    # What rings is not put away unseen.
    put_away={CallState.ANSWERED: CallEvent.CLOSE},
    options=CallOptions,
    order=20,
)
