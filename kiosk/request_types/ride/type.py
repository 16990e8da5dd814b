"""The life of a ride: one table.

A ride is live only while it can be true. `asking`: a dispatcher is being asked, or the desk.
`again`: the driver gave it up, and it is asked once more. `checking`: it may have been taken,
and whoever was asked is being asked whether it was; nobody else is asked meanwhile.
"""

from gateway.transitions import TextEnum, TransitionTable
from kiosk.request_types.ride.options import RideOptions
from kiosk.requests.request_type import RequestType, TypeFlag


class RideState(TextEnum):
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


class RideEvent(TextEnum):
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


_ASKED: dict[RideEvent, RideState] = {
    RideEvent.ACCEPT: RideState.SEARCHING,
    RideEvent.ASSIGN: RideState.ASSIGNED,
    RideEvent.ARRIVE: RideState.ARRIVED,
    RideEvent.BOARD: RideState.BOARDED,
    RideEvent.DOUBT: RideState.CHECKING,
    RideEvent.REFUSE: RideState.NO_CAR,
    RideEvent.AWAY: RideState.AWAY,
    RideEvent.EXPIRE: RideState.EXPIRED,
    RideEvent.CANCEL: RideState.CANCELLED,
}
_COMING: dict[RideEvent, RideState] = {
    RideEvent.ARRIVE: RideState.ARRIVED,
    RideEvent.BOARD: RideState.BOARDED,
    RideEvent.DOUBT: RideState.CHECKING,
    RideEvent.LOSE: RideState.AGAIN,
    RideEvent.REFUSE: RideState.NO_CAR,
    RideEvent.CANCEL: RideState.CANCELLED,
}
_OF: dict[RideState, dict[RideEvent, RideState]] = {
    RideState.ASKING: {RideEvent.NEXT: RideState.ASKING, **_ASKED},
    RideState.AGAIN: {RideEvent.NEXT: RideState.AGAIN, **_ASKED},
    RideState.SEARCHING: {
        RideEvent.ASSIGN: RideState.ASSIGNED,
        RideEvent.ARRIVE: RideState.ARRIVED,
        RideEvent.BOARD: RideState.BOARDED,
        RideEvent.DOUBT: RideState.CHECKING,
        RideEvent.REFUSE: RideState.NO_CAR,
        RideEvent.EXPIRE: RideState.EXPIRED,
        RideEvent.CANCEL: RideState.CANCELLED,
    },
    RideState.ASSIGNED: {
        RideEvent.ASSIGN: RideState.ASSIGNED,
        **_COMING,
        RideEvent.GIVE_UP: RideState.UNKNOWN,
    },
    RideState.ARRIVED: {
        RideEvent.ASSIGN: RideState.ASSIGNED,
        **_COMING,
        RideEvent.LEAVE: RideState.BOARDED,
    },
    RideState.CHECKING: {
        RideEvent.NEXT: RideState.ASKING,
        RideEvent.ACCEPT: RideState.SEARCHING,
        RideEvent.ASSIGN: RideState.ASSIGNED,
        RideEvent.ARRIVE: RideState.ARRIVED,
        RideEvent.BOARD: RideState.BOARDED,
        RideEvent.REFUSE: RideState.NO_CAR,
        RideEvent.EXPIRE: RideState.EXPIRED,
        RideEvent.GIVE_UP: RideState.UNKNOWN,
        RideEvent.CANCEL: RideState.CANCELLED,
    },
    RideState.NO_CAR: {RideEvent.LATE: RideState.LATE},
    RideState.EXPIRED: {RideEvent.LATE: RideState.LATE},
    RideState.UNKNOWN: {RideEvent.LATE: RideState.LATE},
}

# No car comes: these end in a person, who is called without being asked.
FAILED = frozenset({RideState.NO_CAR, RideState.AWAY, RideState.EXPIRED, RideState.UNKNOWN})

# The ends are not final: a car that comes after all must still be called off (`LATE`).
TABLE = TransitionTable(
    RideState.ASKING,
    {(state, event): to for state, events in _OF.items() for event, to in events.items()},
    ends=FAILED | {RideState.BOARDED, RideState.CANCELLED, RideState.LATE},
)

TYPE = RequestType(
    name="ride",
    table=TABLE,
    resident=frozenset({RideEvent.CANCEL, RideEvent.LEAVE}),
    staff=frozenset(
        {
            *(RideEvent.ACCEPT, RideEvent.ASSIGN, RideEvent.ARRIVE),
            *(RideEvent.BOARD, RideEvent.REFUSE, RideEvent.CANCEL),
        }
    ),
    flags=frozenset({TypeFlag.AWAITED, TypeFlag.WALL_KEY, TypeFlag.DISPATCHED}),
    untaken=frozenset({RideState.ASKING, RideState.AGAIN}),
    failing=FAILED,
    untimed=frozenset({RideState.ASSIGNED, RideState.ARRIVED}),
    loud=frozenset({RideState.ARRIVED}),
    options=RideOptions,
    # A child who presses on and on empties no rank. Then a person helps.
    kiosk_max=5,
    order=10,
)
