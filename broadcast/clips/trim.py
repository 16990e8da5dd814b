"""Removes the silence at both ends of speech, so that clips in a row sound like one sentence."""

import array
import sys
from collections.abc import Sequence
from pathlib import Path

from broadcast.clips.clip import HEADER_BYTES, RATE, SAMPLE_BYTES, wav_bytes

# Samples below −50 dBFS are silence.
QUIET = 100

# What stays around the words: a breath.
LEAD_S, TAIL_S = 0.03, 0.1

_BLOCK = RATE // 50


def trim_silence(path: Path) -> None:
    """Trim a canonical file; one without sound is left as it is."""
    pcm = path.read_bytes()[HEADER_BYTES:]
    first, last = audible_range(pcm)
    if last > first:
        path.write_bytes(wav_bytes(pcm[first * SAMPLE_BYTES : last * SAMPLE_BYTES]))


def audible_range(pcm: bytes) -> tuple[int, int]:
    """The first and last sample to keep, with a breath; (0, 0) if there is nothing to hear."""
    samples = array.array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    count = len(samples)
    loud = [at for at in _edges(samples) if at is not None]
    if not loud:
        return 0, 0
    first, last = min(loud), max(loud) + _BLOCK
    return max(0, first - round(LEAD_S * RATE)), min(count, last + round(TAIL_S * RATE))


def _edges(samples: Sequence[int]) -> tuple[int | None, int | None]:
    """Where the first and the last loud block begin; only the silence itself is searched."""
    starts = range(0, len(samples), _BLOCK)

    def is_loud(at: int) -> bool:
        block = samples[at : at + _BLOCK]
        return max(block) > QUIET or min(block) < -QUIET

    return next(filter(is_loud, starts), None), next(filter(is_loud, reversed(starts)), None)
