"""The codecs on the wire: a frame of the mixer in, the payload of one packet out.

G.711 has 8,000 samples a second. `HalfBand` filters before it drops every other sample, so that
what lies above 4 kHz does not come back as noise.
"""

import math
from array import array
from collections.abc import Callable
from typing import NamedTuple, Protocol

from broadcast.audio_protocol.pcm import FRAME_BYTES, WIDTH, audioop

_TAPS = (1, 3, 5, 7)
# How many samples the filter looks back and ahead; an even number, so that it is whole at 8 kHz
# too.
_REACH = 8

# Sums are made in 32 bits: rounding each product to 16 bits would be heard.
_WIDE = 4


class FrameEncoder(Protocol):
    """Encodes one continuous sound; codecs with memory need one encoder for each."""

    def encode(self, frame: bytes) -> bytes:
        """Encode 20 ms."""


def _weights() -> list[float]:
    """A windowed sinc of half the band: its middle is 1/2, its other even taps are 0."""
    raw = [
        math.sin(math.pi * k / 2) / (math.pi * k) * (0.54 + 0.46 * math.cos(math.pi * k / _REACH))
        for k in _TAPS
    ]
    return [weight * 0.25 / sum(raw) for weight in raw]


class HalfBand:
    """Halves 16 kHz to 8 kHz; delays by 0.5 ms."""

    _WEIGHTS = _weights()

    def __init__(self) -> None:
        self._past = bytes(2 * _REACH * WIDTH)

    def halve(self, frame: bytes) -> bytes:
        """Turn 320 samples into 160; in C routines, because a Pi has no time for 2,560 products."""
        samples = array("h", self._past + frame)
        self._past = (self._past + frame)[-2 * _REACH * WIDTH :]
        half = len(frame) // WIDTH // 2
        total = audioop.mul(_wide(samples[_REACH : _REACH + 2 * half : 2]), _WIDE, 0.5)
        for k, weight in zip(_TAPS, self._WEIGHTS, strict=True):
            for first in (_REACH - k, _REACH + k):
                tap = audioop.mul(_wide(samples[first : first + 2 * half : 2]), _WIDE, weight)
                total = audioop.add(total, tap, _WIDE)
        return audioop.lin2lin(total, _WIDE, WIDTH)


def _wide(samples: "array[int]") -> bytes:
    return audioop.lin2lin(samples.tobytes(), WIDTH, _WIDE)


class _G711:
    def __init__(self, law: Callable[[bytes, int], bytes]) -> None:
        self._law = law
        self._half = HalfBand()

    def encode(self, frame: bytes) -> bytes:
        return self._law(self._half.halve(frame), WIDTH)


class _G722:
    def __init__(self) -> None:
        from G722 import G722  # type: ignore[import-not-found]  # noqa: PLC0415 - no types; only where used

        self._codec = G722(16_000, 64_000)

    def encode(self, frame: bytes) -> bytes:
        payload: bytes = self._codec.encode(array("h", frame))
        return payload


class _L16:
    def encode(self, frame: bytes) -> bytes:
        return audioop.byteswap(frame, WIDTH)


class _Raw:
    def encode(self, frame: bytes) -> bytes:
        return frame


class AudioCodec(NamedTuple):
    """How a codec appears in RTP: `step` is what each packet adds to the timestamp.

    G.722's clock is 8,000 because of an old mistake that RFC 3551 keeps (4.5.2).
    """

    payload_type: int
    clock: str
    step: int
    payload_bytes: int
    encoder: Callable[[], FrameEncoder]


# By name; `raw` is the mixer's own format, for sound cards.
CODECS = {
    "pcmu": AudioCodec(0, "PCMU/8000", 160, 160, lambda: _G711(audioop.lin2ulaw)),
    "pcma": AudioCodec(8, "PCMA/8000", 160, 160, lambda: _G711(audioop.lin2alaw)),
    "g722": AudioCodec(9, "G722/8000", 160, 160, _G722),
    "l16": AudioCodec(97, "L16/16000", 320, FRAME_BYTES, _L16),
    "raw": AudioCodec(-1, "", 0, FRAME_BYTES, _Raw),
}
