"""Self-tests: what each speaker says of itself, and what a microphone says of it."""

import contextlib
import subprocess
from collections.abc import Sequence
from functools import partial

from broadcast.audio_process.background import BackgroundWorkers
from broadcast.audio_process.microphone_check import listen
from broadcast.audio_process.mixer import Mixer
from broadcast.audio_process.sources import FileSource, PcmCache
from broadcast.audio_process.speaker_bank import SpeakerBank
from broadcast.audio_protocol.boottime import now_ns
from broadcast.audio_protocol.messages import CUT, Programme
from broadcast.audio_protocol.pcm import RATE, WIDTH
from gateway.errors import CommandRefused

RANK = 2
# How much longer than the chime the microphone listens: buffers, and the echo of a hall.
MARGIN_S = 1.5

PREFIX = "self-test:"


class SelfTestRunner:
    """Tests one microphone at a time: each would hear the chime of another test.

    No chime plays where something else does, nor anywhere during an emergency.
    """

    def __init__(self, mixer: Mixer, outlets: SpeakerBank, errands: BackgroundWorkers) -> None:
        self._mixer = mixer
        self._outlets = outlets
        self._errands = errands
        self._queue: list[tuple[str, str, str]] = []
        self._listening = False
        self._chime: str | None = None
        self._disturbed = False

    def begin(self, ids: Sequence[str], chime: str | None) -> None:
        """Probe these; those with a microphone play the chime and listen."""
        for id_ in ids:
            keeper = self._outlets.keepers.get(id_)
            if keeper is None:
                continue
            keeper.probe()
            microphone = self._outlets.microphone(id_)
            waiting = {queued for queued, _, _ in self._queue}
            if chime is not None and microphone is not None and id_ not in waiting:
                self._queue.append((id_, microphone, chime))
        self._next()

    def make_way(self) -> None:
        """Stop the chime, because a programme has just begun."""
        if self._mixer.urgent:
            self._queue.clear()
        if self._chime is not None and self._taken(self._chime):
            self._disturbed = True
            with contextlib.suppress(CommandRefused):  # it has ended by itself
                self._mixer.stop(PREFIX + self._chime, (), CUT)

    def _taken(self, id_: str) -> bool:
        return self._mixer.urgent or self._mixer.is_sounding(id_, besides=PREFIX + id_)

    def _next(self) -> None:
        if self._queue and not self._listening:
            self._listening, self._disturbed = True, False
            id_, microphone, chime = self._queue.pop(0)
            self._errands.run(lambda: self._listen(id_, microphone, chime))

    def _listen(self, id_: str, microphone: str, chime: str) -> None:
        """Listen in a thread, by a process of its own."""
        try:
            programme = Programme(
                id=PREFIX + id_, zones=(f"speaker:{id_}",), files=(chime,), rank=RANK
            )
            tape = PcmCache().tape(programme)
            pcm = b"".join(tape.frame(n) or b"" for n in range(tape.frames))
            seconds = tape.size / (RATE * WIDTH) + MARGIN_S
            sound = partial(self._sound, id_, programme, tape)
            heard = listen(microphone, pcm, seconds, lambda: self._errands.post(sound))
        except (OSError, CommandRefused, subprocess.TimeoutExpired):
            heard = None
        self._errands.post(lambda: self._done(id_, heard))

    def _sound(self, id_: str, programme: Programme, tape: FileSource) -> None:
        self._disturbed = self._taken(id_)
        if self._disturbed:
            return
        try:
            self._mixer.prepare(programme, tape, now_ns())
            self._mixer.play(programme.id, 0, now_ns())
            self._chime = id_
        except CommandRefused:  # no room
            self._disturbed = True

    def _done(self, id_: str, heard: bool | None) -> None:
        self._listening, self._chime = False, None
        keeper = self._outlets.keepers.get(id_)
        if keeper is not None and not self._disturbed:
            keeper.note_microphone(heard)
        self._next()
