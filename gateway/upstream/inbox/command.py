"""What a command is, how long it lives, and which states it can be in. Pure."""

import enum
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec

from gateway.clock import Deadline
from gateway.errors import CommandRefused
from gateway.event import Timestamps, parse_rfc3339
from gateway.journal.stored_state import INSTANT_NS_MAX

# The settings of a station with 500 devices fit, and 32 such commands in one answer.
COMMAND_BYTES_MAX = 131_072

TTL_NS_MAX = 30 * 86_400 * 1_000_000_000

# An id from further ahead than this would hide all commands until then: ids only grow.
AHEAD_NS_MAX = 3_600 * 1_000_000_000

MALFORMED = "inbox.malformed"
TOO_LARGE = "inbox.too-large"
WRONG_STATION = "inbox.wrong-station"
AHEAD = "inbox.ahead"
EXPIRED = "inbox.expired"
UNSIGNED = "inbox.unsigned"
FORGED = "inbox.forged"
NO_KEY = "inbox.no-key"
CANCELLED = "inbox.cancelled"
UNAVAILABLE = "inbox.unavailable"
FORGOTTEN = "inbox.forgotten"
BUSY = "inbox.busy"
INTERRUPTED = "inbox.interrupted"
FAULT = "inbox.fault"

# What only asks needs no signature; everything else does, of whatever kind it will be.
UNSIGNED_KINDS = frozenset({"ping", "clock.offset", "feed.replay"})


class CommandState(enum.Enum):
    """Where a command stands; `duplicate` is only ever an answer, never kept.

    `sent` ends what was handed on and nobody can prove: a write that cannot be read back.
    """

    ACCEPTED = "accepted"
    DONE = "done"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"


# From where to where; None is a command that was never seen. All other states are final.
#
# From None to done leads only what an emergency did before a kill that took the record of it.
MOVES: dict[CommandState | None, frozenset[CommandState]] = {
    None: frozenset(
        {CommandState.ACCEPTED, CommandState.REFUSED, CommandState.EXPIRED, CommandState.DONE}
    ),
    CommandState.ACCEPTED: frozenset(
        {CommandState.DONE, CommandState.SENT, CommandState.FAILED, CommandState.EXPIRED}
    ),
}


class PlatformCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the platform; `id` (UUIDv7) makes a repetition harmless."""

    id: str
    kind: str
    station: str
    issued: str
    expires: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    signature: str | None = None

    @property
    def issued_ns(self) -> int:
        """When the platform wrote it, UTC."""
        return parse_rfc3339(self.issued)

    @property
    def expires_ns(self) -> int:
        """After this, UTC, it is never carried out."""
        return parse_rfc3339(self.expires)

    @property
    def id_ns(self) -> int:
        """When its id was made, UTC: the first 48 bits of a UUIDv7 are milliseconds."""
        return (uuid.UUID(self.id).int >> 80) * 1_000_000

    def deadline(self, now: Timestamps, floor_ns: int = 0) -> Deadline:
        """Its expiry on the boot clock, by what is known of the time.

        Without wall time its time to live counts from now. What had expired at the floor, wall
        time that has certainly passed, has expired whatever a clock says. A clock that is behind
        never lengthens the time to live.
        """
        ttl_ns = self.expires_ns - self.issued_ns
        if now.wall_ns is not None:
            ttl_ns = min(ttl_ns, self.expires_ns - now.wall_ns)
        if self.expires_ns <= floor_ns:
            ttl_ns = 0
        return Deadline(now.boot, now.at_ns + ttl_ns, self.expires_ns)


class ExecutionGuarantee(enum.Enum):
    """What a kind may do at a kill between acting and recording."""

    # Record, then act; after a kill it is failed, or its kind can tell what became of it.
    AT_MOST_ONCE = "at most once"

    # Emergency sound: act and record together; after a kill act again until it has expired.
    # What acts must itself refuse an id that it has seen in this boot.
    AT_LEAST_ONCE = "at least once before expiry"


class Mandate(NamedTuple):
    """What an accepted command allows: to act in the name of `id`, until the deadline."""

    id: str
    deadline: Deadline


CommandHandler: TypeAlias = Callable[[Any, Mandate], Awaitable[Any]]


class UnconfirmedResult(NamedTuple):
    """What an `act` returns that has handed on what nobody can prove; `detail` is the receipt's."""

    detail: Any


class CommandKind(NamedTuple):
    """One kind: what its data look like, and what carries it out.

    `act(data, mandate)` returns the detail of the receipt; a StationError makes it `failed`.
    `settle`, the same after a kill, never acts: it tells what became of it, and is asked of a late
    emergency, too, which may have begun before its record was on disk. A `cancellable` kind
    bears that its `act` is cancelled half-way. `urgent(data)` picks from a kind that promises less
    those that are emergencies nevertheless, as a loudspeaker order of that class is. `of_uplink`:
    it concerns the uplink that it comes by, so that over two of them it is two commands.
    """

    name: str
    data: type[msgspec.Struct]
    act: CommandHandler
    promise: ExecutionGuarantee = ExecutionGuarantee.AT_MOST_ONCE
    settle: CommandHandler | None = None
    cancellable: bool = False
    urgent: Callable[[Any], bool] | None = None
    of_uplink: bool = False

    def promised(self, data: Any) -> ExecutionGuarantee:
        """What a command of this kind with these data is promised."""
        if self.urgent is not None and self.urgent(data):
            return ExecutionGuarantee.AT_LEAST_ONCE
        return self.promise


class _OnlyId(msgspec.Struct):
    id: str


class CommandPreview(msgspec.Struct):
    """What tells, unchecked, whether a command is in a hurry."""

    kind: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_glance = msgspec.json.Decoder(CommandPreview)
_command = msgspec.json.Decoder(PlatformCommand)
_only_id = msgspec.json.Decoder(_OnlyId)


def parse_command(raw: bytes) -> PlatformCommand:
    """The command in these bytes; CommandRefused, with `of` if at least its id can be read."""
    try:
        if len(raw) > COMMAND_BYTES_MAX:
            raise CommandRefused(TOO_LARGE, bytes=len(raw), of=read_id(raw))
        command = _command.decode(raw)
        _check(command)
    except (ValueError, OverflowError, RecursionError) as error:  # msgspec's are ValueErrors
        raise CommandRefused(MALFORMED, reason=str(error), of=read_id(raw)) from error
    return command


def preview_command(raw: bytes) -> CommandPreview:
    """The kind and data that these bytes name, unchecked; the kind is empty if none can be read."""
    try:
        return _glance.decode(raw[:COMMAND_BYTES_MAX])
    except (ValueError, RecursionError):
        return CommandPreview()


def signed_bytes(raw: bytes) -> Any:
    """What a command's signature is over: all of it but the signature itself."""
    whole = msgspec.json.decode(raw)
    whole.pop("signature", None)
    return whole


def is_command_id(text: str) -> bool:
    """Whether that is a command's id: a UUIDv7 in its canonical form."""
    try:
        _check_id(text)
    except ValueError:
        return False
    return True


def last_possible_id(at_ns: int) -> str:
    """The highest id that can have been made by that time, UTC."""
    ms = f"{max(at_ns, 0) // 1_000_000:012x}"[-12:]
    return f"{ms[:8]}-{ms[8:]}-7fff-bfff-ffffffffffff"


def _check(command: PlatformCommand) -> None:
    _check_id(command.id)
    if not 0 < command.expires_ns - command.issued_ns <= TTL_NS_MAX:
        raise ValueError(command.expires)
    if command.issued_ns < 0 or command.expires_ns > INSTANT_NS_MAX:
        raise ValueError(command.issued)


def _check_id(text: str) -> None:
    # Version 7 in its canonical form: ids are compared as text, and sort by time.
    found = uuid.UUID(text)
    if str(found) != text or found.version != 7:  # noqa: PLR2004
        raise ValueError(text)


def read_id(raw: bytes) -> str | None:
    """The id in these bytes, whatever else is wrong with them."""
    try:
        found = _only_id.decode(raw).id
        _check_id(found)
    except (ValueError, RecursionError):
        return None
    return found
