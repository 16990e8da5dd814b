"""The kinds of event that the journal itself makes.

feed.gap      numbers of a lane that nobody will get, standing in that lane
feed.epoch    the journal's file is new: what became of the former one
"""

import msgspec

from gateway.event import Event, Kind, Lane, Stamps, tail

ROOM = "journal"

QUOTA = "journal.gap-quota"
"""Evicted without a receipt, because the quota or the disk was full."""
HISTORY = "journal.gap-history"
"""Evicted after every required platform had receipted it."""
DAMAGED = "journal.gap-damaged"
"""The disk did not give back what was written."""


class Gap(msgspec.Struct, frozen=True, omit_defaults=True, rename={"first": "from", "last": "to"}):
    """Numbers `first` to `last` of `lane` will not come; `why` is a text code.

    `epoch` is named where it is not the entry's own: numbers of a former journal file.
    """

    lane: str
    first: int
    last: int
    why: str
    epoch: str | None = None


class NewEpoch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A new journal file took the place of epoch `former` (None: that one could not be read).

    `last` is the last number of each lane that was found there, `salvaged` how many entries came
    over without a receipt; `why` is a text code.
    """

    former: str | None
    why: str
    last: dict[str, int] = {}
    salvaged: int = 0


GAP = Kind("feed", "gap", Lane.SERVICE, Gap)
NEW_EPOCH = Kind("feed", "epoch", Lane.ALARM, NewEpoch)
KINDS = (GAP, NEW_EPOCH)

_Tail = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def gap_tail(station: str, stamps: Stamps, gap: Gap) -> bytes:
    """The body of a gap's entry."""
    lane = Lane.parse(gap.lane)
    return tail(Event(kind=GAP, source=ROOM, stamps=stamps, lane=lane, data=gap), station)


def clipped(body: bytes, first: int) -> bytes:
    """The same gap for a reader who has everything before `first`."""
    event = _Tail.decode(b"{" + body)
    event["data"]["from"] = first
    return _encode(event)[1:]
