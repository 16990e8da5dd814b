"""What the families have in common: a table from (state, act) to state."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Word(StrEnum):
    """A state or an act: on the wire and in the journal it is its text, and is found by it."""

    __hash__ = str.__hash__


class Family(NamedTuple):
    """A kind of request. `ends` are the states in which nothing is owed to the person any more.

    `resident` and `staff` are the acts that each may do; the others are what happens.
    """

    name: str
    start: Word
    table: Mapping[Any, Word]
    ends: frozenset[Word]
    resident: frozenset[Word]
    staff: frozenset[Word]

    @property
    def states(self) -> tuple[Word, ...]:
        """Every state, in the order of its declaration."""
        return tuple(type(self.start))

    def after(self, state: str, act: str) -> str | None:
        """Where the act leads from that state; None if it cannot happen there."""
        target = self.table.get((state, act))
        return None if target is None else str(target)

    def ended(self, state: str) -> bool:
        """Whether that state is an end."""
        return state in self.ends

    def diagram(self) -> str:
        """The table as a Mermaid state diagram, as `docs/requests.md` holds it."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        lines += [f"    {state} --> {target}: {act}" for (state, act), target in self.table.items()]
        return "\n".join(lines)
