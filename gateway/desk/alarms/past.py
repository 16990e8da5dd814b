"""Alarms, escalations and what linkages did, read back from the journal, newest first."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from gateway.audit import several
from gateway.audit.several import HistoryEntry, Page
from gateway.event import Entry, Lane
from gateway.journal.ports import Reader
from gateway.rules.events import Did, Said, Told, Waiting

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
Data: TypeAlias = Told | Did | Said | Waiting
Turn: TypeAlias = HistoryEntry[Data]
SHAPES: dict[str, type[Data]] = {
    "action": Did,
    "message": Said,
    "paused": Waiting,
    "running": Waiting,
}

Wanted = Callable[[Turn], bool]


async def page(lanes: Reader, before: Mapping[Lane, int], limit: int, wanted: Wanted) -> Page[Turn]:
    """At most `limit` turns that are wanted, below `before` in each lane (empty: from the end)."""

    def read(entry: Entry) -> Turn | None:
        turn = turn_of(entry)
        return turn if turn is not None and wanted(turn) else None

    return await several.page(lanes, LANES, before, limit, read)


def turn_of(entry: Entry) -> Turn | None:
    """The turn in an entry, if it is one."""
    return several.decode_entry(entry, "alarm", lambda kind: SHAPES.get(kind, Told))


def rule_of(turn: Turn) -> str:
    """The rule whose alarm it is about; "" where it is about all."""
    return "" if isinstance(turn.data, Waiting) else turn.data.rule


def of_alarm(alarm_id: str) -> Wanted:
    """Whatever belongs to that alarm; the record of a message says it already."""
    return lambda turn: turn.correlation == alarm_id and turn.kind != "message"


def of_filter(rule: str, whats: Collection[str]) -> Wanted:
    """Of that rule, and of those kinds; empty is everything."""

    def wanted(turn: Turn) -> bool:
        return rule in ("", rule_of(turn)) and (not whats or turn.kind in whats)

    return wanted
