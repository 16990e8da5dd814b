"""Who sounds when two want the same loudspeaker: one table. Pure."""

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from broadcast.order import OrderClass

DUCK_DB = -15.0

# A loudspeaker sounds one thing at a time. Whenever an order wants a loudspeaker at which something
# sounds already, the two meet, and this table says what becomes of them: rows are the class of what
# comes, columns the class of what sounds.
#
#     P  pre-empt   what sounds is faded out within 50 ms; AFTER says whether it gets another turn
#     D  duck       what sounds is lowered by 15 dB until what came has ended
#     Q  queue      what comes waits there for its turn, until it expires
#     X  drop       what comes is dropped there: later it would be of no use
#
# The question is asked for each loudspeaker by itself. An order for the whole community may begin
# at nine horns and wait at the tenth, where an alarm sounds. Nothing here knows of time, quiet
# hours or expiry: those are the guard's, which is asked before.
#
# Urgency alone would leave two questions open. The first is what a sound is for. A microphone is
# never queued, because nobody speaks into it a minute later; a kiosk's prompt waits behind a
# notice, but is dropped where an emergency or a microphone sounds. Music goes under speech instead
# of stopping for it, and where it was cut off it continues. The second question is two of one
# class. Where the table says P, they do not cut each other off in turns: of two emergencies the
# more local one sounds (it is for fewer loudspeakers, so it says more to those who hear it), and of
# two equally local ones, as of two prompts or two pieces of music, the newer.
#
# Two invariants hold, and the tests walk the table for them: nothing pre-empts or lowers what is
# more urgent, and an emergency waits for nothing but fire.
_TABLE = """
              fire  emergency  live  urgent  service  notice  prompt  background
fire          P     P          P     P       P        P       P       P
emergency     Q     P          P     P       P        P       P       P
live          X     X          X     P       P        P       P       P
urgent        Q     Q          Q     Q       P        P       P       P
service       Q     Q          Q     Q       Q        P       P       D
notice        Q     Q          Q     Q       Q        Q       P       D
prompt        X     X          X     Q       Q        Q       P       D
background    Q     Q          Q     Q       Q        Q       Q       P
"""


class OverlapVerdict(enum.Enum):
    """What becomes of two that meet."""

    PREEMPT = "P"
    DUCK = "D"
    QUEUE = "Q"
    DROP = "X"


class AfterInterrupt(enum.Enum):
    """What becomes of an order that was cut off."""

    AGAIN = "again"  # from its beginning: half a notice is none
    ONWARD = "onward"  # from where it was cut
    NEVER = "never"


AFTER = {
    OrderClass.FIRE: AfterInterrupt.AGAIN,
    OrderClass.EMERGENCY: AfterInterrupt.AGAIN,
    OrderClass.LIVE: AfterInterrupt.NEVER,
    OrderClass.URGENT: AfterInterrupt.AGAIN,
    OrderClass.SERVICE: AfterInterrupt.AGAIN,
    OrderClass.NOTICE: AfterInterrupt.AGAIN,
    OrderClass.PROMPT: AfterInterrupt.NEVER,
    OrderClass.BACKGROUND: AfterInterrupt.ONWARD,
}


def _read(table: str) -> dict[tuple[OrderClass, OrderClass], OverlapVerdict]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    return {
        (OrderClass.parse(row[0]), OrderClass.parse(column)): OverlapVerdict(letter)
        for row in rows
        for column, letter in zip(head, row[1:], strict=True)
    }


# (what comes, what sounds) → verdict.
TABLE = _read(_TABLE)


class Contender(NamedTuple):
    """A sound that plays, or wants to, at these loudspeakers.

    It is meant for `spread` loudspeakers in all, and was asked for at `since_ns`.
    """

    id: str
    cls: OrderClass
    speakers: frozenset[str]
    spread: int = 1
    since_ns: int = 0


class Decision(NamedTuple):
    """Where an order begins, waits and is dropped, and what it cuts off where."""

    begins: frozenset[str]
    waits: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    cut: Mapping[str, frozenset[str]] = {}


def decide(comes: Contender, playing: Iterable[Contender]) -> Decision:
    """What becomes of an order at each of its loudspeakers."""
    met = {
        one.id: (verdict(comes, one), one.speakers & comes.speakers)
        for one in playing
        if _meet(comes, one)
    }
    dropped = _where(met, OverlapVerdict.DROP)
    waits = _where(met, OverlapVerdict.QUEUE) - dropped
    begins = comes.speakers - dropped - waits
    cut = {
        id_: where & begins
        for id_, (said, where) in met.items()
        if said is OverlapVerdict.PREEMPT and where & begins
    }
    return Decision(begins, waits, dropped, cut)


def verdict(comes: Contender, sounds: Contender) -> OverlapVerdict:
    """What becomes of the two where they meet."""
    said = TABLE[comes.cls, sounds.cls]
    if said is OverlapVerdict.PREEMPT and comes.cls is sounds.cls and not _precedes(comes, sounds):
        return OverlapVerdict.QUEUE
    return said


def loser(one: Contender, other: Contender) -> Contender | None:
    """Which of two at one loudspeaker must stop; None if one is ducked under the other."""
    if verdict(one, other) is OverlapVerdict.PREEMPT:
        return other
    if verdict(other, one) is OverlapVerdict.PREEMPT:
        return one
    if OverlapVerdict.DUCK in (verdict(one, other), verdict(other, one)):
        return None
    return max(one, other, key=lambda each: (-each.cls, each.since_ns))


def _precedes(one: Contender, other: Contender) -> bool:
    """Whether one precedes another of its class.

    Never both, so they do not cut each other in turns.
    """
    if one.cls is OrderClass.LIVE:
        return True
    if one.cls.urgent and one.spread != other.spread:
        return one.spread < other.spread
    return (one.since_ns, one.id) > (other.since_ns, other.id)


def _where(
    met: Mapping[str, tuple[OverlapVerdict, frozenset[str]]], said: OverlapVerdict
) -> frozenset[str]:
    return frozenset().union(*(where for each, where in met.values() if each is said))


def ducked(playing: Iterable[Contender]) -> frozenset[str]:
    """Which of the sounds that play together must be ducked."""
    heard = tuple(playing)
    return frozenset(
        low.id
        for low in heard
        for high in heard
        if _meet(high, low) and TABLE[high.cls, low.cls] is OverlapVerdict.DUCK
    )


def _meet(one: Contender, other: Contender) -> bool:
    return one.id != other.id and not one.speakers.isdisjoint(other.speakers)
