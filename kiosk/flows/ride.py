"""The life of a ride: one table. Pure.

A ride is live only while it can be true. `asking`: a dispatcher is being asked, or the desk.
`again`: the driver gave it up, and it is asked once more. `checking`: it may have been taken,
and whoever was asked is being asked whether it was; nobody else is asked meanwhile.
"""

from kiosk.flows.family import Family, Word


class State(Word):
    """Where a ride stands."""

    ASKING = "asking"
    SEARCHING = "searching"
    AGAIN = "again"
    ASSIGNED = "assigned"
    ARRIVED = "arrived"
    CHECKING = "checking"
    BOARDED = "boarded"
    CANCELLED = "cancelled"
    NO_CAR = "no-car"
    AWAY = "away"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    LATE = "late"


class Act(Word):
    """What moves it.

    `NEXT`: the next road is asked. `DOUBT`: asked, and no answer, or whoever was asked is gone.
    `AWAY`: no road is open. `LOSE`: the driver gave it up. `LATE`: a car was named after it had
    ended, and is therefore called off. `LEAVE`: the person gets in, and says so.
    """

    NEXT = "next"
    ACCEPT = "accept"
    ASSIGN = "assign"
    ARRIVE = "arrive"
    BOARD = "board"
    DOUBT = "doubt"
    REFUSE = "refuse"
    AWAY = "away"
    LOSE = "lose"
    EXPIRE = "expire"
    GIVE_UP = "give-up"
    CANCEL = "cancel"
    LATE = "late"
    LEAVE = "leave"


_ASKED: dict[Act, State] = {
    Act.ACCEPT: State.SEARCHING,
    Act.ASSIGN: State.ASSIGNED,
    Act.ARRIVE: State.ARRIVED,
    Act.BOARD: State.BOARDED,
    Act.DOUBT: State.CHECKING,
    Act.REFUSE: State.NO_CAR,
    Act.AWAY: State.AWAY,
    Act.EXPIRE: State.EXPIRED,
    Act.CANCEL: State.CANCELLED,
}
_COMING: dict[Act, State] = {
    Act.ARRIVE: State.ARRIVED,
    Act.BOARD: State.BOARDED,
    Act.DOUBT: State.CHECKING,
    Act.LOSE: State.AGAIN,
    Act.REFUSE: State.NO_CAR,
    Act.CANCEL: State.CANCELLED,
}
_OF: dict[State, dict[Act, State]] = {
    State.ASKING: {Act.NEXT: State.ASKING, **_ASKED},
    State.AGAIN: {Act.NEXT: State.AGAIN, **_ASKED},
    State.SEARCHING: {
        Act.ASSIGN: State.ASSIGNED,
        Act.ARRIVE: State.ARRIVED,
        Act.BOARD: State.BOARDED,
        Act.DOUBT: State.CHECKING,
        Act.REFUSE: State.NO_CAR,
        Act.EXPIRE: State.EXPIRED,
        Act.CANCEL: State.CANCELLED,
    },
    State.ASSIGNED: {Act.ASSIGN: State.ASSIGNED, **_COMING, Act.GIVE_UP: State.UNKNOWN},
    State.ARRIVED: {Act.ASSIGN: State.ASSIGNED, **_COMING, Act.LEAVE: State.BOARDED},
    State.CHECKING: {
        Act.NEXT: State.ASKING,
        Act.ACCEPT: State.SEARCHING,
        Act.ASSIGN: State.ASSIGNED,
        Act.ARRIVE: State.ARRIVED,
        Act.BOARD: State.BOARDED,
        Act.REFUSE: State.NO_CAR,
        Act.EXPIRE: State.EXPIRED,
        Act.GIVE_UP: State.UNKNOWN,
        Act.CANCEL: State.CANCELLED,
    },
    State.NO_CAR: {Act.LATE: State.LATE},
    State.EXPIRED: {Act.LATE: State.LATE},
    State.UNKNOWN: {Act.LATE: State.LATE},
}

TABLE = {(state, act): target for state, acts in _OF.items() for act, target in acts.items()}
"""What is not here cannot happen: for a person it is refused, from a dispatcher it is too late."""

FAILED = frozenset({State.NO_CAR, State.AWAY, State.EXPIRED, State.UNKNOWN})
"""No car comes: these end in a person, who is called without being asked."""

FAMILY = Family(
    name="ride",
    start=State.ASKING,
    table=TABLE,
    ends=frozenset({State.BOARDED, State.CANCELLED, State.LATE}) | FAILED,
    resident=frozenset({Act.CANCEL, Act.LEAVE}),
    staff=frozenset({Act.ACCEPT, Act.ASSIGN, Act.ARRIVE, Act.BOARD, Act.REFUSE, Act.CANCEL}),
)
