"""The station's one journal: four lanes of numbered entries, the state beside them, followers.

journal.py    the asynchronous face: append, read, follow
agenda.py     what is committed when, and what is read between (pure)
wear.py       how long readings may wait, so that the card lives (pure)
writer.py     the thread, or for the simulation no thread, that does the work
core.py       one transaction, one slice of a read: synchronous, thread-free
lane.py state.py rows.py quota.py positions.py database.py space.py    what the core is made of
follower.py ring.py    who reads, and what it need not read from disk
salvage.py rescue.py   what is left of a damaged file; what to do when the disk is dead
"""

from gateway.journal.follower import Follower
from gateway.journal.journal import Journal, JournalStats
from gateway.journal.options import JournalOptions, StateChange
from gateway.journal.strikes import open_or_volatile

__all__ = [
    "Follower",
    "Journal",
    "JournalOptions",
    "JournalStats",
    "StateChange",
    "open_or_volatile",
]
