"""The sequence of an order's sound: chime and speech; in an emergency siren and speech in turn.

The cadence of an emergency follows GB 50116: siren for 8 to 20 s, then words for 10 to 30 s, in
turn. Pure.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

SIREN_S = (8.0, 20.0)
SPEECH_S = (10.0, 30.0)


class SequencePart(NamedTuple):
    """One recording: its file and its length."""

    file: str
    seconds: float


class RenderedOrder(NamedTuple):
    """One round of an order's sound; `clips` are hashes; `siren`: its words are still to follow."""

    parts: tuple[SequencePart, ...] = ()
    clips: tuple[str, ...] = ()
    gap_s: float = 0.0
    siren: bool = False

    @property
    def seconds(self) -> float:
        """The length of one round."""
        return sum(part.seconds for part in self.parts)


def repeat_count(seconds: float, least_s: float, most_s: float) -> int:
    """How often to play something so that it lasts between the bounds; once if it cannot."""
    if seconds <= 0:
        return 1
    wanted = max(1, math.ceil(least_s / seconds))
    return wanted if wanted * seconds <= most_s else max(1, int(most_s // seconds))


def emergency_sequence(
    siren: SequencePart | None, speech: Sequence[SequencePart]
) -> tuple[SequencePart, ...]:
    """One round: the siren if there is one, then the words in order, repeated."""
    sounded = () if siren is None else (siren,) * repeat_count(siren.seconds, *SIREN_S)
    spoken_s = sum(part.seconds for part in speech)
    return (*sounded, *(tuple(speech) * repeat_count(spoken_s, *SPEECH_S)))


def ordinary_sequence(
    chime: SequencePart | None, speech: Sequence[SequencePart]
) -> tuple[SequencePart, ...]:
    """One round: the chime, then the words."""
    return (*(() if chime is None else (chime,)), *speech)


def length_s(parts: Sequence[SequencePart], rounds: int, gap_s: float) -> float:
    """The length of all rounds."""
    return rounds * sum(part.seconds for part in parts) + max(0, rounds - 1) * gap_s
