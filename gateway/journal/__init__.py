"""The station's one journal: four lanes of numbered entries, the state beside them, followers.

    journal.py    the asynchronous face: append, read, follow
    engine.py     runs the core, one job at a time
    agenda.py wear.py     what is committed when, and what is read between (pure)
    writer.py     the thread, or for the simulation no thread, that does the work
    core.py       one transaction, one slice of a read: synchronous, thread-free
    lane.py state.py rows.py quota.py positions.py database.py space.py    its parts
    ports.py              what a room needs of the journal
    follower.py ring.py   who reads, and what it need not read from disk
    stored_state.py       a room's state, whatever has become of its rows
    rescue.py    opening, whatever state the file is in
    salvage.py pages.py frames.py    what a damaged file still holds
    wrecks.py spans.py chunks.py carrier.py    how that comes over, behind the running station
    promise.py    which numbers may have been issued, for a salvage to know
    lock.py strikes.py opening.py    who holds the journal; when the disk is dead, or slow
    outage.py command.py inspect.py    how long the quota lasts; `yizhan journal`

Rooms use what is named here; `gateway.journal.events` holds the kinds of event that it makes.
"""

from gateway.journal.follower import Follower
from gateway.journal.journal import Journal, JournalStats
from gateway.journal.options import JournalOptions, StateChange
from gateway.journal.ports import StateStore
from gateway.journal.startup import open_or_volatile, replace_hung_journal
from gateway.journal.stored_state import has_stored_row, load_state, start_id

__all__ = [
    "Follower",
    "Journal",
    "JournalOptions",
    "JournalStats",
    "StateChange",
    "StateStore",
    "has_stored_row",
    "load_state",
    "open_or_volatile",
    "replace_hung_journal",
    "start_id",
]
