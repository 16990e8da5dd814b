"""What carries a command out, and how it ended."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.errors import CommandRefused, StationError
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import CommandKind, CommandState, ExecutionGuarantee, Mandate
from gateway.upstream.inbox.command_store import ASKED, SIGNED, URGENT

# How a command ended: the state, the reason, the detail.
CommandOutcome = tuple[CommandState, str | None, Any]

EXPIRED: CommandOutcome = (CommandState.EXPIRED, c.EXPIRED, None)


class CommandResult(NamedTuple):
    """What taking one command came to.

    `news`: this process met it for the first time. `stored`: the answer is on disk. `passes`: up to
    which id the platform need not be asked again because of it.
    """

    news: bool
    stored: bool = True
    id: str = ""
    passes: str = ""


class CommandWork(NamedTuple):
    """A command that may be carried out, and what does it."""

    kind: CommandKind
    data: msgspec.Struct
    raw: str
    promise: ExecutionGuarantee

    @property
    def shelf(self) -> str:
        """Where its fate is kept."""
        if self.promise is ExecutionGuarantee.AT_LEAST_ONCE:
            return URGENT
        return ASKED if self.kind.name in c.UNSIGNED_KINDS else SIGNED


def find_work(kinds: Mapping[str, CommandKind], kind_name: str, raw: bytes) -> CommandWork:
    """What would carry it out; CommandRefused if nothing does, or its data are wrong."""
    kind = kinds.get(kind_name)
    if kind is None:
        raise CommandRefused(c.UNAVAILABLE, kind=kind_name)
    try:
        data = msgspec.json.decode(raw, type=kind.data)
        text = raw.decode()
    except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
        raise CommandRefused(c.MALFORMED, reason=str(error)) from error
    except StationError as error:  # what a kind's own check of its data says
        raise CommandRefused(error.code, **error.data) from error
    return CommandWork(kind, data, text, kind.promised(data))


async def final_outcome(work: CommandWork, mandate: Mandate) -> CommandOutcome:
    """Expired; but never said of an emergency that was heard before a kill took its record."""
    if work.promise is not ExecutionGuarantee.AT_LEAST_ONCE or work.kind.settle is None:
        return EXPIRED
    try:
        return CommandState.DONE, None, await work.kind.settle(work.data, mandate)
    except StationError:
        return EXPIRED


def plain_data(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """An error's data as a receipt shows them; what is no plain value is left out."""
    found = {}
    for name, value in data.items():
        with contextlib.suppress(TypeError, ValueError):
            msgspec.json.encode(value)
            found[name] = value
    return found or None
