"""A clip: sound that is ready to be played, in the one form that the audio process plays.

Canonical WAV is 16 kHz, mono, signed 16-bit, with a header of exactly 44 bytes: the same sound is
the same bytes, so that a clip is named by its content.
"""

import struct
from pathlib import Path

import msgspec

RATE = 16_000
SAMPLE_BYTES = 2
HEADER_BYTES = 44

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class StoredClip(msgspec.Struct, frozen=True):
    """A sound in the store: `sha` is the SHA-256 of the file at `path`."""

    sha: str
    path: Path
    seconds: float
    title: str


def wav_header(pcm_bytes: int) -> bytes:
    """The canonical header for that many bytes of sound."""
    return _HEADER.pack(
        *(b"RIFF", HEADER_BYTES - 8 + pcm_bytes, b"WAVE", b"fmt ", 16, 1, 1, RATE),
        *(RATE * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", pcm_bytes),
    )


def wav_bytes(pcm: bytes) -> bytes:
    """That sound as canonical WAV."""
    return wav_header(len(pcm)) + pcm


def is_canonical(path: Path) -> bool:
    """Whether this file is complete canonical WAV."""
    with path.open("rb") as file:
        return file.read(HEADER_BYTES) == wav_header(path.stat().st_size - HEADER_BYTES)


def wav_seconds(size: int) -> float:
    """How long a canonical file of that size plays."""
    return max(0, size - HEADER_BYTES) / (RATE * SAMPLE_BYTES)
