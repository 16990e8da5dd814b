"""A platform's command, its lifetime and its states. Pure."""

import enum
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec

from gateway.clock import Deadline
from gateway.errors import CommandRefused
from gateway.event import Timestamps, parse_rfc3339
from gateway.journal.stored_state import INSTANT_NS_MAX

# Room for the settings of a station with 500 devices; an answer may hold 32 such commands.
COMMAND_BYTES_MAX = 131_072

TTL_NS_MAX = 30 * 86_400 * 1_000_000_000

# Ids only grow: one from further ahead would hide every command until then.
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

# Kinds that only query need no signature. Every other kind does, future ones included.
UNSIGNED_KINDS = frozenset({"ping", "clock.offset", "feed.replay"})


class CommandState(enum.Enum):
    """The state of a command; `duplicate` is an answer only and never stored.

    `sent`: passed on without proof of its effect, as a write that cannot be read back.
    """

    ACCEPTED = "accepted"
    DONE = "done"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"


# The transitions; None is a command that was never seen. All other states are final. From None to
# done: an emergency that was carried out before a kill took its record.
MOVES: dict[CommandState | None, frozenset[CommandState]] = {
    None: frozenset(
        {CommandState.ACCEPTED, CommandState.REFUSED, CommandState.EXPIRED, CommandState.DONE}
    ),
    CommandState.ACCEPTED: frozenset(
        {CommandState.DONE, CommandState.SENT, CommandState.FAILED, CommandState.EXPIRED}
    ),
}


class PlatformCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command as the platform sends it; its `id` (UUIDv7) is the idempotency key."""

    id: str
    kind: str
    station: str
    issued: str
    expires: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    signature: str | None = None

    @property
    def issued_ns(self) -> int:
        """When the platform issued it, UTC in ns."""
        return parse_rfc3339(self.issued)

    @property
    def expires_ns(self) -> int:
        """When it expires, UTC in ns; it is never carried out later."""
        return parse_rfc3339(self.expires)

    @property
    def id_ns(self) -> int:
        """When its id was made, UTC in ns: the first 48 bits of a UUIDv7 are milliseconds."""
        return (uuid.UUID(self.id).int >> 80) * 1_000_000

    def deadline(self, now: Timestamps, floor_ns: int = 0) -> Deadline:
        """Its expiry on the boot clock, by what is known of the time.

        Without wall time its time to live counts from now. A command that had expired by the floor,
        a wall time that has certainly passed, is expired whatever the clock says. A clock that is
        slow never lengthens the time to live.
        """
        ttl_ns = self.expires_ns - self.issued_ns
        if now.wall_ns is not None:
            ttl_ns = min(ttl_ns, self.expires_ns - now.wall_ns)
        if self.expires_ns <= floor_ns:
            ttl_ns = 0
        return Deadline(now.boot, now.at_ns + ttl_ns, self.expires_ns)


class ExecutionGuarantee(enum.Enum):
    """What is guaranteed of a command at a kill between acting and recording."""

    # Record, then act. After a kill it has failed, unless its kind can tell the outcome.
    AT_MOST_ONCE = "at most once"

    # Emergency sound: act and record at once. After a kill act again until it has expired; the
    # handler itself must refuse an id that it has seen in this boot.
    AT_LEAST_ONCE = "at least once before expiry"


class Mandate(NamedTuple):
    """What a handler may do: act for command `id`, until the deadline."""

    id: str
    deadline: Deadline


CommandHandler: TypeAlias = Callable[[Any, Mandate], Awaitable[Any]]


class UnconfirmedResult(NamedTuple):
    """Returned by an `act` whose effect cannot be confirmed; `detail` goes into the receipt."""

    detail: Any


class CommandKind(NamedTuple):
    """One kind of command: its data and its handlers.

    `act(data, mandate)` carries it out and returns the detail of the receipt; a StationError makes
    it `failed`. `settle(data, mandate)` runs after a kill and never acts: it returns the outcome.
    It also runs for a late emergency, which may have begun before its record was on disk. The
    `act` of a `cancellable` kind may be cancelled half-way. `urgent(data)` tells which commands of
    an ordinary kind are emergencies, as a loudspeaker order of that class is. `of_uplink`: it
    concerns the uplink that it came over: the same id over two uplinks is two commands.
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
        """The guarantee for a command of this kind with these data."""
        if self.urgent is not None and self.urgent(data):
            return ExecutionGuarantee.AT_LEAST_ONCE
        return self.promise


class _OnlyId(msgspec.Struct):
    id: str


class CommandPreview(msgspec.Struct):
    """The unchecked fields that tell whether a command is urgent."""

    kind: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_glance = msgspec.json.Decoder(CommandPreview)
_command = msgspec.json.Decoder(PlatformCommand)
_only_id = msgspec.json.Decoder(_OnlyId)


def parse_command(raw: bytes) -> PlatformCommand:
    """Parse a command; CommandRefused, with `of` where at least its id can be read."""
    try:
        if len(raw) > COMMAND_BYTES_MAX:
            raise CommandRefused(TOO_LARGE, bytes=len(raw), of=read_id(raw))
        command = _command.decode(raw)
        _check(command)
    except (ValueError, OverflowError, RecursionError) as error:  # includes msgspec.DecodeError
        raise CommandRefused(MALFORMED, reason=str(error), of=read_id(raw)) from error
    return command


def preview_command(raw: bytes) -> CommandPreview:
    """Read kind and data without checks; the kind is empty if it cannot be read."""
    try:
        return _glance.decode(raw[:COMMAND_BYTES_MAX])
    except (ValueError, RecursionError):
        return CommandPreview()


def signed_bytes(raw: bytes) -> Any:
    """The signed part of a command: all of it but the signature."""
    whole = msgspec.json.decode(raw)
    whole.pop("signature", None)
    return whole


def is_command_id(text: str) -> bool:
    """Whether `text` is a command id: a UUIDv7 in its canonical form."""
    try:
        _check_id(text)
    except ValueError:
        return False
    return True


def last_possible_id(at_ns: int) -> str:
    """The highest id that can have been made by that time, UTC in ns."""
    ms = f"{max(at_ns, 0) // 1_000_000:012x}"[-12:]
    return f"{ms[:8]}-{ms[8:]}-7fff-bfff-ffffffffffff"


def _check(command: PlatformCommand) -> None:
    _check_id(command.id)
    if not 0 < command.expires_ns - command.issued_ns <= TTL_NS_MAX:
        raise ValueError(command.expires)
    if command.issued_ns < 0 or command.expires_ns > INSTANT_NS_MAX:
        raise ValueError(command.issued)


def _check_id(text: str) -> None:
    # Ids are compared as text: in the canonical form of version 7 they sort by time.
    found = uuid.UUID(text)
    if str(found) != text or found.version != 7:  # noqa: PLR2004
        raise ValueError(text)


def read_id(raw: bytes) -> str | None:
    """The id of a command that may be malformed otherwise; None if it cannot be read."""
    try:
        found = _only_id.decode(raw).id
        _check_id(found)
    except (ValueError, RecursionError):
        return None
    return found
