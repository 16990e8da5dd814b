"""The work that a command stands for, and its outcome."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.errors import CommandRefused, StationError
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import CommandKind, CommandState, ExecutionGuarantee, Mandate
from gateway.upstream.inbox.command_store import ASKED, SIGNED, URGENT

# The end of a command: state, reason code, detail.
CommandOutcome = tuple[CommandState, str | None, Any]

EXPIRED: CommandOutcome = (CommandState.EXPIRED, c.EXPIRED, None)


class CommandResult(NamedTuple):
    """The result of handling one received command.

    `news`: this process met it for the first time. `stored`: the answer is on disk. `passes`: the
    id up to which polling may move on because of it.
    """

    news: bool
    stored: bool = True
    id: str = ""
    passes: str = ""


class CommandWork(NamedTuple):
    """A command that may be carried out: its kind, data and guarantee."""

    kind: CommandKind
    data: msgspec.Struct
    raw: str
    promise: ExecutionGuarantee

    @property
    def shelf(self) -> str:
        """The shelf that keeps its record."""
        if self.promise is ExecutionGuarantee.AT_LEAST_ONCE:
            return URGENT
        return ASKED if self.kind.name in c.UNSIGNED_KINDS else SIGNED


def find_work(kinds: Mapping[str, CommandKind], kind_name: str, raw: bytes) -> CommandWork:
    """Find its handler and decode its data; CommandRefused if either fails."""
    kind = kinds.get(kind_name)
    if kind is None:
        raise CommandRefused(c.UNAVAILABLE, kind=kind_name)
    try:
        data = msgspec.json.decode(raw, type=kind.data)
        text = raw.decode()
    except (ValueError, RecursionError) as error:  # includes msgspec.DecodeError
        raise CommandRefused(c.MALFORMED, reason=str(error)) from error
    except StationError as error:  # from the kind's own check of its data
        raise CommandRefused(error.code, **error.data) from error
    return CommandWork(kind, data, text, kind.promised(data))


async def final_outcome(work: CommandWork, mandate: Mandate) -> CommandOutcome:
    """Expired, unless `settle` knows that it was carried out before a kill took its record."""
    if work.promise is not ExecutionGuarantee.AT_LEAST_ONCE or work.kind.settle is None:
        return EXPIRED
    try:
        return CommandState.DONE, None, await work.kind.settle(work.data, mandate)
    except StationError:
        return EXPIRED


def plain_data(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """An error's data for a receipt, without values that JSON cannot hold."""
    found = {}
    for name, value in data.items():
        with contextlib.suppress(TypeError, ValueError):
            msgspec.json.encode(value)
            found[name] = value
    return found or None
