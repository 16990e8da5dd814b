"""The station's own signals, computed: no recording, no licence, the same bytes everywhere.

None of them has a fire alarm's pattern (the slow sweep or the three-pulse evacuation signal of fire
sounders): a person must not mistake our attention signal for the fire system's, nor the reverse.
"""

import array
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from broadcast.clips.clip import RATE

# Raised when a signal changes, so that stores make it anew.
VERSION = 2

PEAK = 0.7
# Signals other than the emergency's are as loud as speech: the mean of their sounding parts.
LEVEL = 0.165

_FADE_S = 0.01
# A span sounds if it has a tenth of the loudest one's amplitude (-20 dB).
_SPAN_S, _SOUNDING = 0.05, 0.1

Samples = list[float]


class BellPartial(NamedTuple):
    """One ringing tone of a bell: its frequency, its share, how fast it decays."""

    hz: float
    share: float
    half_s: float


def bell_samples(hz: float, seconds: float) -> Samples:
    """A struck bar: a few partials, each with its own decay."""
    partials = (
        BellPartial(hz, 1.0, 0.22),
        BellPartial(2.76 * hz, 0.35, 0.09),
        BellPartial(5.4 * hz, 0.12, 0.04),
    )
    return [
        sum(
            each.share * 0.5 ** (n / RATE / each.half_s) * math.sin(math.tau * each.hz * n / RATE)
            for each in partials
        )
        for n in range(round(seconds * RATE))
    ]


def tone_samples(hz: float, seconds: float) -> Samples:
    """A plain tone with a little of its third harmonic, so that a small horn carries it."""
    return [
        math.sin(math.tau * hz * n / RATE) + 0.2 * math.sin(3 * math.tau * hz * n / RATE)
        for n in range(round(seconds * RATE))
    ]


def sweep_samples(low_hz: float, high_hz: float, seconds: float) -> Samples:
    """A tone that rises and falls again once, without a jump in phase."""
    count, phase, made = round(seconds * RATE), 0.0, []
    for n in range(count):
        share = 1 - abs(2 * n / count - 1)
        phase += math.tau * low_hz * (high_hz / low_hz) ** share / RATE
        made.append(math.sin(phase) + 0.2 * math.sin(3 * phase))
    return made


def silence_samples(seconds: float) -> Samples:
    """Silence."""
    return [0.0] * round(seconds * RATE)


def notice() -> Samples:
    """叮—咚: two bells, a third down, for a notice."""
    return mix_samples((0.0, bell_samples(659.3, 1.6)), (0.55, bell_samples(523.3, 1.6)))


def arrival() -> Samples:
    """Three rising bells: a car has come, staff are on their way."""
    return mix_samples(
        (0.0, bell_samples(523.3, 1.2)),
        (0.22, bell_samples(659.3, 1.2)),
        (0.44, bell_samples(784.0, 1.4)),
    )


def urgent() -> Samples:
    """高—低, three times: an urgent notice."""
    return [
        *_times(3, [*_faded(tone_samples(960, 0.3)), *_faded(tone_samples(770, 0.3))]),
        *silence_samples(0.3),
    ]


def emergency() -> Samples:
    """A siren for 8 s: even rises and falls of 2 s between 600 and 1,200 Hz.

    The 8 s are the least that the cadence of an emergency broadcast asks for before speech.
    """
    return _faded(list(_times(4, sweep_samples(600, 1200, 2.0))))


def beep() -> Samples:
    """A short tone, for the trial of one loudspeaker."""
    return _faded(tone_samples(1000, 0.2))


_MAKERS: dict[str, Callable[[], Samples]] = {
    "notice": notice,
    "urgent": urgent,
    "emergency": emergency,
    "arrival": arrival,
    "beep": beep,
}
NAMES = tuple(_MAKERS)


def make_chime(name: str) -> bytes:
    """The signal of that name: 16 kHz, mono, s16.

    The emergency's siren uses the full scale; the others are equally loud.
    """
    sound = _MAKERS[name]()
    scale = PEAK / max(map(abs, sound))
    if name != "emergency":
        scale = min(scale, LEVEL / _loudness(sound))
    return array.array("h", (round(sample * scale * 32767) for sample in sound)).tobytes()


def _loudness(sound: Samples) -> float:
    """The RMS of the parts that sound; pauses and decayed parts do not count."""
    count = round(_SPAN_S * RATE)
    spans = [sound[n : n + count] for n in range(0, len(sound), count)]
    powers = [sum(sample * sample for sample in span) / len(span) for span in spans]
    heard = [power for power in powers if power >= max(powers) * _SOUNDING**2]
    return math.sqrt(sum(heard) / len(heard))


def mix_samples(*parts: tuple[float, Samples]) -> Samples:
    """Sounds laid over each other, each from its own second on."""
    made = [0.0] * max(round(at * RATE) + len(sound) for at, sound in parts)
    for at, sound in parts:
        first = round(at * RATE)
        for n, sample in enumerate(sound):
            made[first + n] += sample
    return _faded(made)


def _faded(sound: Samples) -> Samples:
    """Fade both ends, so that they do not click."""
    count = round(_FADE_S * RATE)
    made = list(sound)
    for n in range(min(count, len(made) // 2)):
        made[n] *= n / count
        made[-1 - n] *= n / count
    return made


def _times(count: int, sound: Samples) -> Iterator[float]:
    for _ in range(count):
        yield from sound
