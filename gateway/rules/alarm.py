"""The life of an alarm after ISA-18.2: one table. Pure."""

import enum

import msgspec

from drivers.contract import Value
from gateway.event import Severity
from gateway.transitions import TransitionTable


class State(enum.Enum):
    """Where an alarm stands."""

    CLEARED = "cleared"
    RAISED = "raised"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    RESTING = "resting"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"


class Act(enum.Enum):
    """What moves it.

    `ATTEND`: somebody has come. `SETTLE`: it was quiet for long enough. `RESUME` and `LAPSE`: shelf
    or suppression has ended, and the condition is still there, or not; `LATCH`: it is not, and
    somebody must see it all the same.
    """

    RAISE = "raise"
    RETURN = "return"
    ACKNOWLEDGE = "acknowledge"
    ATTEND = "attend"
    ESCALATE = "escalate"
    SETTLE = "settle"
    SHELVE = "shelve"
    SUPPRESS = "suppress"
    RESUME = "resume"
    LATCH = "latch"
    LAPSE = "lapse"


# The states are those of ISA-18.2, the standard of alarm management, with two of our own. An alarm
# is *raised* when its condition holds and its rule's delays have passed. Staff *acknowledge* it:
# they have seen it and see to it. If nobody does so in time, the next step of the roster is called
# and the alarm is *escalated*. When the condition goes, an alarm that was acknowledged is over;
# one that was not is *returned*, and stays on the board until somebody has seen that it was there.
#
# *Resting* is ours: acknowledged and gone, but only just. If the condition comes again within the
# rule's flap time, it is the same alarm and nobody is woken twice. *Shelved* (by a person, for a
# time) and *suppressed* (by maintenance, or by a parent that explains it) alarms are silent; the
# condition may come and go meanwhile, and what follows is decided when the silence ends: `RESUME`
# where it holds, `LAPSE` where it does not, `LATCH` where it does not but must be seen all the
# same.
#
# *Cleared* is no alarm at all: nothing is stored under that state, which is start and end at once.
# A pair that is missing cannot happen: a person is refused, and for the engine it is a mistake.
TABLE: TransitionTable[State, Act] = TransitionTable(
    State.CLEARED,
    {
        (State.CLEARED, Act.RAISE): State.RAISED,
        (State.CLEARED, Act.SUPPRESS): State.SUPPRESSED,
        (State.RAISED, Act.ACKNOWLEDGE): State.ACKNOWLEDGED,
        (State.RAISED, Act.ATTEND): State.ACKNOWLEDGED,
        (State.RAISED, Act.ESCALATE): State.ESCALATED,
        (State.RAISED, Act.RETURN): State.RETURNED,
        (State.RAISED, Act.SHELVE): State.SHELVED,
        (State.RAISED, Act.SUPPRESS): State.SUPPRESSED,
        (State.ESCALATED, Act.ESCALATE): State.ESCALATED,
        (State.ESCALATED, Act.ACKNOWLEDGE): State.ACKNOWLEDGED,
        (State.ESCALATED, Act.ATTEND): State.ACKNOWLEDGED,
        (State.ESCALATED, Act.RETURN): State.RETURNED,
        (State.ESCALATED, Act.SHELVE): State.SHELVED,
        (State.ESCALATED, Act.SUPPRESS): State.SUPPRESSED,
        (State.ACKNOWLEDGED, Act.RETURN): State.RESTING,
        (State.ACKNOWLEDGED, Act.ATTEND): State.ACKNOWLEDGED,
        (State.ACKNOWLEDGED, Act.ESCALATE): State.ESCALATED,
        (State.ACKNOWLEDGED, Act.SHELVE): State.SHELVED,
        (State.ACKNOWLEDGED, Act.SUPPRESS): State.SUPPRESSED,
        (State.RETURNED, Act.RAISE): State.RAISED,
        (State.RETURNED, Act.ACKNOWLEDGE): State.RESTING,
        (State.RETURNED, Act.ATTEND): State.RESTING,
        (State.RETURNED, Act.ESCALATE): State.RETURNED,
        (State.RETURNED, Act.SETTLE): State.CLEARED,
        (State.RETURNED, Act.SHELVE): State.SHELVED,
        (State.RETURNED, Act.SUPPRESS): State.SUPPRESSED,
        (State.RESTING, Act.RAISE): State.ACKNOWLEDGED,
        (State.RESTING, Act.ATTEND): State.RESTING,
        (State.RESTING, Act.ESCALATE): State.RETURNED,
        (State.RESTING, Act.SETTLE): State.CLEARED,
        (State.SHELVED, Act.RAISE): State.SHELVED,
        (State.SHELVED, Act.RETURN): State.SHELVED,
        (State.SHELVED, Act.SHELVE): State.SHELVED,
        (State.SHELVED, Act.SUPPRESS): State.SUPPRESSED,
        (State.SHELVED, Act.RESUME): State.RAISED,
        (State.SHELVED, Act.LATCH): State.RETURNED,
        (State.SHELVED, Act.LAPSE): State.CLEARED,
        (State.SUPPRESSED, Act.RAISE): State.SUPPRESSED,
        (State.SUPPRESSED, Act.RETURN): State.SUPPRESSED,
        (State.SUPPRESSED, Act.RESUME): State.RAISED,
        (State.SUPPRESSED, Act.LATCH): State.RETURNED,
        (State.SUPPRESSED, Act.LAPSE): State.CLEARED,
    },
    ends={State.CLEARED},
    unstored_start=True,
)

# Somebody must come: these sound at the desk and escalate.
#
# So does one that has returned and latches, and one that somebody took and nobody has come to where
# its rule wants that (`Facts.attend`).
UNSEEN = frozenset({State.RAISED, State.ESCALATED})


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reading that raised an alarm."""

    device: str
    point: str
    value: Value
    unit: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as the journal's state keeps it; instants are the station's lived time.

    `on`: its condition holds. `told`: the world has heard of it. `steps` is how many steps of the
    escalation are done, `until_ns` when its shelf ends, `count` how often it came.
    `acknowledged_ns` is when somebody took it, `attended`: somebody has come. `unreached`: it was
    said that everybody was called and nobody has answered. `real` is what somebody found it to be.
    """

    id: str
    watch: str
    severity: Severity
    state: State = State.RAISED
    on: bool = True
    told: bool = False
    flapping: bool = False
    count: int = 1
    steps: int = 0
    raised_ns: int
    returned_ns: int | None = None
    until_ns: int | None = None
    acknowledged_ns: int | None = None
    attended: bool = False
    unreached: bool = False
    real: bool | None = None
    evidence: Evidence | None = None
    by: str | None = None
    note: str | None = None
