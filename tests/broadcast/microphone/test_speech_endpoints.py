"""When somebody has ended, and what is kept of it: the words, at a level, for any browser."""

import random
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_protocol.pcm import audioop
from broadcast.microphone.speech_endpoints import (
    NOTHING_S,
    PAUSE_S,
    SECONDS_MAX,
    SpeechEndpointer,
    cut_speech,
)
from tests.broadcast.audio_process.harness import RATE, best_correlation, speechlike


def hum(seconds: float, level: int, seed: int = 5) -> "array[int]":
    chance = random.Random(seed)
    return array("h", (chance.randrange(-level, level + 1) for _ in range(round(seconds * RATE))))


def heard(*sounds: "array[int]", piece: int = 3200) -> SpeechEndpointer:
    """Fed as it comes, until it is over."""
    attention = SpeechEndpointer()
    pcm = b"".join(sound.tobytes() for sound in sounds)
    for at in range(0, len(pcm), piece):
        if attention.over:
            break
        attention.feed(pcm[at : at + piece])
    return attention


@pytest.mark.parametrize("level", [2, 60, 300])
def test_who_is_silent_for_longer_than_a_thought_has_ended(level: int) -> None:
    attention = heard(speechlike(2.0), hum(12, level))
    assert attention.spoke
    assert attention.over
    assert 2 + PAUSE_S - 0.5 < attention.seconds < 2 + PAUSE_S + 1.5


def test_who_speaks_at_once_is_heard_where_the_hall_was_heard_before() -> None:
    loud = array("h", [3000, -3000] * 4800)  # a word without a dip in it
    cold, warm = SpeechEndpointer(), SpeechEndpointer()
    warm.feed_background(hum(0.5, 60).tobytes())
    for attention in (cold, warm):
        attention.feed(loud.tobytes())
    assert (cold.spoke, warm.spoke) == (False, True)
    assert warm.pcm == loud.tobytes(), "what was heard before is not in it"


def test_a_thought_between_two_sentences_does_not_end_it() -> None:
    attention = heard(speechlike(1.0), hum(PAUSE_S - 1, 20), speechlike(1.0, seed=2))
    assert not attention.over
    made = cut_speech(attention)
    assert made is not None
    assert made.seconds > PAUSE_S + 0.5


def test_who_says_nothing_says_nothing_and_a_knock_is_no_word() -> None:
    knock = array("h", [20_000] * 800)
    attention = heard(hum(1, 40), knock, hum(NOTHING_S + 2, 40))
    assert attention.over
    assert attention.seconds < NOTHING_S + 1.5
    assert cut_speech(attention) is None
    assert cut_speech(SpeechEndpointer()) is None


def test_half_a_minute_is_all() -> None:
    attention = heard(*(speechlike(2.0, seed=n % 3) for n in range(20)))
    assert attention.over
    assert attention.seconds == SECONDS_MAX


def test_what_is_kept_is_trimmed_levelled_and_a_quarter_of_the_size() -> None:
    soft = array("h", (sample // 8 for sample in speechlike(2.0)))
    made = cut_speech(heard(hum(1.5, 10), soft, hum(3, 10)))
    assert made is not None
    assert 1.7 < made.seconds < 2.3
    assert 0.5 < audioop.max(made.wav[44:], 2) / 32768 <= 0.71
    assert len(made.small) < len(made.wav) / 3.9
    head = struct.unpack_from("<4sI4s4sIHHI", made.small)
    assert head == (b"RIFF", len(made.small) - 8, b"WAVE", b"fmt ", 18, 6, 1, 8000)
    again = array("h", audioop.alaw2lin(made.small[58:], 2))
    before = array("h", made.wav[44:])[::2]
    assert best_correlation(before, again, range(-20, 21)) > 0.9


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=30))
def test_any_split_of_the_same_sound_is_the_same(cuts: list[int]) -> None:
    pcm = _SPLIT
    whole, pieces = SpeechEndpointer(), SpeechEndpointer()
    whole.feed(pcm)
    at = 0
    for cut in cuts:
        pieces.feed(pcm[at : at + cut])
        at += cut
    pieces.feed(pcm[at:])
    assert (pieces.pcm, pieces.said_frames) == (whole.pcm, whole.said_frames)


_SPLIT = (speechlike(0.6) + hum(0.4, 30)).tobytes()
