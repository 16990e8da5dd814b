"""The life of an alarm after ISA-18.2: one table. Pure."""

import enum

import msgspec

from drivers.contract import Value
from gateway.event import Severity
from gateway.transitions import TransitionTable


class AlarmState(enum.Enum):
    """Where an alarm stands."""

    CLEARED = "cleared"
    RAISED = "raised"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    RESTING = "resting"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"


class AlarmEvent(enum.Enum):
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
TABLE: TransitionTable[AlarmState, AlarmEvent] = TransitionTable(
    AlarmState.CLEARED,
    {
        (AlarmState.CLEARED, AlarmEvent.RAISE): AlarmState.RAISED,
        (AlarmState.CLEARED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.RAISED, AlarmEvent.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
        (AlarmState.RAISED, AlarmEvent.ATTEND): AlarmState.ACKNOWLEDGED,
        (AlarmState.RAISED, AlarmEvent.ESCALATE): AlarmState.ESCALATED,
        (AlarmState.RAISED, AlarmEvent.RETURN): AlarmState.RETURNED,
        (AlarmState.RAISED, AlarmEvent.SHELVE): AlarmState.SHELVED,
        (AlarmState.RAISED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.ESCALATED, AlarmEvent.ESCALATE): AlarmState.ESCALATED,
        (AlarmState.ESCALATED, AlarmEvent.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
        (AlarmState.ESCALATED, AlarmEvent.ATTEND): AlarmState.ACKNOWLEDGED,
        (AlarmState.ESCALATED, AlarmEvent.RETURN): AlarmState.RETURNED,
        (AlarmState.ESCALATED, AlarmEvent.SHELVE): AlarmState.SHELVED,
        (AlarmState.ESCALATED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.ACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.RESTING,
        (AlarmState.ACKNOWLEDGED, AlarmEvent.ATTEND): AlarmState.ACKNOWLEDGED,
        (AlarmState.ACKNOWLEDGED, AlarmEvent.ESCALATE): AlarmState.ESCALATED,
        (AlarmState.ACKNOWLEDGED, AlarmEvent.SHELVE): AlarmState.SHELVED,
        (AlarmState.ACKNOWLEDGED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.RETURNED, AlarmEvent.RAISE): AlarmState.RAISED,
        (AlarmState.RETURNED, AlarmEvent.ACKNOWLEDGE): AlarmState.RESTING,
        (AlarmState.RETURNED, AlarmEvent.ATTEND): AlarmState.RESTING,
        (AlarmState.RETURNED, AlarmEvent.ESCALATE): AlarmState.RETURNED,
        (AlarmState.RETURNED, AlarmEvent.SETTLE): AlarmState.CLEARED,
        (AlarmState.RETURNED, AlarmEvent.SHELVE): AlarmState.SHELVED,
        (AlarmState.RETURNED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.RESTING, AlarmEvent.RAISE): AlarmState.ACKNOWLEDGED,
        (AlarmState.RESTING, AlarmEvent.ATTEND): AlarmState.RESTING,
        (AlarmState.RESTING, AlarmEvent.ESCALATE): AlarmState.RETURNED,
        (AlarmState.RESTING, AlarmEvent.SETTLE): AlarmState.CLEARED,
        (AlarmState.SHELVED, AlarmEvent.RAISE): AlarmState.SHELVED,
        (AlarmState.SHELVED, AlarmEvent.RETURN): AlarmState.SHELVED,
        (AlarmState.SHELVED, AlarmEvent.SHELVE): AlarmState.SHELVED,
        (AlarmState.SHELVED, AlarmEvent.SUPPRESS): AlarmState.SUPPRESSED,
        (AlarmState.SHELVED, AlarmEvent.RESUME): AlarmState.RAISED,
        (AlarmState.SHELVED, AlarmEvent.LATCH): AlarmState.RETURNED,
        (AlarmState.SHELVED, AlarmEvent.LAPSE): AlarmState.CLEARED,
        (AlarmState.SUPPRESSED, AlarmEvent.RAISE): AlarmState.SUPPRESSED,
        (AlarmState.SUPPRESSED, AlarmEvent.RETURN): AlarmState.SUPPRESSED,
        (AlarmState.SUPPRESSED, AlarmEvent.RESUME): AlarmState.RAISED,
        (AlarmState.SUPPRESSED, AlarmEvent.LATCH): AlarmState.RETURNED,
        (AlarmState.SUPPRESSED, AlarmEvent.LAPSE): AlarmState.CLEARED,
    },
    ends={AlarmState.CLEARED},
    unstored_start=True,
)

# These need a person: they sound at the desk and escalate.
#
# So does a returned alarm that latches, and one that was acknowledged but not attended if its rule
# requires that (`AlarmFacts.attend`).
UNSEEN = frozenset({AlarmState.RAISED, AlarmState.ESCALATED})


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
    state: AlarmState = AlarmState.RAISED
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
