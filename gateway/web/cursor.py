"""Positions in the journal as they stand in addresses: entry numbers, ends of pages, cursors.

A stream's cursor is `epoch:e.a.s.t`, the last number seen in each lane; the end of a page of
history is `e.a.s`, the lowest number shown in each of its lanes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from gateway.errors import UsageError
from gateway.event import Lane

NUMBER_DIGITS_MAX = 15


def is_entry_number(text: str) -> bool:
    """Whether it is an entry number in our form; `int` would accept far more."""
    return text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX


def parse_entry_number(text: str, name: str) -> int:
    """The entry number in parameter `name`; UsageError if it is none."""
    if not is_entry_number(text):
        raise UsageError("web.no-number", name=name)
    return int(text)


def parse_page_end(text: str, lanes: Sequence[Lane]) -> Mapping[Lane, int]:
    """The position in each lane of parameter `before`; empty means from the newest."""
    parts = text.split(".") if text else []
    if not parts:
        return {}
    if len(parts) != len(lanes):
        raise UsageError("web.no-number", name="before")
    return {
        lane: parse_entry_number(part, "before") for lane, part in zip(lanes, parts, strict=True)
    }


def format_page_end(position: Mapping[Lane, int] | None, lanes: Sequence[Lane]) -> str:
    """What `parse_page_end` reads; "" where there is nothing older."""
    return ".".join(str(position[lane]) for lane in lanes) if position else ""


class FeedCursor(NamedTuple):
    """A position in all lanes of one journal file."""

    epoch: str
    at: Mapping[Lane, int]

    def __str__(self) -> str:
        return f"{self.epoch}:{'.'.join(str(self.at.get(lane, 0)) for lane in Lane)}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The cursor in that text; None if it is not valid."""
        epoch, _, rest = text.partition(":")
        numbers = rest.split(".")
        if len(numbers) != len(Lane) or not all(map(is_entry_number, numbers)):
            return None
        return cls(epoch, dict(zip(Lane, map(int, numbers), strict=True)))

    def behind(self, heads: Mapping[Lane, int]) -> int:
        """How many entries a reader at this position has not seen; each lane counts from 0."""
        return sum(max(0, head - self.at.get(lane, 0)) for lane, head in heads.items())

    def within(self, epoch: str, heads: Mapping[Lane, int]) -> bool:
        """Whether this journal can have issued the cursor."""
        return self.epoch == epoch and all(
            self.at.get(lane, 0) <= heads.get(lane, 0) for lane in Lane
        )
