"""Detects a chime in a recording by its pattern of tones over time. Pure.

Loudness, echo and the position in the recording do not matter; hum and noise are not mistaken for
it.
"""

import math
from array import array
from collections.abc import Sequence

# The chime was heard from this correlation on; noise stays below 0.2, the chime in an echoing hall
# above 0.7.
ALIKE = 0.6

# A microphone that records only its own last bit has heard nothing.
QUIET_RMS = 8.0

_RATE = 8_000
_BLOCK = 400
_HOP = 200
_BANDS_HZ = tuple(300 * (3400 / 300) ** (n / 23) for n in range(24))
_TURNS = tuple(2 * math.cos(2 * math.pi * hz / _RATE) for hz in _BANDS_HZ)

Pattern = list[list[float]]


def chime_likeness(chime: "array[int]", recording: "array[int]") -> float:
    """The best correlation of the chime's pattern anywhere in the recording; both at 16 kHz."""
    wanted, found = tone_pattern(chime), tone_pattern(recording)
    loud = math.sqrt(sum(s * s for s in recording) / max(1, len(recording)))
    if loud < QUIET_RMS or not wanted:
        return 0.0
    shape = _centred(wanted)
    spans = range(len(found) - len(wanted) + 1)
    return max((_dot(shape, _centred(found[n : n + len(wanted)])) for n in spans), default=0.0)


def contains_chime(chime: "array[int]", recording: "array[int]") -> bool:
    """Whether the recording contains the chime."""
    return chime_likeness(chime, recording) >= ALIKE


def tone_pattern(samples: "array[int]") -> Pattern:
    """The strength of each tone every 25 ms; every other sample is enough up to 3.4 kHz."""
    low = samples[::2]
    starts = range(0, len(low) - _BLOCK + 1, _HOP)
    return [[_goertzel(low[n : n + _BLOCK], turn) for turn in _TURNS] for n in starts]


def _goertzel(block: Sequence[int], turn: float) -> float:
    one = two = 0.0
    for sample in block:
        one, two = sample + turn * one - two, one
    return math.sqrt(max(0.0, one * one + two * two - turn * one * two))


def _centred(rows: Pattern) -> list[float]:
    flat = [value for row in rows for value in row]
    middle = sum(flat) / len(flat)
    length = math.sqrt(sum((value - middle) ** 2 for value in flat)) or 1.0
    return [(value - middle) / length for value in flat]


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
