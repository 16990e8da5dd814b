"""The open alarms as they are stored: one a watch, changed only as the table allows. No I/O."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.errors import NotFound, StateConflict
from gateway.rules.alarm import TABLE, Alarm, AlarmEvent, AlarmState
from gateway.rules.rule import AlarmFacts, Watch


class AlarmRepository:
    """The open alarms by watch; `changed` are those whose state is to be stored.

    Their number is bounded by that of the watches.
    """

    def __init__(self, watches: Mapping[str, Watch], start: str) -> None:
        """No alarm is open; ids carry this `start`."""
        self.open: dict[str, Alarm] = {}
        self.changed: set[str] = set()
        self.issued = 0
        self._watches = watches
        self._prefix = f"alarm-{start[:8]}"

    def restore(self, alarms: Iterable[Alarm]) -> list[Alarm]:
        """Take over stored alarms; returns those whose rule no longer exists, to be closed."""
        orphans = []
        for alarm in alarms:
            if alarm.watch in self._watches:
                self.open[alarm.watch] = alarm
            else:
                orphans.append(alarm)
        return orphans

    def get(self, alarm_id: str) -> Alarm:
        """The open alarm with that id or watch; NotFound if there is none."""
        for alarm in self.open.values():
            if alarm_id in {alarm.id, alarm.watch}:
                return alarm
        raise NotFound("rules.no-alarm", alarm=alarm_id)

    def facts(self, alarm: Alarm) -> AlarmFacts:
        """What its rule says of it."""
        return self._watches[alarm.watch].facts

    def next_id(self) -> str:
        self.issued += 1
        return f"{self._prefix}-{self.issued}"

    def apply(self, alarm: Alarm, act: AlarmEvent, **changes: Any) -> Alarm:
        """Apply the event; StateConflict if the table has no such transition."""
        state = TABLE.after(alarm.state, act)
        if state is None:
            raise StateConflict("rules.not-now", alarm=alarm.id, state=alarm.state.value)
        return self.put(alarm, state=state, **changes)

    def clear(self, alarm: Alarm, act: AlarmEvent) -> Alarm:
        """Clear the alarm by that event; returns it as it was last."""
        assert TABLE.after(alarm.state, act) is AlarmState.CLEARED
        del self.open[alarm.watch]
        self.changed.add(alarm.watch)
        return msgspec.structs.replace(alarm, state=AlarmState.CLEARED)

    def put(self, alarm: Alarm, **changes: Any) -> Alarm:
        """Store the alarm with these changes."""
        alarm = msgspec.structs.replace(alarm, **changes)
        self.open[alarm.watch] = alarm
        self.changed.add(alarm.watch)
        return alarm
