"""`command.cancel`: cancel a command in progress."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.errors import CommandRefused
from gateway.upstream.inbox.command import CommandKind, CommandState, Mandate


class CancelData(msgspec.Struct, frozen=True):
    """The command to cancel."""

    of: str


def cancel_command(cancel: Callable[[str], CommandState | None]) -> CommandKind:
    """The kind; it fails with the command's state where there is nothing left to cancel."""

    async def act(asked: CancelData, _mandate: Mandate) -> Any:
        state = cancel(asked.of)
        if state is None:
            raise CommandRefused("inbox.unknown-command")
        if state is not CommandState.ACCEPTED:
            raise CommandRefused("inbox.too-late", state=state.value)
        return {"of": asked.of}

    return CommandKind("command.cancel", CancelData, act, of_uplink=True)
