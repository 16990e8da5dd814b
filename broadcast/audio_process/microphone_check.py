"""Checks with microphones whether an order is heard, in processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

from broadcast.audio_process.background import BackgroundWorkers
from broadcast.audio_process.sources import FrameSource, LiveSource
from broadcast.audio_process.speaker_bank import SpeakerBank
from broadcast.audio_protocol import messages

# How long the check may compute after it has listened.
ANSWER_WITHIN_S = 10.0

# The part of an order that is listened for: two seconds, late enough for a slow machine to have
# opened its microphone.
#
# Less is no proof: another sentence of the same voice is too similar.
FROM_FRAME, FRAMES = 150, 100

LISTENS_S = 6.5
# Each is a Python of its own, in the memory of this unit.
EARS_MAX = 2


def listen(microphone: str, pcm: bytes, seconds: float, ready: Callable[[], None]) -> bool | None:
    """Whether that sound is heard by the microphone; None if it could not listen. Blocks.

    `ready` is called as soon as the microphone listens.
    """
    argv = [sys.executable, "-m", "broadcast.speakers.microphone_probe", microphone, str(seconds)]
    # The microphone's name comes from the settings: nothing from outside.
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ear:  # noqa: S603 - see above
        try:
            assert ear.stdin is not None
            assert ear.stdout is not None
            ear.stdin.write(pcm)
            ear.stdin.close()
            if ear.stdout.readline().strip() != b"listening":
                return None
            ready()
            ear.wait(seconds + ANSWER_WITHIN_S)
            return {b"heard": True, b"silent": False}.get(ear.stdout.read().strip())
        finally:
            ear.kill()


class MicrophoneChecks:
    """Checks whether an order is heard where a loudspeaker has a microphone.

    Another sound, wind or a stop half-way make the result uncertain, so that silence is not a
    fault.
    """

    def __init__(
        self,
        outlets: SpeakerBank,
        errands: BackgroundWorkers,
        tell: Callable[[messages.AudioEvent], None],
    ) -> None:
        """`tell` gets an event for each loudspeaker that was heard."""
        self._outlets = outlets
        self._errands = errands
        self._tell = tell
        self._open: set[str] = set()

    def start_check(self, programme: str, source: FrameSource, speakers: Sequence[str]) -> None:
        """Check a programme that has just begun at these loudspeakers, from its start."""
        if isinstance(source, LiveSource) or source.frames < FROM_FRAME + FRAMES:
            return
        beside: dict[str, list[str]] = {}
        for id_ in speakers:
            if (microphone := self._outlets.microphone(id_)) is not None:
                beside.setdefault(microphone, []).append(id_)
        for microphone in beside.keys() - self._open:
            if len(self._open) < EARS_MAX:
                self._open.add(microphone)
                frames = (source.frame(n) for n in range(FROM_FRAME, FROM_FRAME + FRAMES))
                pcm = b"".join(frame or b"" for frame in frames)
                work = partial(self._listen, programme, microphone, pcm, beside[microphone])
                self._errands.run(work)

    def _listen(self, programme: str, microphone: str, pcm: bytes, ids: list[str]) -> None:
        """Runs in a thread."""
        try:
            heard = listen(microphone, pcm, LISTENS_S, lambda: None)
        except (OSError, subprocess.TimeoutExpired):
            heard = None
        self._errands.post(partial(self._done, programme, microphone, ids if heard else []))

    def _done(self, programme: str, microphone: str, heard: list[str]) -> None:
        self._open.discard(microphone)
        for id_ in heard:
            if id_ in self._outlets.keepers:
                self._outlets.keepers[id_].note_microphone(True)
                self._tell(messages.ProgrammeHeard(programme, id_))
