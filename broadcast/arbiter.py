"""Who sounds when two want the same loudspeaker: one table. Pure.

Rows are what comes, columns what sounds already.

    P  pre-empt   what sounds is faded out within 50 ms, and gets another turn where AFTER says so
    D  duck       what sounds goes down by 15 dB until the other has ended
    Q  queue      what comes waits for its turn, until it expires
    X  drop       what comes is dropped: it would be of no use later
    B  beside     both sound; each loudspeaker that they share keeps to the higher number
"""

import enum
from collections.abc import Iterable
from typing import NamedTuple

from broadcast.order import Class

DUCK_DB = -15.0

_TABLE = """
              fire  emergency  live  urgent  service  notice  prompt  background
fire          B     B          P     P       P        P       P       P
emergency     B     P          P     P       P        P       P       P
live          X     X          X     P       P        P       P       P
urgent        Q     Q          Q     Q       P        P       P       P
service       Q     Q          Q     Q       Q        P       P       D
notice        Q     Q          Q     Q       Q        Q       P       D
prompt        X     X          X     Q       Q        Q       P       D
background    Q     Q          Q     Q       Q        Q       Q       P
"""


class Verdict(enum.Enum):
    """What becomes of the two."""

    PREEMPT = "P"
    DUCK = "D"
    QUEUE = "Q"
    DROP = "X"
    BESIDE = "B"


class After(enum.Enum):
    """What becomes of what was cut off."""

    AGAIN = "again"  # from its beginning: half a notice is none
    ONWARD = "onward"  # from where it was cut
    NEVER = "never"


AFTER = {
    Class.FIRE: After.AGAIN,
    Class.EMERGENCY: After.AGAIN,
    Class.LIVE: After.NEVER,
    Class.URGENT: After.AGAIN,
    Class.SERVICE: After.AGAIN,
    Class.NOTICE: After.AGAIN,
    Class.PROMPT: After.NEVER,
    Class.BACKGROUND: After.ONWARD,
}


def _read(table: str) -> dict[tuple[Class, Class], Verdict]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    return {
        (Class.parse(row[0]), Class.parse(column)): Verdict(letter)
        for row in rows
        for column, letter in zip(head, row[1:], strict=True)
    }


TABLE = _read(_TABLE)
"""(what comes, what sounds) → verdict."""


class Sounding(NamedTuple):
    """What sounds or wants to: the loudspeakers that it needs."""

    id: str
    cls: Class
    speakers: frozenset[str]


class Decision(NamedTuple):
    """What comes may sound if neither `waits` nor `dropped`; then what it `cut`s off makes room."""

    waits: bool
    dropped: bool
    cut: tuple[str, ...] = ()

    @property
    def sounds(self) -> bool:
        """Whether it begins now."""
        return not (self.waits or self.dropped)


def decide(comes: Sounding, playing: Iterable[Sounding], *, again: bool = False) -> Decision:
    """What becomes of what comes. `again`: it was cut off, and cuts off nothing of its own class.

    So two of a class never take turns in cutting each other.
    """
    verdicts = {one.id: _verdict(comes, one, again) for one in playing if _meet(comes, one)}
    dropped = Verdict.DROP in verdicts.values()
    waits = not dropped and Verdict.QUEUE in verdicts.values()
    if dropped or waits:
        return Decision(waits, dropped)
    return Decision(
        False, False, tuple(id_ for id_, verdict in verdicts.items() if verdict is Verdict.PREEMPT)
    )


def ducked(playing: Iterable[Sounding]) -> frozenset[str]:
    """Which of those that sound together are to be low."""
    heard = tuple(playing)
    return frozenset(
        low.id
        for low in heard
        for high in heard
        if _meet(high, low) and TABLE[high.cls, low.cls] is Verdict.DUCK
    )


def _verdict(comes: Sounding, sounds: Sounding, again: bool) -> Verdict:
    verdict = TABLE[comes.cls, sounds.cls]
    if again and comes.cls is sounds.cls and verdict is Verdict.PREEMPT:
        return Verdict.QUEUE
    return verdict


def _meet(one: Sounding, other: Sounding) -> bool:
    return one.id != other.id and not one.speakers.isdisjoint(other.speakers)
