"""The commands that were seen and their outcomes: bounded, and committed with the receipts.

Three shelves, so that none crowds out another: `asked` holds unsigned commands, the unnamed shelf
signed ones, `urgent` the emergencies, for which there is always room.

A forgotten command must never be carried out again, whatever the clock says by then. So each shelf
keeps one pair for all that it forgot: the highest id and the latest expiry. A new command has a
higher id; an old one that may still be due expires later; whatever lies below both counts as
forgotten. With correct clocks those are commands that have expired.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused
from gateway.journal import StateChange
from gateway.journal.stored_state import INSTANT_NS_MAX, json_decoder
from gateway.upstream.inbox.command import (
    BUSY,
    FORGOTTEN,
    INTERRUPTED,
    CommandState,
    PlatformCommand,
    is_command_id,
)
from gateway.upstream.uplinks.contract import CURSOR_BYTES_MAX, PollPosition

# Commands that a shelf keeps until they expire; emergencies displace their oldest.
COMMANDS_MAX, ASKED_MAX, URGENT_MAX = 256, 64, 1024

# Details of a shelf's receipts; beyond that the oldest details are dropped, not the outcomes.
DETAILS_BYTES_MAX = 1_048_576

# Emergencies with all that belongs to them.
URGENT_BYTES_MAX = 4_194_304

SIGNED, ASKED, URGENT = "", "asked", "urgent"

_FLOOR, _CURSOR = "floor", "cursor"
_CURSOR_TEXT = re.compile(rf"[!-~]{{1,{CURSOR_BYTES_MAX}}}")
_NEVER_DONE = frozenset({CommandState.REFUSED})
_NEVER_BEGUN = frozenset({None, CommandState.REFUSED, CommandState.EXPIRED})


class CommandRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The stored state of one command; `state` None: only just seen.

    `kind` and `data` (JSON) are kept while it is open: after a kill they are needed to answer for
    it. `until_ns` is its expiry, UTC in ns; 0 in records older than the field. `issuer` is the
    digest of the key that signed it, "" where that does not matter (`SiblingInboxes.issuer`).
    """

    state: CommandState | None
    deadline: Deadline
    reason_code: str | None = None
    detail: Any = None
    kind: str = ""
    data: str = ""
    shelf: str = SIGNED
    until_ns: int = 0
    issuer: str = ""

    @property
    def lost(self) -> bool:
        """Whether this stands for a record that could not be read."""
        return self.deadline.boot == ""

    @property
    def begun(self) -> bool:
        """Whether it may have been or is being carried out: neither refused nor expired."""
        return self.state not in _NEVER_BEGUN

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state not in (None, CommandState.ACCEPTED)


class ForgottenFloor(msgspec.Struct, frozen=True):
    """The highest id and the latest expiry (UTC in ns) among a shelf's forgotten commands."""

    id: str = ""
    until_ns: int = 0

    def __post_init__(self) -> None:
        """Reject an invalid id: every command might lie below it."""
        if self.id and not is_command_id(self.id):
            raise ValueError(self.id)

    def covers(self, command: PlatformCommand) -> bool:
        """Whether that command may be one that was forgotten."""
        return command.id <= self.id and command.expires_ns <= self.until_ns

    def over(self, command_id: str, until_ns: int) -> "ForgottenFloor":
        """The floor raised to cover one more command."""
        return ForgottenFloor(max(self.id, command_id), max(self.until_ns, until_ns))


ROWS_MAX = {SIGNED: COMMANDS_MAX, ASKED: ASKED_MAX, URGENT: URGENT_MAX}

_kept = json_decoder(CommandRecord)
_floor = json_decoder(ForgottenFloor)
_encode = msgspec.json.Encoder().encode


def decode_record(key: str, body: bytes) -> CommandRecord | str:
    """Decode a record, or the floor of older versions; ValueError for neither."""
    if key == _FLOOR:
        return ForgottenFloor(body.decode("ascii")).id
    kept: CommandRecord = _kept(key, body)
    if not is_command_id(key) or kept.state is CommandState.DUPLICATE or kept.shelf not in ROWS_MAX:
        raise ValueError(key)
    return kept


def decode_mark(key: str, body: bytes) -> ForgottenFloor | str:
    """Decode a shelf's floor or the cursor; ValueError for neither."""
    if key != _CURSOR:
        floor: ForgottenFloor = _floor(key, body)
        return floor
    if not _CURSOR_TEXT.fullmatch(text := body.decode("ascii")):
        raise ValueError(key)
    return text


class CommandStore:
    """Keeps commands until they have expired, and the position of the next poll."""

    def __init__(
        self,
        name: str,
        state: Mapping[str, CommandRecord | str],
        marks: Mapping[str, ForgottenFloor | str],
        lost: Collection[str] = (),
    ) -> None:
        """The content of the state rooms of uplink `name`, and the keys that cannot be read.

        A command whose record cannot be read counts as carried out.
        """
        self._room, self._marks_room = state_rooms(name)
        self._passed = ""
        self._unsaved: set[str] = set()
        self._kept = {key: kept for key, kept in state.items() if isinstance(kept, CommandRecord)}
        self._sizes = {key: len(_encode(kept)) for key, kept in self._kept.items()}
        self._floor = str(state.get(_FLOOR, ""))
        self._cursor = str(marks.get(_CURSOR, ""))
        self._floors = {
            shelf: floor
            if isinstance(floor := marks.get(_floor_key(shelf)), ForgottenFloor)
            else ForgottenFloor()
            for shelf in ROWS_MAX
        }
        # Commands first: a floor that cannot be read is raised over all of them.
        for key in sorted(lost, key=is_command_id, reverse=True):
            self._lose(key)

    @property
    def since(self) -> PollPosition:
        """The position of the next poll: the platform's cursor, else the highest id answered.

        After a start it is the floor, so that what a killed process had received comes again.
        """
        return PollPosition(max(self._passed, self._floor, self._floors[SIGNED].id), self._cursor)

    def pass_over(self, command_id: str) -> None:
        """Do not poll again for an answered command; forgotten at a restart."""
        self._passed = max(self._passed, command_id)

    def move(self, cursor: str) -> None:
        """Everything before that cursor is answered and on disk.

        Without a cursor polling continues by ids, from the position that a start would use.
        """
        if cursor != self._cursor:
            self._passed = self._passed if cursor else ""
            self._cursor = cursor
            self._unsaved.add(_CURSOR)

    def get(self, command_id: str) -> CommandRecord | None:
        """The record of a command; None if there is none."""
        return self._kept.get(command_id)

    def check(self, command: PlatformCommand, shelf: str) -> None:
        """CommandRefused for a command that may be forgotten: it may have been carried out."""
        if command.id <= self._floor or self._floors[shelf].covers(command):
            raise CommandRefused(FORGOTTEN, of=command.id)

    def open(self, *shelves: str) -> list[tuple[str, CommandRecord]]:
        """Accepted commands without a recorded end, on all shelves or on `shelves`."""
        return [
            (name, kept)
            for name, kept in self._kept.items()
            if kept.state is CommandState.ACCEPTED and (not shelves or kept.shelf in shelves)
        ]

    def make_room(self, clock: Clock, of: str, shelf: str) -> list[StateChange]:
        """Forget finished commands to make room for one more; CommandRefused `of` if it is full.

        There is always room for an emergency. The changes belong to the commit of its record.
        """
        changes = self._shortened(shelf)
        names = [name for name, kept in self._kept.items() if kept.shelf == shelf]
        rows, size = len(names), sum(self._sizes[name] for name in names)
        full = rows >= ROWS_MAX[shelf] or (shelf == URGENT and size >= URGENT_BYTES_MAX)
        for name in self._spare(names, clock, yields=shelf == URGENT) if full else ():
            if rows < ROWS_MAX[shelf] and (shelf != URGENT or size < URGENT_BYTES_MAX):
                break
            rows, size = rows - 1, size - self._sizes[name]
            changes += self._forget(name, clock)
        if rows >= ROWS_MAX[shelf]:
            raise CommandRefused(BUSY, of=of)
        return changes

    def keep(self, command_id: str, kept: CommandRecord) -> StateChange:
        """Store its record in memory; the change belongs to the commit of the receipt."""
        body = _encode(kept)
        self._kept[command_id], self._sizes[command_id] = kept, len(body)
        return StateChange(self._room, command_id, body)

    def drop(self, command_id: str) -> None:
        """Remove its record, as if it was never seen."""
        self._kept.pop(command_id, None)
        self._sizes.pop(command_id, None)

    def marks(self) -> list[StateChange]:
        """The marks that moved: part of every commit until one has stored them."""
        return [self._mark(key) for key in self._unsaved]

    def stored(self, marks: Iterable[StateChange]) -> None:
        """These changes are on disk; later moves are not."""
        for mark in marks:
            if self._mark(mark.key) == mark:
                self._unsaved.discard(mark.key)
            else:
                self._unsaved.add(mark.key)

    def _spare(self, names: list[str], clock: Clock, *, yields: bool) -> Iterator[str]:
        """The commands that may be forgotten, the least needed first; never one still in progress.

        A refused command was never carried out and may be judged anew.
        """
        floor_ns = clock.floor_ns
        ranks = {}
        for name in names:
            kept = self._kept[name]
            if kept.state in _NEVER_DONE:
                ranks[name] = 0
            elif kept.ended and kept.deadline.passed(clock):
                ranks[name] = 1 if 0 < kept.until_ns <= floor_ns else 2
            elif yields:
                ranks[name] = 3 if kept.ended else 4
        return iter(sorted(ranks, key=lambda name: (ranks[name], name)))

    def _forget(self, name: str, clock: Clock) -> list[StateChange]:
        kept = self._kept[name]
        self.drop(name)
        gone = [StateChange(self._room, name, None)]
        if kept.state in _NEVER_DONE or not kept.deadline.passed(clock):
            return gone  # an emergency that may still be due is carried out again, not refused
        if not kept.until_ns:
            self._floor = max(self._floor, name)
            return [*gone, StateChange(self._room, _FLOOR, self._floor.encode())]
        self._floors[kept.shelf] = self._floors[kept.shelf].over(name, kept.until_ns)
        self._unsaved.add(_floor_key(kept.shelf))
        return gone

    def _shortened(self, shelf: str) -> list[StateChange]:
        """Drop the oldest details where there are too many."""
        held = [
            name
            for name, kept in self._kept.items()
            if kept.shelf == shelf and kept.ended and kept.detail is not None
        ]
        over = sum(self._sizes[name] for name in held) - DETAILS_BYTES_MAX
        changes: list[StateChange] = []
        for name in sorted(held) if over > 0 else ():
            if over <= 0:
                break
            over -= self._sizes[name]
            changes.append(self.keep(name, msgspec.structs.replace(self._kept[name], detail=None)))
        return changes

    def _mark(self, key: str) -> StateChange:
        """The current value of that mark, encoded for the journal."""
        if key in self._kept or is_command_id(key):
            kept = self._kept.get(key)
            return StateChange(self._room, key, None if kept is None else _encode(kept))
        if key == _FLOOR:
            return StateChange(self._room, key, self._floor.encode() or None)
        if key == _CURSOR:
            return StateChange(self._marks_room, key, self._cursor.encode() or None)
        floor = next(self._floors[each] for each in ROWS_MAX if _floor_key(each) == key)
        return StateChange(self._marks_room, key, _encode(floor))

    def _lose(self, key: str) -> None:
        """Replace a row that cannot be read by one that prevents a repetition."""
        shelf = next((each for each in ROWS_MAX if _floor_key(each) == key), None)
        if is_command_id(key):
            self.keep(key, CommandRecord(CommandState.FAILED, Deadline("", 0), INTERRUPTED))
        elif shelf is not None:
            self._floors[shelf] = ForgottenFloor(max(self._kept, default=""), INSTANT_NS_MAX)
        elif key == _FLOOR:
            self._floor = max(self._kept, default="")
        else:
            return  # the cursor: polling starts from the beginning
        self._unsaved.add(key)


def state_rooms(name: str) -> tuple[str, str]:
    """The state rooms of an inbox: records of commands, and marks between polls."""
    return f"inbox-{name}", f"inbox.{name}"


def _floor_key(shelf: str) -> str:
    return f"{_FLOOR}-{shelf or 'signed'}"
