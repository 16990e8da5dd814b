"""The life of a work order: one table. Pure.

It may wait for weeks and still matters. `done` waits for the person's word on it, one of three
faces; nobody's word, or a bad one, is a visit owed (`revisit`).
"""

from kiosk.flows.family import Family, Word


class State(Word):
    """Where a work order stands."""

    REPORTED = "reported"
    RECEIVED = "received"
    ASSIGNED = "assigned"
    DOING = "doing"
    DONE = "done"
    REVISIT = "revisit"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Act(Word):
    """What moves it.

    `PRAISE` and `COMPLAIN`: the faces; `LAPSE`: nobody has pressed one. `EXPIRE`: still nobody
    has, long after it was done.

    `OVERDUE`: what was promised of it has not come about, and somebody is told.
    """

    RECEIVE = "receive"
    ASSIGN = "assign"
    START = "start"
    FINISH = "finish"
    PRAISE = "praise"
    COMPLAIN = "complain"
    LAPSE = "lapse"
    REOPEN = "reopen"
    CLOSE = "close"
    CANCEL = "cancel"
    OVERDUE = "overdue"
    EXPIRE = "expire"


_TAKEN: dict[Act, State] = {
    Act.ASSIGN: State.ASSIGNED,
    Act.START: State.DOING,
    Act.FINISH: State.DONE,
    Act.CANCEL: State.CANCELLED,
}
_OF: dict[State, dict[Act, State]] = {
    State.REPORTED: {
        Act.RECEIVE: State.RECEIVED,
        **_TAKEN,
        Act.OVERDUE: State.REPORTED,
    },
    State.RECEIVED: {**_TAKEN, Act.OVERDUE: State.RECEIVED},
    State.ASSIGNED: {**_TAKEN, Act.OVERDUE: State.ASSIGNED},
    State.DOING: {Act.ASSIGN: State.ASSIGNED, Act.FINISH: State.DONE},
    State.DONE: {
        Act.PRAISE: State.CLOSED,
        Act.COMPLAIN: State.REVISIT,
        Act.LAPSE: State.REVISIT,
        Act.CLOSE: State.CLOSED,
        Act.REOPEN: State.REOPENED,
    },
    State.REVISIT: {
        Act.PRAISE: State.CLOSED,
        Act.CLOSE: State.CLOSED,
        Act.REOPEN: State.REOPENED,
        Act.OVERDUE: State.REVISIT,
        Act.EXPIRE: State.CLOSED,
    },
    State.REOPENED: {
        Act.RECEIVE: State.RECEIVED,
        **_TAKEN,
        Act.OVERDUE: State.REOPENED,
    },
    State.CLOSED: {Act.REOPEN: State.REOPENED},
}

TABLE = {(state, act): target for state, acts in _OF.items() for act, target in acts.items()}

FAMILY = Family(
    name="work",
    start=State.REPORTED,
    table=TABLE,
    ends=frozenset({State.CLOSED, State.CANCELLED}),
    resident=frozenset({Act.PRAISE, Act.COMPLAIN, Act.REOPEN, Act.CANCEL}),
    staff=frozenset(
        {Act.RECEIVE, Act.ASSIGN, Act.START, Act.FINISH, Act.CLOSE, Act.REOPEN, Act.CANCEL}
    ),
)
