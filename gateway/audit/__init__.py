"""Who did what, where, when by which clock, and what came of it.

events.py   the shape of an act
ledger.py   writes acts, each chained to the one before, with the state that they change
history.py  reads them back, newest first
"""

from gateway.audit.events import ACT, KINDS, Act, Place, Result, Who
from gateway.audit.ledger import Ledger

__all__ = ["ACT", "KINDS", "Act", "Ledger", "Place", "Result", "Who"]
