"""The stored state: accounts, sessions and known computers, in memory and in the journal.

Memory follows the journal: a change becomes visible only once it is on disk, in one commit with its
act. The next change is based on what is on its way there (`ahead`), so none undoes another.
"""

import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from gateway.access.accounts import DESKS_MAX, Account, KnownComputer
from gateway.access.fallback_copy import FallbackCopy, is_in_copy
from gateway.access.sessions import Session
from gateway.access.throttle import AttemptCounts, Throttle
from gateway.audit import Actor, ActOrigin, ActResult, AuditLog
from gateway.errors import JournalError, JournalFull, UsageError
from gateway.journal import StateChange, StateStore
from gateway.journal.stored_state import ignore_refusal, json_decoder, require_readable

log = logging.getLogger(__name__)

ROOM = "access"

# Per person: one more session ends their own oldest one, never another person's.
SESSIONS_MAX = 4

_THROTTLE = "throttle"
_TABLES: dict[str, type[msgspec.Struct]] = {
    "account": Account,
    "session": Session,
    "desk": KnownComputer,
}

T = TypeVar("T")
# A key such as `account/0217`, and its new row.
RowChange = tuple[str, msgspec.Struct | None]


def account_key(account: str) -> str:
    """The key of an account."""
    return f"account/{account}"


def session_key(digest: str) -> str:
    """The key of a session."""
    return f"session/{digest}"


def computer_key(digest: str) -> str:
    """The key of a known computer."""
    return f"desk/{digest}"


# A row of a table, or the counts of the throttle.
StoredRow = msgspec.Struct | dict[str, int]


def decode_row(key: str, body: bytes) -> StoredRow:
    """Decode a stored row; ValueError, or KeyError for an unknown table."""
    if key == _THROTTLE:
        counts: dict[str, int] = json_decoder(AttemptCounts)(key, body)
        return counts
    table, _, name = key.partition("/")
    row: msgspec.Struct = json_decoder(_TABLES[table])(key, body)
    if isinstance(row, Account) and row.id != name:
        raise ValueError
    return row


class AccessRows:
    """Accounts, sessions and known computers, by key."""

    def __init__(self, rows: Mapping[str, msgspec.Struct]) -> None:
        self._rows = dict(rows)

    def account(self, account: str) -> Account | None:
        return self._get(account_key(account), Account)

    def session(self, digest: str) -> Session | None:
        """The session whose token has that digest."""
        return self._get(session_key(digest), Session)

    def computer(self, digest: str) -> KnownComputer | None:
        """The known computer whose token has that digest."""
        return self._get(computer_key(digest), KnownComputer)

    def accounts(self) -> list[Account]:
        """All accounts by id."""
        return sorted(self._all(Account).values(), key=lambda account: account.id)

    def computers(self) -> dict[str, KnownComputer]:
        """All known computers by key."""
        return self._all(KnownComputer)

    def sessions(self) -> dict[str, Session]:
        """All sessions by key."""
        return self._all(Session)

    def next_use(self) -> int:
        """A number greater than any computer's `used`."""
        return max((desk.used for desk in self.computers().values()), default=0) + 1

    def rows_to_evict(self, account: str, desk: str) -> list[RowChange]:
        """What must be removed to make room for one more session of that person at `desk`.

        A computer that others use as well only forgets this person.
        """
        sessions = {k: v for k, v in self.sessions().items() if v.account == account}
        by_age = sorted(sessions, key=lambda key: sessions[key].seen_ns)
        changes: list[RowChange] = [(key, None) for key in by_age[: 1 - SESSIONS_MAX]]
        desks = {k: v for k, v in self.computers().items() if v.knows(account)}
        if computer_key(desk) not in desks:
            by_use = sorted(desks, key=lambda key: desks[key].used)
            changes += [(key, desks[key].without(account)) for key in by_use[: 1 - DESKS_MAX]]
        return changes

    def _get(self, key: str, kind: type[T]) -> T | None:
        row = self._rows.get(key)
        return row if isinstance(row, kind) else None

    def _all(self, kind: type[T]) -> dict[str, T]:
        return {key: row for key, row in self._rows.items() if isinstance(row, kind)}


class AccessStore(AccessRows):
    """All stored rows by key; queries return what is on disk."""

    def __init__(
        self,
        kept: Mapping[str, StoredRow],
        ledger: AuditLog,
        now_ns: int,
        spare: FallbackCopy | None = None,
    ) -> None:
        """The decoded rows; `spare` is kept as it is."""
        self._ledger = ledger
        self._spare = spare
        self._coming: list[tuple[RowChange, ...]] = []
        rows = dict(kept)
        counts = rows.pop(_THROTTLE, None)
        self.throttle = Throttle.from_stored(counts if isinstance(counts, dict) else {}, now_ns)
        super().__init__({key: row for key, row in rows.items() if isinstance(row, msgspec.Struct)})

    def pending_rows(self) -> AccessRows:
        """The rows once everything on its way is on disk: changes must be based on these.

        There must be no `await` between this and `commit`.
        """
        rows = dict(self._rows)
        for changes in self._coming:
            _take(rows, changes)
        return AccessRows(rows)

    async def commit(
        self,
        who: Actor,
        what: str,
        *changes: RowChange,
        on: str = "",
        place: ActOrigin,
        result: ActResult = ActResult.DONE,
        why: str = "",
    ) -> None:
        """Write the act with its changes, then make them visible."""
        state = [StateChange(ROOM, key, _encode(key, row)) for key, row in changes]
        state.append(StateChange(ROOM, _THROTTLE, self.throttle.dump()))
        self._coming.append(changes)
        try:
            await self._ledger.record(
                who, what, on=on, result=result, why=why, place=place, state=state
            )
        except JournalFull as error:
            if any(isinstance(row, Account) for _, row in changes):
                raise
            # Otherwise nobody could sign in to make room: the session lasts as long as this
            # process.
            log.error("%s is not recorded: %s", what, error)  # noqa: TRY400  # said whole
        finally:
            self._coming = [each for each in self._coming if each is not changes]
        _take(self._rows, changes)
        if any(is_in_copy(key) for key, _ in changes):
            await self.update_copy()

    def adopt_sessions(self, boot: str, now_ns: int) -> dict[str, Session]:
        """Take the sessions over into this boot; returns those of an earlier one, to be stored."""
        kept = self.sessions()
        woken = {key: each.after_load(boot, now_ns) for key, each in kept.items()}
        for key, each in woken.items():
            self.set_in_memory(key, each if _stores(key, each) else None)
        return {key: each for key, each in self.sessions().items() if kept[key].boot != boot}

    def restore(self, journal: StateStore, rows: Mapping[str, msgspec.Struct]) -> None:
        """Store the rows of the copy in the journal again; if it refuses, the next start does."""
        fit = {key: row for key, row in rows.items() if _stores(key, row)}
        changes = [StateChange(ROOM, key, _encode(key, row)) for key, row in fit.items()]
        with contextlib.suppress(JournalError):
            for change in changes:
                journal.offer((), [change]).add_done_callback(ignore_refusal)

    async def update_copy(self) -> None:
        """Update the copy beside the journal once there is an account."""
        if self._spare is not None and self.accounts():
            await self._spare.write(self._rows)

    def set_in_memory(self, key: str, row: msgspec.Struct | None) -> None:
        """Change memory only: for what need not last."""
        _take(self._rows, [(key, row)])


def _take(rows: dict[str, msgspec.Struct], changes: Iterable[RowChange]) -> None:
    for key, row in changes:
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row


def _stores(key: str, row: msgspec.Struct) -> bool:
    """Whether a start could read it back; an out-of-range row is dropped and stops no start."""
    try:
        _encode(key, row)
    except UsageError:
        return False
    return True


def _encode(key: str, row: msgspec.Struct | None) -> bytes | None:
    return None if row is None else require_readable(decode_row, key, msgspec.json.encode(row))
