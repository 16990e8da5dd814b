"""The life of a call for staff: one table. Pure.

It rings until somebody answers. `alone`: nobody has for so long that the person is told a number
to dial; it goes on ringing. Once answered the person is asked whether somebody has come, and it
ends by itself some time later.
"""

from kiosk.flows.family import Family, Word


class State(Word):
    """Where a call stands."""

    RINGING = "ringing"
    ESCALATED = "escalated"
    ALONE = "alone"
    ANSWERED = "answered"
    DONE = "done"
    CANCELLED = "cancelled"


class Act(Word):
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


_UNHEARD: dict[Act, State] = {
    Act.ANSWER: State.ANSWERED,
    Act.CLOSE: State.DONE,
    Act.CANCEL: State.CANCELLED,
}
_OF: dict[State, dict[Act, State]] = {
    State.RINGING: {Act.ESCALATE: State.ESCALATED, Act.LEAVE: State.ALONE, **_UNHEARD},
    State.ESCALATED: {Act.ESCALATE: State.ESCALATED, Act.LEAVE: State.ALONE, **_UNHEARD},
    State.ALONE: {Act.ESCALATE: State.ALONE, **_UNHEARD},
    State.ANSWERED: {
        Act.RING: State.RINGING,
        Act.CLOSE: State.DONE,
        Act.ASK: State.ANSWERED,
        Act.COME: State.DONE,
        Act.LAPSE: State.DONE,
    },
}

TABLE = {(state, act): target for state, acts in _OF.items() for act, target in acts.items()}

UNHEARD = frozenset({State.RINGING, State.ESCALATED, State.ALONE})
"""It rings."""

FAMILY = Family(
    name="call",
    start=State.RINGING,
    table=TABLE,
    ends=frozenset({State.DONE, State.CANCELLED}),
    resident=frozenset({Act.CANCEL, Act.COME, Act.RING}),
    staff=frozenset({Act.ANSWER, Act.CLOSE, Act.RING}),
)
