"""State: the present form of everything open, by room and key."""

from collections.abc import Iterable

from gateway.errors import JournalDamaged
from gateway.journal import lane_rows
from gateway.journal.database import Database
from gateway.journal.options import StateChange


class StateTable:
    """The table, with the row of every key in memory: rooms bound their keys."""

    def __init__(self, db: Database, epoch: str) -> None:
        self._db = db
        self._epoch = epoch
        self.load()

    def load(self) -> None:
        """Find the row of every key: at the start and after a rollback."""
        found = self._db.run("SELECT id, change, room, key FROM state").fetchall()
        self._ids: dict[tuple[str, str], int] = {(room, key): id_ for id_, _, room, key in found}
        self._last_id: int = max((row[0] for row in found), default=0)
        self._change: int = max((row[1] for row in found), default=0)

    def apply(self, changes: Iterable[StateChange]) -> None:
        """Write the changes, in order."""
        for change in changes:
            place = (change.room, change.key)
            if change.body is not None:
                self._put(place, change.body)
            elif place in self._ids:
                self._db.run("DELETE FROM state WHERE id = ?", (self._ids.pop(place),))

    def _put(self, place: tuple[str, str], body: bytes) -> None:
        if place not in self._ids:
            self._last_id += 1
            self._ids[place] = self._last_id
        self._change += 1
        crc = lane_rows.state_checksum(self._epoch, *place, self._change, body)
        self._db.run(
            "INSERT OR REPLACE INTO state (id, change, room, key, crc, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (self._ids[place], self._change, *place, crc, body),
        )

    def room(self, room: str) -> dict[str, bytes]:
        """Everything in one room; JournalDamaged if any of it is damaged."""
        states = {}
        for change, key, crc, body in self._db.run(
            "SELECT change, key, crc, body FROM state WHERE room = ? ORDER BY id", (room,)
        ):
            if crc != lane_rows.state_checksum(self._epoch, room, key, change, body):
                raise JournalDamaged("journal.damaged", reason=f"state {room}/{key}")
            states[key] = bytes(body)
        return states

    def verify(self) -> None:
        """Check every state; JournalDamaged names the first bad one."""
        for room in {room for room, _ in self._ids}:
            self.room(room)
