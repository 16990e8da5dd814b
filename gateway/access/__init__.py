"""Who may come in: accounts, passwords, sessions, and how often somebody may guess.

- accounts.py    people, their roles, and the computers that are known as theirs
- passwords.py   what makes a password weak; how one is kept
- evaluator.py   tries passwords one at a time, beside the event loop
- throttle.py    how often a password may be tried
- sessions.py    how long somebody stays signed in
- callers.py     who is there: what a session is worth now
- codes.py       codes that a machine makes and a person types
- spare.py       a copy of who may come in, for a station whose storage is lost
- access.py      all of it together, kept in the journal's state
"""

from gateway.access.access import Access, Signed
from gateway.access.accounts import Account, Role
from gateway.access.callers import Caller

__all__ = ["Access", "Account", "Caller", "Role", "Signed"]
