"""Filters events by the reader's permissions, and puts a gap in place of every other number.

So a reader's numbers stay complete, and show that something was there without saying what.
"""

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from gateway.event import Audience, EventKind, JournalEntry
from gateway.journal.events import GAP
from gateway.web.section import Permission

WITHHELD = "journal.gap-withheld"

PERMISSION = {
    Audience.ALL: Permission.VIEW,
    Audience.STAFF: Permission.STAFF,
    Audience.INSTALL: Permission.INSTALL,
}

# What an event's kind does not tell: it concerns a home, or staff attached a note. Quotes inside
# texts are escaped, so no typed text can look like one of these keys.
_FOR_STAFF = re.compile(rb'"private":true|"note":"')

# The tail's keys have a fixed order, and nothing before the type can contain a bare quote.
_TYPE = re.compile(rb'"type":"([^"]*)"')
_encode = msgspec.json.Encoder().encode


class Audiences:
    """Who may read what, by event type; events that are private or carry a note are for staff."""

    def __init__(self, kinds: Iterable[EventKind]) -> None:
        """An event of a kind not among `kinds` is for installers."""
        self._of: Mapping[bytes, Permission] = {
            kind.type.encode(): PERMISSION[kind.audience] for kind in kinds
        }

    def filter_entry(self, entry: JournalEntry, allowed: Collection[Permission]) -> JournalEntry:
        """The entry, or a gap of one number in its place."""
        found = _TYPE.search(entry.body)
        of = self._of.get(found[1] if found else b"", Permission.INSTALL)
        withheld = of not in allowed
        if Permission.STAFF not in allowed and not withheld:
            withheld = _FOR_STAFF.search(entry.body) is not None
        return _withheld(entry) if withheld else entry


def _withheld(entry: JournalEntry) -> JournalEntry:
    """A gap in place of the entry: its place and time remain, and nothing else."""
    whole = msgspec.json.decode(b"{" + entry.body)
    kept = ("source", "type", "lane", "bootid", "uptimems", "timequality", "time", "place")
    tail = {key: whole[key] for key in kept if key in whole}
    source = "/".join([*str(whole["source"]).split("/")[:3], "journal"])
    tail |= {"source": source, "type": GAP.type, "place": "", "partitionkey": "journal"}
    tail["data"] = {
        "lane": entry.lane.wire, "from": entry.seq, "to": entry.seq, "why": WITHHELD,
    }  # fmt: skip
    return msgspec.structs.replace(entry, body=_encode(tail)[1:])
