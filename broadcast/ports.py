"""What the room needs of others, as little as that is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from broadcast.engine.wire import Event, Programme, State
from broadcast.ladder import Part
from broadcast.order import Order
from gateway.event import Entry
from gateway.event import Event as Fact
from gateway.journal import StateChange, StateStore


class Engine(Protocol):
    """The audio process; `broadcast.engine.client.Engine` is one."""

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell this one every event."""

    async def prepare(self, programme: Programme) -> int:
        """Read it into memory."""

    async def play(
        self,
        id_: str,
        start: int = 0,
        *,
        zones: Sequence[str] = (),
        replaces: Sequence[str] = (),
    ) -> None:
        """Sound it from that frame on, in the place of others; in these zones again too."""

    async def stop(
        self, id_: str | None = None, zones: Sequence[str] = (), why: str = "stopped"
    ) -> None:
        """Stop it."""

    async def level(self, id_: str, zone: str, db: float) -> None:
        """Duck or restore it."""

    async def live_open(self, programme: Programme) -> None:
        """Open live sound."""

    async def live(self, id_: str, pcm: bytes) -> None:
        """Feed it."""

    async def live_end(self, id_: str) -> None:
        """No more comes."""

    async def state(self) -> State:
        """What it holds."""


class Made(NamedTuple):
    """One round of an order's sound, `clips` by their hashes; `siren`: its words are to follow."""

    parts: tuple[Part, ...] = ()
    clips: tuple[str, ...] = ()
    gap_s: float = 0.0
    siren: bool = False

    @property
    def seconds(self) -> float:
        """How long one round is."""
        return sum(part.seconds for part in self.parts)


class Studio(Protocol):
    """Makes what an order wants heard; `broadcast.studio.Studio` is one."""

    async def make(self, order: Order) -> Made:
        """StationError if that cannot be made."""

    async def siren(self, order: Order) -> Made:
        """What an emergency sounds until its words are made."""


class Ledger(StateStore, Protocol):
    """What the room needs of the journal."""

    @property
    def epoch(self) -> str:
        """Of this journal."""

    async def append(
        self, events: Sequence[Fact], state: Sequence[StateChange] = ()
    ) -> tuple[Entry, ...]:
        """Store both or neither."""
