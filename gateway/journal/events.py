"""The kinds of event that the journal itself makes.

feed.gap      numbers of a lane that nobody will get, in their place in that lane
feed.epoch    a new journal file: the outcome of the former one
"""

import re

import msgspec

from gateway.event import Audience, Event, EventKind, Lane, Timestamps, encode_tail

ROOM = "journal"

# Evicted without a receipt, because the quota or the disk was full.
QUOTA = "journal.gap-quota"
# The disk is dead: this journal is in memory and lasts as long as the process.
VOLATILE = "journal.epoch-volatile"
# Evicted after every required platform had receipted it.
HISTORY = "journal.gap-history"
# The disk did not return what was written.
DAMAGED = "journal.gap-damaged"
# The former file was damaged; its unreceipted entries are being imported.
RECOVERING = "journal.epoch-recovering"
# The former file was damaged; its unreceipted entries were imported.
SALVAGED = "journal.epoch-salvaged"
# The former file is gone; `last` bounds the numbers that it can have issued.
GONE = "journal.epoch-gone"
# The former journal was in memory while the disk was unavailable; its entries were imported.
CARRIED = "journal.epoch-carried"


class Gap(msgspec.Struct, frozen=True, omit_defaults=True, rename={"first": "from", "last": "to"}):
    """Numbers `first` to `last` of `lane` will never come; `why` is a text code.

    `epoch` is set if it is not the entry's own: the numbers of a former journal file.
    """

    lane: str
    first: int
    last: int
    why: str
    epoch: str | None = None


class NewEpoch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A new journal file replaced epoch `former` (None: it could not be read).

    With `why` RECOVERING it only announces the new epoch. When the import is complete it is
    repeated: `last` is the last number of each lane there, `salvaged` the number of unreceipted
    entries that were imported. `why` is a text code.
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
    lane = Lane.parse(gap.lane)
    return encode_tail(Event(kind=GAP, source=ROOM, stamps=stamps, lane=lane, data=gap), station)


def encode_new_epoch(station: str, stamps: Timestamps, new: NewEpoch) -> bytes:
    """The body of the first entry of a journal that replaced another."""
    return encode_tail(Event(kind=NEW_EPOCH, source=ROOM, stamps=stamps, data=new), station)


_FORMER = re.compile(rb',"formerid":"([^"]*)"(,"originid":"[^"]*")?\}\Z')


def renumber_event(body: bytes, identity: str) -> bytes:
    """The same event under a new number: `formerid` is its former identity.

    An event that moves again keeps its first identity as `originid`.
    """
    ends = b'"}'
    if moved := _FORMER.search(body):
        ends = b'"' + (moved[2] or b',"originid":"' + moved[1] + b'"') + b"}"
        body = body[: moved.start()] + b"}"
    return body[:-1] + b',"formerid":"' + identity.encode() + ends


def former_numbers(body: bytes) -> tuple[str, int, int] | None:
    """The former epoch and the first and last number there, if this event was imported."""
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
    """Why the numbers of that gap will not come."""
    why: str = _Tail.decode(b"{" + body)["data"]["why"]
    return why


def clip_gap(body: bytes, first: int) -> bytes:
    """The same gap for a reader that has everything before `first`."""
    event = _Tail.decode(b"{" + body)
    event["data"]["from"] = first
    return _encode(event)[1:]
