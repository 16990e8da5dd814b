"""What the broadcast needs of the audio process and of the journal."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from broadcast.audio_protocol.messages import AudioEvent, AudioState, Programme
from gateway.event import Event as Fact
from gateway.event import JournalEntry
from gateway.journal import StateChange, StateStore


class AudioPort(Protocol):
    """The audio process; `broadcast.audio_client.client.AudioClient` implements it."""

    def add_listener(self, listener: Callable[[AudioEvent], None]) -> None:
        """Call `listener` with every event."""

    async def prepare(self, programme: Programme) -> int:
        """Read a programme into memory; returns its number of frames."""

    async def play(
        self,
        id_: str,
        start: int = 0,
        *,
        zones: Sequence[str] = (),
        replaces: Sequence[str] = (),
    ) -> None:
        """Play a programme from that frame on, in place of others; in `zones` again, too."""

    async def stop(
        self, id_: str | None = None, zones: Sequence[str] = (), why: str = "stopped"
    ) -> None:
        """Stop a programme, or what plays in the zones."""

    async def set_level(self, id_: str, zone: str, db: float) -> None:
        """Duck or restore a programme."""

    async def open_live(self, programme: Programme) -> None:
        """Open live sound."""

    async def feed_live(self, id_: str, pcm: bytes) -> None:
        """Feed live sound."""

    async def end_live(self, id_: str) -> None:
        """End live sound."""

    async def fetch_state(self) -> AudioState:
        """What the audio process holds."""

    async def begin_capture(self, id_: str, device: str | None) -> None:
        """Open a microphone of this machine."""

    async def end_capture(self, id_: str) -> None:
        """Close a microphone."""

    async def self_test(self, speakers: Sequence[str], chime: Path | None = None) -> None:
        """Let these loudspeakers show how far they work."""


class OrderJournal(StateStore, Protocol):
    """What orders need of the journal."""

    @property
    def epoch(self) -> str:
        """The journal's epoch."""

    async def append(
        self, events: Sequence[Fact], state: Sequence[StateChange] = ()
    ) -> tuple[JournalEntry, ...]:
        """Store events and state, both or neither."""
