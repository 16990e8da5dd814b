"""The kinds of event that the journal itself makes.

feed.gap      numbers of a lane that nobody will get, standing in that lane
feed.epoch    the journal's file is new: what became of the former one
"""

import re

import msgspec

from gateway.event import Audience, Event, EventKind, Lane, Timestamps, encode_tail

ROOM = "journal"

# Evicted without a receipt, because the quota or the disk was full.
QUOTA = "journal.gap-quota"
# The disk is dead: this journal is in memory, and lasts as long as the process.
VOLATILE = "journal.epoch-volatile"
# Evicted after every required platform had receipted it.
HISTORY = "journal.gap-history"
# The disk did not give back what was written.
DAMAGED = "journal.gap-damaged"
# The former file was damaged; what it still holds and nobody has receipted is coming over.
RECOVERING = "journal.epoch-recovering"
# The former file was damaged; what it still held and nobody had receipted came over.
SALVAGED = "journal.epoch-salvaged"
# The former file was not there any more; `last` is how far its numbers can have gone.
GONE = "journal.epoch-gone"
# The former journal was in memory while the disk was away; its entries came over.
CARRIED = "journal.epoch-carried"


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

    With `why` RECOVERING it is only said that there is a new epoch. Once all has come over it is
    said again: `last` is the last number of each lane there, `salvaged` how many entries came over
    without a receipt. `why` is a text code.
    """

    former: str | None
    why: str
    last: dict[str, int] = {}
    salvaged: int = 0


GAP = EventKind("feed", "gap", Lane.SERVICE, Gap, Audience.ALL)
NEW_EPOCH = EventKind("feed", "epoch", Lane.ALARM, NewEpoch, Audience.ALL)
KINDS = (GAP, NEW_EPOCH)

_Tail = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def encode_gap(station: str, stamps: Timestamps, gap: Gap) -> bytes:
    """The body of a gap's entry."""
    lane = Lane.parse(gap.lane)
    return encode_tail(Event(kind=GAP, source=ROOM, stamps=stamps, lane=lane, data=gap), station)


def encode_new_epoch(station: str, stamps: Timestamps, new: NewEpoch) -> bytes:
    """The body of the first entry of a journal that took the place of another."""
    return encode_tail(Event(kind=NEW_EPOCH, source=ROOM, stamps=stamps, data=new), station)


_FORMER = re.compile(rb',"formerid":"([^"]*)"(,"originid":"[^"]*")?\}\Z')


def renumber_event(body: bytes, identity: str) -> bytes:
    """The same event under a new number: `formerid` is the identity that it had before.

    Who moves again keeps its very first identity as `originid`.
    """
    ends = b'"}'
    if moved := _FORMER.search(body):
        ends = b'"' + (moved[2] or b',"originid":"' + moved[1] + b'"') + b"}"
        body = body[: moved.start()] + b"}"
    return body[:-1] + b',"formerid":"' + identity.encode() + ends


def former_numbers(body: bytes) -> tuple[str, int, int] | None:
    """The numbers of a former journal that came over as this event: its epoch, first and last."""
    if moved := _FORMER.search(body):
        _, epoch, _, seq = moved[1].decode().rsplit(":", 3)
        return epoch, int(seq), int(seq)
    if GAP.type.encode() not in body:
        return None
    event = _Tail.decode(b"{" + body)
    if event.get("type") != GAP.type or "epoch" not in event["data"]:
        return None
    return event["data"]["epoch"], event["data"]["from"], event["data"]["to"]


def gap_reason(body: bytes) -> str:
    """Why a gap's numbers will not come."""
    why: str = _Tail.decode(b"{" + body)["data"]["why"]
    return why


def clip_gap(body: bytes, first: int) -> bytes:
    """The same gap for a reader who has everything before `first`."""
    event = _Tail.decode(b"{" + body)
    event["data"]["from"] = first
    return _encode(event)[1:]
