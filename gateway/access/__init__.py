"""Authentication: accounts, passwords, sessions, and limits on guessing.

- accounts.py           people, their roles, and the computers known as theirs
- passwords.py          what makes a password weak; how it is stored
- password_worker.py    checks passwords one at a time, beside the event loop
- throttle.py           how often a password may be tried
- attempts.py           counts, checks and refuses attempts
- sessions.py callers.py    how long a session lasts, and who holds it
- codes.py              codes that a machine makes and a person types
- store.py              accounts and sessions, in memory and in the journal
- fallback_copy.py      a copy of the accounts, for a station whose storage is lost
- account_admin.py      makes, changes and disables accounts
- access.py             all of it together
"""

from gateway.access.access import Access, SignInTokens
from gateway.access.accounts import Account, Role
from gateway.access.callers import Caller

__all__ = ["Access", "Account", "Caller", "Role", "SignInTokens"]
