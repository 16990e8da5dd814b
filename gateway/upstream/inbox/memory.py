"""Which commands were seen and what became of them: bounded, and kept with the receipts."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused
from gateway.journal import StateChange
from gateway.journal.stored_state import of_json
from gateway.upstream.inbox.command import BUSY, FORGOTTEN, State

COMMANDS_MAX = 256
SIGNED_RESERVE = 64
"""Room beyond it for signed commands: whoever may only ask cannot crowd out who may act."""

_FLOOR = "floor"


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """One command's fate so far; `state` None: only just seen.

    `kind` and `data` (JSON) stay while it is open: after a kill somebody must answer for it.
    """

    state: State | None
    deadline: Deadline
    reason_code: str | None = None
    detail: Any = None
    kind: str = ""
    data: str = ""


_kept = of_json(Kept)
_encode = msgspec.json.Encoder().encode


def decoded(key: str, body: bytes) -> Kept | str:
    """A command's fate, or the floor; ValueError for a row that is neither."""
    if key == _FLOOR:
        return str(uuid.UUID(body.decode()))
    kept: Kept = _kept(key, body)
    if str(uuid.UUID(key)) != key or kept.state is State.DUPLICATE:
        raise ValueError
    return kept


class Memory:
    """Remembers commands until they can no longer be carried out anyway.

    What is forgotten lies below a floor: ids sort by time, and none below it is ever accepted.
    """

    def __init__(self, room: str, state: Mapping[str, Kept | str]) -> None:
        self._room = room
        self._floor = ""
        self._passed = ""
        self._kept: dict[str, Kept] = {}
        for key, found in state.items():
            if isinstance(found, Kept):
                self._kept[key] = found
            else:
                self._floor = found

    @property
    def newest(self) -> str:
        """Where the next poll goes on: the highest id that this process has seen.

        After a start that is the floor: what a killed process had in its hands is handed out again.
        """
        return max(self._passed, self._floor)

    def pass_over(self, command_id: str) -> None:
        """Do not ask again for a command that came and is answered; a restart forgets it."""
        self._passed = max(self._passed, command_id)

    def get(self, command_id: str) -> Kept | None:
        """What became of a command; None if it was never seen. CommandRefused if forgotten."""
        kept = self._kept.get(command_id)
        if kept is None and command_id <= self._floor:
            raise CommandRefused(FORGOTTEN, of=command_id)
        return kept

    def open(self) -> list[tuple[str, Kept]]:
        """Commands that were accepted and whose end nobody recorded."""
        return [item for item in self._kept.items() if item[1].state is State.ACCEPTED]

    def make_room(self, clock: Clock, of: str, *, signed: bool = False) -> list[StateChange]:
        """Forget the oldest that have expired; CommandRefused `of` if that makes no room."""
        changes = []
        most = COMMANDS_MAX + SIGNED_RESERVE * signed
        for name in sorted(self._kept):
            if len(self._kept) < COMMANDS_MAX:
                break
            kept = self._kept[name]
            if kept.state is State.ACCEPTED or not kept.deadline.passed(clock):
                break  # the floor may only rise over commands that are over
            del self._kept[name]
            self._floor = name
            changes.append(StateChange(self._room, name, None))
        if changes:
            changes.append(StateChange(self._room, _FLOOR, self._floor.encode()))
        if len(self._kept) >= most:
            raise CommandRefused(BUSY, of=of)
        return changes

    def keep(self, command_id: str, kept: Kept) -> StateChange:
        """Remember it; the change belongs into the commit of the receipt."""
        self._kept[command_id] = kept
        return StateChange(self._room, command_id, _encode(kept))
