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
    """What changes the state of an alarm.

    `ATTEND`: a person has come. `SETTLE`: it was quiet long enough. `RESUME` and `LAPSE`:
    shelving or suppression has ended, and the condition still holds, or not; `LATCH`: it does
    not hold, but must be seen all the same.
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
# they have seen it and take care of it. If nobody does so in time, the next step of the roster is
# called and the alarm is *escalated*. When the condition goes, an acknowledged alarm is over; any
# other is *returned*, and stays on the board until a person has seen that it was there.
#
# *Resting* is ours: acknowledged and gone, but only just. If the condition comes again within the
# rule's flap time, it is the same alarm and wakes nobody twice. *Shelved* alarms (by a person, for
# a time) and *suppressed* ones (by maintenance, or by a parent that explains them) are silent. The
# condition may come and go meanwhile; what follows is decided when the silence ends: `RESUME` if it
# holds, `LAPSE` if it does not, `LATCH` if it does not but must be seen all the same.
#
# *Cleared* means that there is no alarm: nothing is stored under that state, which is start and end
# at once. A missing pair cannot happen: a person is refused, and in our own code it is a mistake.
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

# These need a person: they sound at the desk and escalate.
#
# So does a returned alarm that latches, and one that was acknowledged but not attended if its rule
# requires that (`AlarmFacts.attend`).
UNSEEN = frozenset({State.RAISED, State.ESCALATED})


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reading that raised an alarm."""

    device: str
    point: str
    value: Value
    unit: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as the journal's state keeps it; instants are the station's uptime.

    `on`: its condition holds. `told`: an event was sent for it. `steps`: escalation steps done;
    `until_ns`: end of its shelving; `count`: how often it came. `acknowledged_ns`: when a
    person took it; `attended`: a person has come. `unreached`: it was reported that everybody
    was called and nobody answered. `real`: what a person found it to be.
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
