"""The life of a work order: one table.

It may wait for weeks and still matters. `done` waits for the person's word on it, one of three
faces; nobody's word, or a bad one, is a visit owed (`revisit`).
"""

from gateway.transitions import TextEnum, TransitionTable
from kiosk.request_types.work.options import WorkOptions
from kiosk.requests.request_type import RequestType, TypeFlag


class WorkState(TextEnum):
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


class WorkEvent(TextEnum):
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


_TAKEN: dict[WorkEvent, WorkState] = {
    WorkEvent.ASSIGN: WorkState.ASSIGNED,
    WorkEvent.START: WorkState.DOING,
    WorkEvent.FINISH: WorkState.DONE,
    WorkEvent.CANCEL: WorkState.CANCELLED,
}
_OF: dict[WorkState, dict[WorkEvent, WorkState]] = {
    WorkState.REPORTED: {
        WorkEvent.RECEIVE: WorkState.RECEIVED,
        **_TAKEN,
        WorkEvent.OVERDUE: WorkState.REPORTED,
    },
    WorkState.RECEIVED: {**_TAKEN, WorkEvent.OVERDUE: WorkState.RECEIVED},
    WorkState.ASSIGNED: {**_TAKEN, WorkEvent.OVERDUE: WorkState.ASSIGNED},
    WorkState.DOING: {WorkEvent.ASSIGN: WorkState.ASSIGNED, WorkEvent.FINISH: WorkState.DONE},
    WorkState.DONE: {
        WorkEvent.PRAISE: WorkState.CLOSED,
        WorkEvent.COMPLAIN: WorkState.REVISIT,
        WorkEvent.LAPSE: WorkState.REVISIT,
        WorkEvent.CLOSE: WorkState.CLOSED,
        WorkEvent.REOPEN: WorkState.REOPENED,
    },
    WorkState.REVISIT: {
        WorkEvent.PRAISE: WorkState.CLOSED,
        WorkEvent.CLOSE: WorkState.CLOSED,
        WorkEvent.REOPEN: WorkState.REOPENED,
        WorkEvent.OVERDUE: WorkState.REVISIT,
        WorkEvent.EXPIRE: WorkState.CLOSED,
    },
    WorkState.REOPENED: {
        WorkEvent.RECEIVE: WorkState.RECEIVED,
        **_TAKEN,
        WorkEvent.OVERDUE: WorkState.REOPENED,
    },
    WorkState.CLOSED: {WorkEvent.REOPEN: WorkState.REOPENED},
}

TABLE = TransitionTable(
    WorkState.REPORTED,
    {(state, event): to for state, events in _OF.items() for event, to in events.items()},
    ends={WorkState.CLOSED, WorkState.CANCELLED},  # a closed one may be reopened
)

# Nobody has taken it.
UNTAKEN = frozenset({WorkState.REPORTED, WorkState.REOPENED})

TYPE = RequestType(
    name="work",
    table=TABLE,
    resident=frozenset({WorkEvent.PRAISE, WorkEvent.COMPLAIN, WorkEvent.REOPEN, WorkEvent.CANCEL}),
    staff=frozenset(
        {
            *(WorkEvent.RECEIVE, WorkEvent.ASSIGN, WorkEvent.START, WorkEvent.FINISH),
            *(WorkEvent.CLOSE, WorkEvent.REOPEN, WorkEvent.CANCEL),
        }
    ),
    flags=frozenset({TypeFlag.NEEDS_DISK, TypeFlag.LINKAGE}),
    untaken=UNTAKEN,
    put_away={
        state: next(
            event for event in (WorkEvent.CLOSE, WorkEvent.CANCEL) if (state, event) in TABLE
        )
        for state in WorkState
        if not {WorkEvent.CLOSE, WorkEvent.CANCEL}.isdisjoint(TABLE.allowed(state))
    },
    options=WorkOptions,
    picture_keys=("phones", "within"),
    order=30,
)
