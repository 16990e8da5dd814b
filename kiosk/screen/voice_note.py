"""What somebody says at a kiosk instead of typing it: heard by a microphone of the station's.

The browser has none. A voice is a personal field: until it is sealed it is in memory only, of one
kiosk at a time, and gone with the page on which it was said.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from gateway.clock import Deadline
from gateway.errors import StationError
from kiosk.requests.request import VoiceNote
from kiosk.screen.session import KioskSession, VoiceState

log = logging.getLogger(__name__)

# No longer than this is listened.
SECONDS_MAX = 30

# So long a press waits for the microphone; the screen says that it is being opened after that.
BEGINS_WITHIN_S = 5.0


# Why there is no voice: the microphone cannot be had, or nothing was said.
BROKEN, NOTHING = "voice-broken", "voice-nothing"


class RecordingControl(NamedTuple):
    """One recording, as the page drives it.

    `ready` is called when the microphone runs, to ask the person to speak. `enough`: they have
    said that they have ended.
    """

    ready: Callable[[], Awaitable[None]]
    enough: asyncio.Event


class VoiceRecorder(Protocol):
    """The station's microphones; the sounding room is behind them."""

    async def record(self, microphone: str, zone: str, talk: RecordingControl) -> VoiceNote | None:
        """Hear somebody out, half a minute at most; None if nothing was said. Unavailable.

        What is heard counts from the moment at which nothing sounds in that zone any more.
        """

    async def play(self, note: VoiceNote, zone: str, about: str, expires: Deadline) -> bool:
        """Let it be heard in that zone, as `Speaker.say` says a sentence."""


# How it stands with the voice: its seconds when it is kept, why there is none.
NoteListener = Callable[[VoiceState, float, str], None]


class VoiceNoteFlow:
    """One kiosk's: at most one note, for as long as the session has it."""

    def __init__(self, ears: VoiceRecorder | None, microphone: str | None, zone: str) -> None:
        """Without a microphone the step is never shown."""
        self._ears = ears
        self._microphone = microphone
        self._zone = zone
        self._hearing: asyncio.Task[None] | None = None
        self._enough = asyncio.Event()
        self.note: VoiceNote | None = None

    @property
    def possible(self) -> bool:
        """Whether there is a microphone."""
        return self._ears is not None and self._microphone is not None

    async def start_recording(
        self, ask: Callable[[], Awaitable[None]], turned: NoteListener
    ) -> None:
        """Open the microphone, then `ask` the person to speak; returns when it listens, or not."""
        self._forget()
        opened, self._enough = asyncio.Event(), asyncio.Event()

        async def ready() -> None:
            turned("listen", 0, "")
            opened.set()
            await ask()

        hearing = self._hear(RecordingControl(ready, self._enough), turned)
        self._hearing = asyncio.get_running_loop().create_task(hearing)
        self._hearing.add_done_callback(lambda _: opened.set())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEGINS_WITHIN_S):
                await opened.wait()

    def stop_recording(self) -> None:
        """Somebody has said that they have ended."""
        self._enough.set()

    async def play_note(self, about: str, expires: Deadline) -> None:
        """Let it be heard once more."""
        if self._ears is not None and self.note is not None:
            await self._ears.play(self.note, self._zone, about, expires)

    def follow_session(self, session: KioskSession) -> None:
        """Nothing of a voice stays where the session has none."""
        if not session.voice:
            self._forget()

    def _forget(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        self._hearing = self.note = None

    async def _hear(self, talk: RecordingControl, turned: NoteListener) -> None:
        assert self._ears is not None
        assert self._microphone is not None
        why, note = NOTHING, None
        try:
            note = await self._ears.record(self._microphone, self._zone, talk)
        except StationError as error:
            log.warning("the microphone %s: %s", self._microphone, error)
            why = BROKEN
        self._hearing, self.note = None, note
        if note is None:
            turned("", 0, why)
        else:
            turned("kept", note.seconds, "")
