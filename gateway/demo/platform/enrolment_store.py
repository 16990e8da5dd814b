"""Who may enrol and who has: claim tokens by their hash, and the key of each station."""

import sqlite3
from typing import NamedTuple


class EnrolledStation(NamedTuple):
    """A station that holds a certificate, and its key's fingerprint."""

    station: str
    key: str
    at_ms: int


class EnrolmentStore:
    """Two tables of the platform's file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def offer(self, token: str, station: str, expires_ms: int) -> None:
        """Whoever shows the token of that hash in time may enrol as that station."""
        self._db.execute("INSERT INTO claim VALUES (?, ?, ?, '')", (token, station, expires_ms))

    def claim(self, token: str, key: str, now_ms: int) -> str | None:
        """The station that the token is for; None if it is wrong, late or another key's."""
        taken = self._db.execute(
            "UPDATE claim SET key = ? WHERE token = ? AND expires_ms > ? AND key IN ('', ?)"
            " RETURNING station",
            (key, token, now_ms, key),
        ).fetchall()
        return taken[0][0] if taken else None

    def enrolled(self, station: str, key: str, at_ms: int) -> None:
        """A certificate was issued to that key."""
        self._db.execute("INSERT OR REPLACE INTO enrolled VALUES (?, ?, ?)", (station, key, at_ms))

    def stations(self) -> list[EnrolledStation]:
        """All that have enrolled."""
        rows = self._db.execute("SELECT station, key, at_ms FROM enrolled ORDER BY station")
        return [EnrolledStation(*row) for row in rows]
