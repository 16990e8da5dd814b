"""What a command is, how long it lives, and which states it can be in. Pure."""

import datetime
import enum
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from gateway.clock import Deadline
from gateway.errors import CommandRefused
from gateway.event import Stamps

COMMAND_BYTES_MAX = 65_536
TTL_NS_MAX = 30 * 86_400 * 1_000_000_000

MALFORMED = "inbox.malformed"
WRONG_STATION = "inbox.wrong-station"
EXPIRED = "inbox.expired"
UNSIGNED = "inbox.unsigned"
UNAVAILABLE = "inbox.unavailable"
FORGOTTEN = "inbox.forgotten"
BUSY = "inbox.busy"
INTERRUPTED = "inbox.interrupted"
NOTHING_NEW = "inbox.nothing-new"

SIGNED_FAMILIES = ("broadcast", "kiosk", "relay", "settings")
"""Kinds that make sound, speak at a kiosk, move a relay or change settings carry a signature."""


class State(enum.Enum):
    """Where a command stands; `duplicate` is only ever an answer, never kept."""

    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"


MOVES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.ACCEPTED, State.REFUSED, State.EXPIRED}),
    State.ACCEPTED: frozenset({State.DONE, State.FAILED}),
}
"""From where to where; None is a command that was never seen. All other states are final."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the platform; `id` (UUIDv7) makes a repetition harmless."""

    id: str
    kind: str
    station: str
    issued: str
    expires: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    signature: str | None = None

    @property
    def family(self) -> str:
        """The part of the kind before its first dot."""
        return self.kind.partition(".")[0]

    @property
    def issued_ns(self) -> int:
        """When the platform wrote it, UTC."""
        return wall_ns(self.issued)

    @property
    def expires_ns(self) -> int:
        """After this, UTC, it is never carried out."""
        return wall_ns(self.expires)

    def deadline(self, now: Stamps) -> Deadline:
        """Its expiry on the boot clock; without wall time, its time to live counts from now."""
        if now.wall_ns is None:
            return Deadline(now.boot, now.at_ns + self.expires_ns - self.issued_ns)
        return Deadline(now.boot, now.at_ns + self.expires_ns - now.wall_ns)


class CommandKind(NamedTuple):
    """One kind: what its data look like, and what carries it out.

    `act(data, deadline)` returns the detail of the receipt; a StationError makes it `failed`.
    """

    name: str
    data: type[msgspec.Struct]
    act: Callable[[Any, Deadline], Awaitable[Any]]


class _OnlyId(msgspec.Struct):
    id: str


_command = msgspec.json.Decoder(Command)
_only_id = msgspec.json.Decoder(_OnlyId)


def parse(raw: bytes) -> Command:
    """The command in these bytes; CommandRefused, with `of` if at least its id can be read."""
    try:
        command = _command.decode(raw)
        _check(command, len(raw))
    except (ValueError, OverflowError) as error:  # msgspec's errors are ValueErrors
        raise CommandRefused(MALFORMED, reason=str(error), of=_readable_id(raw)) from error
    return command


def wall_ns(text: str) -> int:
    """UTC in ns of an RFC 3339 time with an offset; ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def _check(command: Command, size: int) -> None:
    _check_id(command.id)
    if size > COMMAND_BYTES_MAX:
        raise ValueError(size)
    if not 0 < command.expires_ns - command.issued_ns <= TTL_NS_MAX:
        raise ValueError(command.expires)


def _check_id(text: str) -> None:
    # Version 7 in its canonical form: ids are compared as text, and sort by time.
    found = uuid.UUID(text)
    if str(found) != text or found.version != 7:  # noqa: PLR2004
        raise ValueError(text)


def _readable_id(raw: bytes) -> str | None:
    try:
        found = _only_id.decode(raw).id
        _check_id(found)
    except ValueError:
        return None
    return found
