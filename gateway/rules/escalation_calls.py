"""Plans the loudspeaker calls of an escalation: a chime and a sentence per zone. Pure.

Desk and platform learn of it by the event; loudspeakers must be told. A zone hears one sentence for
all alarms that are due, so thirty broken sensors do not drown an SOS.
"""

from collections.abc import Callable, Iterator

import msgspec

from gateway.event import Severity
from gateway.rules.alarm import UNSEEN, AlarmState
from gateway.rules.alarm_repository import AlarmRepository
from gateway.rules.alarms import AlarmChange
from gateway.rules.duty import DESK, PLATFORM
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.linkage import RING, LinkageTask, RingAction

# The orderer, in place of a linkage id.
BY = "duty"

# Who was not called by then is called by the next step.
RINGS_S = 30.0

# Pause between two sentences in a zone: the shortest period of a step; about the length of a
# sentence while a critical alarm has not been called there yet.
PAUSE_NS, PAUSE_CRITICAL_NS = 30 * S, 10 * S

_ORDER = list(Severity)


class EscalationCalls:
    """The calls due in each zone; a kill leaves unmade ones to the next step."""

    def __init__(self, book: AlarmRepository) -> None:
        """No calls are due; alarms that no longer wait in the repository are not called."""
        self._book = book
        self._owed: dict[str, dict[str, AlarmChange]] = {}
        self._rung_ns: dict[str, int] = {}
        self._under_way: dict[str, list[AlarmChange]] = {}

    def add_call(self, happening: AlarmChange) -> None:
        """A step was taken: its zones are due a sentence."""
        for zone in () if happening.call is None else happening.call.by:
            if zone not in (DESK, PLATFORM):
                self._owed.setdefault(zone, {})[happening.alarm.watch] = happening

    def due(self, moment: RuleInstant, number: Callable[[], str]) -> Iterator[LinkageTask]:
        """One task a zone, for the gravest alarm; `number()` returns the next task id."""
        for zone in list(self._owed):
            owed = [each for each in self._owed[zone].values() if self.still_waits(each)]
            if not owed:
                del self._owed[zone]
                continue
            owed.sort(key=_rank)
            rung_ns = self._rung_ns.get(zone)
            pause_ns = PAUSE_CRITICAL_NS if _first(owed[0]) else PAUSE_NS
            if rung_ns is not None and moment.at_ns - rung_ns < pause_ns:
                continue
            del self._owed[zone]
            self._rung_ns[zone] = moment.at_ns
            task = _task(zone, owed, moment, number())
            self._under_way[task.id] = owed
            yield task

    def finish_call(self, task: LinkageTask, *, well: bool) -> list[AlarmChange]:
        """A sentence was ordered, or not; returns the calls that were made by it."""
        made = self._under_way.pop(task.id, [])
        return [each for each in made if self.still_waits(each)] if well else []

    def still_waits(self, happening: AlarmChange) -> bool:
        """Whether nobody has taken it meanwhile."""
        alarm = self._book.open.get(happening.alarm.watch)
        if alarm is None or alarm.id != happening.alarm.id:
            return False
        return alarm.state in UNSEEN or alarm.state is AlarmState.RETURNED


def _first(happening: AlarmChange) -> bool:
    """Whether it is critical, and called by this step for the first time."""
    call = happening.call
    critical = happening.alarm.severity is Severity.CRITICAL
    return critical and call is not None and not call.again


def _rank(happening: AlarmChange) -> tuple[int, bool, int]:
    """The gravest first, then what was not called yet, then the latest."""
    alarm, call = happening.alarm, happening.call
    return _ORDER.index(alarm.severity), call is not None and call.again, -alarm.raised_ns


def _task(zone: str, owed: list[AlarmChange], moment: RuleInstant, task_id: str) -> LinkageTask:
    happening = owed[0]
    facts, call = happening.facts, happening.call
    assert call is not None
    ring = RingAction(ring=zone, to=call.to, private=facts.private, more=len(owed) - 1)
    return LinkageTask(
        id=task_id,
        linkage=BY,
        does=RING,
        action=msgspec.to_builtins(ring),
        alarm=happening.alarm.id,
        rule=facts.rule,
        place=facts.place,
        text=facts.name,
        urgent=True,
        private=facts.private,
        expires_ns=moment.at_ns + round(RINGS_S * S),
    )
