"""The access room's state: accounts, sessions and known desks, in memory and in the journal.

Memory follows the journal: a change is seen by others only once it is on disk, in one commit with
the act that made it.
"""

import contextlib
import logging
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from gateway.access.accounts import DESKS_MAX, Account, Desk
from gateway.access.sessions import Session
from gateway.access.spare import Spare, belongs
from gateway.access.throttle import Counts, Throttle
from gateway.audit import Ledger, Place, Result, Who
from gateway.errors import JournalError, JournalFull
from gateway.journal import StateChange, StateStore
from gateway.journal.stored_state import heard, of_json, readable

log = logging.getLogger(__name__)

ROOM = "access"
SESSIONS_MAX = 64

_THROTTLE = "throttle"
_TABLES: dict[str, type[msgspec.Struct]] = {"account": Account, "session": Session, "desk": Desk}

T = TypeVar("T")
Change = tuple[str, msgspec.Struct | None]
"""A key such as `account/0217`, and what stands there from now on."""


def account_key(account: str) -> str:
    """Where an account stands."""
    return f"account/{account}"


def session_key(digest: str) -> str:
    """Where a session stands."""
    return f"session/{digest}"


def desk_key(digest: str) -> str:
    """Where a known desk computer stands."""
    return f"desk/{digest}"


Row = msgspec.Struct | dict[str, int]
"""A row of a table, or the counts of the throttle."""


def decoded(key: str, body: bytes) -> Row:
    """What a row of the state says; ValueError (KeyError for an unknown table) for any other."""
    if key == _THROTTLE:
        counts: dict[str, int] = of_json(Counts)(key, body)
        return counts
    table, _, name = key.partition("/")
    row: msgspec.Struct = of_json(_TABLES[table])(key, body)
    if isinstance(row, Account) and row.id != name:
        raise ValueError
    return row


class Book:
    """Everything that the room keeps, by key."""

    def __init__(
        self, kept: Mapping[str, Row], ledger: Ledger, now_ns: int, spare: Spare | None = None
    ) -> None:
        """The rows as `decoded` reads them; `spare` is kept as it is."""
        self._ledger = ledger
        self._spare = spare
        rows = dict(kept)
        counts = rows.pop(_THROTTLE, None)
        self.throttle = Throttle.of(counts if isinstance(counts, dict) else {}, now_ns)
        self._rows = {key: row for key, row in rows.items() if isinstance(row, msgspec.Struct)}

    def account(self, account: str) -> Account | None:
        """The account of that id."""
        return self._get(account_key(account), Account)

    def session(self, digest: str) -> Session | None:
        """The session whose token has that digest."""
        return self._get(session_key(digest), Session)

    def desk(self, digest: str) -> Desk | None:
        """The known desk computer whose token has that digest."""
        return self._get(desk_key(digest), Desk)

    def accounts(self) -> list[Account]:
        """All accounts by id."""
        return sorted(self._all(Account).values(), key=lambda account: account.id)

    def desks(self) -> dict[str, Desk]:
        """All known desk computers by key."""
        return self._all(Desk)

    def sessions(self) -> dict[str, Session]:
        """All sessions by key."""
        return self._all(Session)

    def next_use(self) -> int:
        """A number greater than any desk's `used`."""
        return max((desk.used for desk in self.desks().values()), default=0) + 1

    async def commit(
        self,
        who: Who,
        what: str,
        *changes: Change,
        on: str = "",
        place: Place,
        result: Result = Result.DONE,
        why: str = "",
    ) -> None:
        """Write the act with its changes, then show them."""
        state = [StateChange(ROOM, key, _encode(key, row)) for key, row in changes]
        state.append(StateChange(ROOM, _THROTTLE, self.throttle.dump()))
        try:
            await self._ledger.record(
                who, what, on=on, result=result, why=why, place=place, state=state
            )
        except JournalFull as error:
            if any(isinstance(row, Account) for _, row in changes):
                raise
            # Else nobody could come in to make room: the session lives as long as this process.
            log.error("%s is not recorded: %s", what, error)  # noqa: TRY400  # said whole
        for key, row in changes:
            self.show(key, row)
        if any(belongs(key) for key, _ in changes):
            await self.keep_spare()

    def take_back(self, journal: StateStore, rows: Mapping[str, msgspec.Struct]) -> None:
        """Let the journal have them again, from the copy; if it refuses, the next start does."""
        changes = [StateChange(ROOM, key, _encode(key, row)) for key, row in rows.items()]
        with contextlib.suppress(JournalError):
            for change in changes:
                journal.offer((), [change]).add_done_callback(heard)

    async def keep_spare(self) -> None:
        """Let the copy beside the journal say what the journal says, once there is anybody."""
        if self._spare is not None and self.accounts():
            await self._spare.keep(self._rows)

    def show(self, key: str, row: msgspec.Struct | None) -> None:
        """Take a change into memory alone: for what need not last."""
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = row

    def crowded(self) -> list[Change]:
        """The desks, and sessions, that must go so that one more of each has room."""
        desks, sessions = self.desks(), self.sessions()
        by_use = sorted(desks, key=lambda key: desks[key].used)
        by_age = sorted(sessions, key=lambda key: sessions[key].seen_ns)
        gone = by_use[: max(0, len(desks) - DESKS_MAX + 1)]
        gone += by_age[: max(0, len(sessions) - SESSIONS_MAX + 1)]
        return [(key, None) for key in gone]

    def _get(self, key: str, kind: type[T]) -> T | None:
        row = self._rows.get(key)
        return row if isinstance(row, kind) else None

    def _all(self, kind: type[T]) -> dict[str, T]:
        return {key: row for key, row in self._rows.items() if isinstance(row, kind)}


def _encode(key: str, row: msgspec.Struct | None) -> bytes | None:
    return None if row is None else readable(decoded, key, msgspec.json.encode(row))
