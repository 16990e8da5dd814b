"""Sound in the mixer: frames of 20 ms, 16 kHz, mono, 16 bit, native byte order. Pure."""

import math
import warnings
from array import array
from collections.abc import Sequence
from typing import NamedTuple

with warnings.catch_warnings():
    # Python 3.11 and 3.12 announce its removal; from 3.13 on audioop-lts provides this module.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop  # noqa: PLC0414 - others take it from here, without the warning

RATE = 16_000
WIDTH = 2
FRAME_NS = 20_000_000
FRAME_SAMPLES = RATE // 50
FRAME_BYTES = FRAME_SAMPLES * WIDTH
SILENCE = bytes(FRAME_BYTES)
FLOOR_DBFS = -96.0

# About -55 dBFS: below that nothing is heard at a loudspeaker.
SILENT_PEAK = 60

# 10 ms: sound that begins in its middle must not click.
FADE_IN_SAMPLES = RATE // 100

# 50 ms: sound that is stopped or ducked fades and does not break off.
FADE_SAMPLES = RATE // 20


def db_factor(db: float) -> float:
    """The factor of an amplitude for that many dB."""
    return float(10 ** (db / 20))


def dbfs(frame: bytes) -> float:
    """The loudness (RMS); `FLOOR_DBFS` for silence."""
    level = audioop.rms(frame, WIDTH)
    return max(FLOOR_DBFS, 20 * math.log10(level / 32768)) if level else FLOOR_DBFS


def is_silent(frame: bytes) -> bool:
    """Whether it would not be heard."""
    return audioop.max(frame, WIDTH) <= SILENT_PEAK


def mix_frames(frames: Sequence[bytes]) -> bytes:
    """The sum, clipped at full scale; a single frame is returned unchanged."""
    total = frames[0]
    for frame in frames[1:]:
        total = audioop.add(total, frame, WIDTH)
    return total


class Fader(NamedTuple):
    """How loud one programme is at one speaker: `now`, on its way to `goal`.

    A value: speakers with the same faders share one mix.
    """

    now: float
    goal: float
    left: int = 0

    def toward(self, goal: float, samples: int) -> "Fader":
        """Fade to `goal` within that many samples."""
        if goal == self.goal:
            return self
        return Fader(self.now, goal, samples)

    def frame(self, frame: bytes) -> bytes:
        """The frame at this level."""
        if self.left:
            return self._ramp(frame)
        if self.now == 1.0:
            return frame
        return audioop.mul(frame, WIDTH, self.now)

    def after(self) -> "Fader":
        """The fader one frame later."""
        if not self.left:
            return self
        if self.left <= FRAME_SAMPLES:
            return Fader(self.goal, self.goal)
        step = (self.goal - self.now) / self.left
        return Fader(self.now + step * FRAME_SAMPLES, self.goal, self.left - FRAME_SAMPLES)

    @property
    def gone(self) -> bool:
        """Whether nothing will be heard any more."""
        return self.now == 0 and self.goal == 0

    def _ramp(self, frame: bytes) -> bytes:
        samples = array("h", frame)
        step = (self.goal - self.now) / self.left
        steep = min(self.left, len(samples))
        ramp = (self.now + step * n for n in range(steep))
        faded = [int(s * f) for s, f in zip(samples, ramp, strict=False)]
        faded += [int(s * self.goal) for s in samples[steep:]]
        return array("h", (max(-32768, min(32767, s)) for s in faded)).tobytes()
