"""The station's one journal: four lanes of numbered entries, the state beside them, followers.

    journal.py ports.py            the asynchronous face; what each room needs of it
    core.py append_request.py      transactions, slices of reads, upkeep: synchronous, thread-free
    job_runner.py job_scheduler.py write_budget.py    which job of the core runs when
    writer.py                      the thread that runs them, or none, for simulations
    lane.py lane_rows.py state_table.py quota.py positions.py database.py preallocation.py   parts
    follower.py recent_entries.py  readers, and what they need not read from disk
    stored_state.py                a room's state; rows that cannot be read are set aside
    startup.py core_factory.py lock.py open_failures.py    opening, whatever state the file is in
    number_reservation.py          which numbers may have been issued, for a salvage to know
    salvage.py sqlite_pages.py wal_frames.py    what a damaged file still holds
    wrecks.py number_spans.py wreck_chunks.py wreck_import.py wreck_port.py    its import
    personal_store.py              personal fields, apart from the journal
    capacity.py command.py inspection.py    how long the quota lasts; `yizhan journal`

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
