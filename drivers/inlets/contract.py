"""The interface between an inlet and the bus behind it."""

import enum
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from drivers.message import DeviceMessage, InletNeed


class MessageOutcome(enum.Enum):
    """What became of a message."""

    STORED = "stored"
    # Understood, but not in the journal: the sender must repeat it.
    REFUSED = "refused"
    GARBLED = "garbled"
    # No configured device sent it.
    UNKNOWN = "unknown"


class MessageReceipt(NamedTuple):
    """The outcome, and the family's reply to the sender (None: no reply)."""

    verdict: MessageOutcome
    reply: bytes | None = None


# Processes one message; returns once the journal has decided. Never raises.
OnMessage: TypeAlias = Callable[[DeviceMessage], Awaitable[MessageReceipt]]


class Inlet(Protocol):
    """A port that listens while `serve` runs."""

    async def serve(self, on_message: OnMessage, on_open: Callable[[], None]) -> None:
        """Listen until cancelled; LineDown if that fails. Calls `on_open` once it listens."""


class OpenInlet(Protocol):
    """Makes an inlet of its options; nothing is opened before `serve`."""

    def __call__(self, options: msgspec.Struct, need: InletNeed, keys: Path | None) -> Inlet:
        """`need` is what the families behind it declare; `keys` the folder of credentials."""


class InletKind(msgspec.Struct, frozen=True):
    """A value of `kind` in `[inlet.*]`: its options, and what opens it.

    `shared` of the options says whether devices of several families may use one inlet.
    """

    name: str
    options: type[msgspec.Struct]
    open: OpenInlet
