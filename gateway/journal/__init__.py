"""The station's one journal: four lanes of numbered entries, the state beside them, followers.

    journal.py ports.py            the asynchronous face; what each room needs of it
    core.py                        transactions, slices of reads, upkeep: synchronous, thread-free
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
from gateway.journal.opening import in_place_of, open_or_volatile
from gateway.journal.options import JournalOptions, StateChange
from gateway.journal.ports import StateStore
from gateway.journal.stored_state import load_state, start_id, was_kept

__all__ = [
    "Follower",
    "Journal",
    "JournalOptions",
    "JournalStats",
    "StateChange",
    "StateStore",
    "in_place_of",
    "load_state",
    "open_or_volatile",
    "start_id",
    "was_kept",
]
