"""Past alarms, escalations and linkage actions, read from the journal, newest first."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from gateway.audit import event_history
from gateway.audit.event_history import HistoryEntry, HistoryPage
from gateway.event import JournalEntry, Lane
from gateway.journal.ports import Reader
from gateway.rules.events import ActionEventData, AlarmEventData, MessageEventData, PausedEventData

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
AlarmData: TypeAlias = AlarmEventData | ActionEventData | MessageEventData | PausedEventData
AlarmHistoryEntry: TypeAlias = HistoryEntry[AlarmData]
SHAPES: dict[str, type[AlarmData]] = {
    "action": ActionEventData,
    "message": MessageEventData,
    "paused": PausedEventData,
    "running": PausedEventData,
}

EntryFilter = Callable[[AlarmHistoryEntry], bool]


async def read_alarm_history(
    lanes: Reader, before: Mapping[Lane, int], limit: int, wanted: EntryFilter
) -> HistoryPage[AlarmHistoryEntry]:
    """At most `limit` wanted entries below `before` in each lane (empty: from the end)."""

    def read(entry: JournalEntry) -> AlarmHistoryEntry | None:
        turn = decode_alarm_entry(entry)
        return turn if turn is not None and wanted(turn) else None

    return await event_history.read_history(lanes, LANES, before, limit, read)


def decode_alarm_entry(entry: JournalEntry) -> AlarmHistoryEntry | None:
    """The alarm event in an entry, if it is one."""
    return event_history.decode_entry(entry, "alarm", lambda kind: SHAPES.get(kind, AlarmEventData))


def rule_of(turn: AlarmHistoryEntry) -> str:
    """The rule that it is about; "" if it is about all."""
    return "" if isinstance(turn.data, PausedEventData) else turn.data.rule


def alarm_filter(alarm_id: str) -> EntryFilter:
    """Everything about that alarm, except messages, which their action's record contains."""
    return lambda turn: turn.correlation == alarm_id and turn.kind != "message"


def rule_filter(rule: str, whats: Collection[str]) -> EntryFilter:
    """Entries of that rule and those kinds; empty means all."""

    def wanted(turn: AlarmHistoryEntry) -> bool:
        return rule in ("", rule_of(turn)) and (not whats or turn.kind in whats)

    return wanted
