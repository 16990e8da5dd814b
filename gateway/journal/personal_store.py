"""Personal fields: sealed, expiring, erasable, and stored nowhere else.

Events and state refer to a person's fields by a token; they are joined only where a page shows them
or an uplink sends them. Erasing is one delete, and leaves nothing behind in the file.

The lifetime of a row is counted while the station runs, across boots; where NTP or two sources
vouch for wall time, time without power counts as well. So an unset clock may keep a row longer by
the time that the station was off, but never for ever, and one platform's wrong time erases nothing.
"""

import contextlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import msgspec

from gateway import entropy
from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalFailed, JournalFull, UsageError
from gateway.signing import KEY_BYTES, secret_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PersonalField: TypeAlias = str | int | float | bool | None

ROWS_MAX = 10_000
BYTES_MAX = 8 * 1024
TTL_S_MAX = 400 * 86_400

SOUND_BYTES_MAX = 256 * 1024
# A recorded voice is a personal field as well: half a minute at telephone quality, a hundred of
# them.
SOUNDS_BYTES_MAX = 24 * 1024 * 1024

_NONCE_BYTES = 12
# Overhead of sealing: the nonce and the authentication tag.
_BOX_BYTES = _NONCE_BYTES + 16

_PROBE = b"yizhan private"
_ANOTHER_KEY = "sealed under another key"

_PRAGMAS = (
    "locking_mode = EXCLUSIVE",  # one process, and no shared-memory file
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS person(
    token TEXT PRIMARY KEY, boot TEXT NOT NULL, at_ns INT NOT NULL, left_ns INT NOT NULL,
    until_wall_ns INT, box BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS beat(
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, at_ns INT NOT NULL);
CREATE TABLE IF NOT EXISTS probe(one INTEGER PRIMARY KEY CHECK (one = 1), box BLOB NOT NULL);
"""

# Rows of the previous boot continue in this one: their remaining time shrinks by how long that boot
# is known to have run since. Every opening sweeps, so no row is older than that.
_ADOPT = """
UPDATE person SET
    left_ns = left_ns - (SELECT max(0, beat.at_ns - person.at_ns) FROM beat),
    boot = :boot, at_ns = :at_ns
WHERE boot <> :boot"""

_DATE = """
UPDATE person SET until_wall_ns = :wall_ns + left_ns - (:at_ns - at_ns)
WHERE until_wall_ns IS NULL AND :wall_ns IS NOT NULL"""

_EXPIRED = "(left_ns <= :at_ns - at_ns OR until_wall_ns <= :floor_ns)"

_BEAT = """
INSERT INTO beat VALUES (1, :boot, :at_ns)
ON CONFLICT (one) DO UPDATE SET boot = excluded.boot, at_ns = excluded.at_ns"""


class _Now(TypedDict):
    boot: str
    at_ns: int
    wall_ns: int | None
    floor_ns: int


class PersonalStore:
    """The personal fields of open requests, by token.

    Calls block for a disk commit: from a coroutine, use `asyncio.to_thread`. JournalFailed if
    the disk does not accept it.
    """

    def __init__(self, path: Path | None, key: bytes, clock: Clock) -> None:
        """Open the file (None: in memory); JournalDamaged if it is sealed with another key."""
        self.volatile = path is None
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        try:
            self._db = _connected(path)
            with contextlib.ExitStack() as undo:
                undo.callback(self._db.close)
                self._prepare()
                self.sweep()
                undo.pop_all()
        except (OSError, sqlite3.OperationalError) as error:
            raise JournalFailed("private.failed", reason=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise JournalDamaged("private.damaged", path=str(path)) from error

    @classmethod
    def open(cls, directory: Path | None, keys: Path, clock: Clock) -> "PersonalStore":
        """Open `private.db` in that directory and its key in `keys`, creating what is missing.

        With None it is kept in memory, for a station whose disk is dead.
        """
        if directory is None:
            return cls(None, entropy.token_bytes(KEY_BYTES), clock)
        return cls(directory / "private.db", secret_key(keys / "private.key"), clock)

    def put(self, fields: Mapping[str, PersonalField], ttl_s: float) -> str:
        """Store the fields for `ttl_s`; returns their token."""
        return self._put(msgspec.json.encode(fields), ttl_s, BYTES_MAX)

    def put_sound(self, sound: bytes, ttl_s: float) -> str:
        """Store a recorded voice for `ttl_s`; returns its token."""
        with self._transaction() as db:
            query = "SELECT coalesce(sum(length(box)), 0) FROM person WHERE length(box) > ?"
            (held,) = db.execute(query, (BYTES_MAX + _BOX_BYTES,)).fetchone()
        if held + len(sound) > SOUNDS_BYTES_MAX:
            raise JournalFull("private.sounds-full", mb=SOUNDS_BYTES_MAX >> 20)
        return self._put(sound, ttl_s, SOUND_BYTES_MAX)

    def _put(self, plain: bytes, ttl_s: float, bytes_max: int) -> str:
        if len(plain) > bytes_max or not 0 < ttl_s <= TTL_S_MAX:
            raise UsageError("private.too-much", bytes_max=bytes_max, ttl_s_max=TTL_S_MAX)
        token = entropy.token_hex(16)
        now = self._now()
        left_ns = round(ttl_s * 1e9)
        until = None if now["wall_ns"] is None else now["wall_ns"] + left_ns
        row = (token, now["boot"], now["at_ns"], left_ns, until, self._sealed(token, plain))
        with self._transaction() as db:
            (rows,) = db.execute("SELECT count(*) FROM person").fetchone()
            if rows >= ROWS_MAX:
                raise JournalFull("private.full", rows=rows)
            db.execute("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", row)
        return token

    def get(self, token: str) -> dict[str, PersonalField] | None:
        """The fields; None if they are erased or expired."""
        plain = self._get(token)
        return None if plain is None else msgspec.json.decode(plain, type=dict[str, PersonalField])

    def get_sound(self, token: str) -> bytes | None:
        """The voice; None if it is erased or expired."""
        return self._get(token)

    def _get(self, token: str) -> bytes | None:
        with self._transaction() as db:
            row = db.execute(
                f"SELECT box FROM person WHERE token = :token AND {_EXPIRED} IS NOT TRUE",  # noqa: S608 - our constant
                {**self._now(), "token": token},
            ).fetchone()
        if row is None:
            return None
        return self._opened(token, row[0])

    def erase(self, token: str) -> bool:
        """Erase the fields for good; False if there were none."""
        with self._transaction() as db:
            erased = db.execute("DELETE FROM person WHERE token = ?", (token,)).rowcount
        self._wipe_log()
        return erased > 0

    def sweep(self) -> int:
        """Delete expired rows; returns how many. Call it every few minutes."""
        now = self._now()
        with self._transaction() as db:
            db.execute(_ADOPT, now)
            db.execute(_DATE, now)
            swept = db.execute(f"DELETE FROM person WHERE {_EXPIRED}", now).rowcount  # noqa: S608 - our constant
            db.execute(_BEAT, now)
        if swept:
            self._wipe_log()
        return swept

    def close(self) -> None:
        self._db.close()

    def __len__(self) -> int:
        with self._transaction() as db:
            (rows,) = db.execute("SELECT count(*) FROM person").fetchone()
        return int(rows)

    def _now(self) -> _Now:
        """Rows are dated by vouched time, and expire by time that has certainly passed."""
        clock = self._clock
        at_ns, floor_ns, vouched = clock.now_ns(), clock.floor_ns, clock.vouched()
        wall_ns = None if vouched is None else max(vouched.wall_at(at_ns), floor_ns)
        return {"boot": clock.boot, "at_ns": at_ns, "wall_ns": wall_ns, "floor_ns": floor_ns}

    @cached_property
    def _seal(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # 12 MB

        return AESGCM(self._key)

    def _sealed(self, token: str, plain: bytes) -> bytes:
        nonce = entropy.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, plain, token.encode())

    def _opened(self, token: str, box: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # as above

        try:
            return self._seal.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], token.encode())
        except InvalidTag as error:
            raise JournalDamaged("private.damaged", path="private.db") from error

    def _prepare(self) -> None:
        for pragma in _PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._prove()

    def _prove(self) -> None:
        """Detect a file that is sealed with another key now, not at the first row."""
        proof = hmac.digest(self._key, _PROBE, "sha256")
        with self._db:
            # A file without rows may have any key: it is taken over.
            self._db.execute("DELETE FROM probe WHERE NOT EXISTS (SELECT 1 FROM person)")
            self._db.execute("INSERT OR IGNORE INTO probe VALUES (1, ?)", (proof,))
            (kept,) = self._db.execute("SELECT box FROM probe").fetchone()
        if not hmac.compare_digest(kept, proof):
            raise sqlite3.DatabaseError(_ANOTHER_KEY)

    def _wipe_log(self) -> None:
        """Empty the log, which may still hold what was deleted from the file."""
        with self._failing() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._failing() as db, db:
            yield db

    @contextlib.contextmanager
    def _failing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise JournalFailed("private.failed", reason=str(error)) from error


def _connected(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", check_same_thread=False)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # the log gets the same mode
    return sqlite3.connect(path, check_same_thread=False)
