"""What an inlet and the bus behind it say to each other."""

import enum
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from drivers.message import DeviceMessage, InletNeed


class MessageOutcome(enum.Enum):
    """What became of a message."""

    STORED = "stored"
    # Understood, but the journal did not take it: the sender has to repeat it.
    REFUSED = "refused"
    GARBLED = "garbled"
    # No device of the settings speaks so.
    UNKNOWN = "unknown"


class MessageReceipt(NamedTuple):
    """A verdict, and the bytes with which the family replies (None: with none)."""

    verdict: MessageOutcome
    reply: bytes | None = None


# Takes one message; returns once the journal has decided about it. Never raises.
OnMessage: TypeAlias = Callable[[DeviceMessage], Awaitable[MessageReceipt]]


class Inlet(Protocol):
    """A port that listens while `serve` runs."""

    async def serve(self, on_message: OnMessage, on_open: Callable[[], None]) -> None:
        """Listen until cancelled; LineDown says why it cannot be. `on_open`: it listens now."""


class OpenInlet(Protocol):
    """How an inlet is made of its options; nothing is opened before `serve`."""

    def __call__(self, options: msgspec.Struct, need: InletNeed, keys: Path | None) -> Inlet:
        """`need` is what the families behind it declare; `keys` the folder of credentials."""


class InletKind(msgspec.Struct, frozen=True):
    """A value of `kind` in `[inlet.*]`, its options and how it is opened.

    `shared` of the options says whether devices of several families may use one.
    """

    name: str
    options: type[msgspec.Struct]
    open: OpenInlet
