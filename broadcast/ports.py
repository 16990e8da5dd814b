"""What the room needs of others, as little as that is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from broadcast.audio_protocol.messages import AudioEvent, AudioState, Programme
from gateway.event import Event as Fact
from gateway.event import JournalEntry
from gateway.journal import StateChange, StateStore


class AudioPort(Protocol):
    """The audio process; `broadcast.audio_client.client.AudioClient` is one."""

    def add_listener(self, listener: Callable[[AudioEvent], None]) -> None:
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

    async def set_level(self, id_: str, zone: str, db: float) -> None:
        """Duck or restore it."""

    async def open_live(self, programme: Programme) -> None:
        """Open live sound."""

    async def feed_live(self, id_: str, pcm: bytes) -> None:
        """Feed it."""

    async def end_live(self, id_: str) -> None:
        """No more comes."""

    async def fetch_state(self) -> AudioState:
        """What it holds."""

    async def begin_capture(self, id_: str, device: str | None) -> None:
        """Open a microphone of this machine."""

    async def end_capture(self, id_: str) -> None:
        """Close it."""

    async def self_test(self, speakers: Sequence[str], chime: Path | None = None) -> None:
        """Let these loudspeakers show how far they work."""


class OrderJournal(StateStore, Protocol):
    """What the room needs of the journal."""

    @property
    def epoch(self) -> str:
        """Of this journal."""

    async def append(
        self, events: Sequence[Fact], state: Sequence[StateChange] = ()
    ) -> tuple[JournalEntry, ...]:
        """Store both or neither."""
