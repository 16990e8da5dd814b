"""A horn that answers late says nothing that is over, and all that is not; frame by frame."""

import random
from collections.abc import Iterator

import pytest

from broadcast.audio_protocol.speaker_options import SipOptions
from broadcast.speakers.sip.speaker import SipSpeaker
from tests.broadcast.speakers.late_horn import LateHorn, opened

# 2.8 s.
LATE = 140


class Line:
    """A speaker and its horn, beat by beat: `say` numbers, as the clock would."""

    def __init__(self, after: int) -> None:
        self.horn = LateHorn(after)
        options = SipOptions(zones=("all",), uri=self.horn.uri, answer_within_s=10)
        self.speaker = SipSpeaker("horn", options, random.Random(1))
        opened(self.speaker, self.horn)

    def say(self, number: int, frames: int, rank: int = 3, *, silent: bool = False) -> None:
        for _ in range(frames):
            self.speaker.play(bytes([number]) * 160, rank, silent=silent)
            self.beat()

    def beat(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.speaker.tend()
            self.horn.tick()

    def last(self, number: int) -> int:
        """The beat in which that was heard last."""
        return max((at for at, packet in self.horn.heard if packet[12] == number), default=0)

    def close(self) -> None:
        self.speaker.close()
        self.horn.close()


@pytest.fixture(name="line")
def _line() -> Iterator[Line]:
    line = Line(LATE)
    yield line
    line.close()


def test_what_it_could_not_say_yet_it_says_whole_when_nobody_stops_it(line: Line) -> None:
    line.say(1, 200)
    line.speaker.rest()
    assert line.speaker.behind
    line.beat(LATE + 20)
    assert line.horn.payloads == [1] * 200
    assert not line.speaker.behind
    assert (line.speaker.busy, line.horn.talking) == (False, None)


def test_a_stop_is_heard_at_once_however_late_it_answered(line: Line) -> None:
    line.say(1, 300)
    line.speaker.cut()
    line.say(2, 3)  # the fade
    line.speaker.rest()
    line.beat(200)
    assert line.last(1) <= 301
    assert line.horn.payloads[-3:] == [2, 2, 2]
    assert line.last(2) <= 305
    assert line.horn.talking is None


def test_what_is_more_urgent_is_heard_at_once_and_ends_the_lag(line: Line) -> None:
    line.say(1, 300)
    line.say(2, 50, rank=8)
    assert line.last(1) <= 301
    assert line.horn.payloads[-49:] == [2] * 49
    assert not line.speaker.behind


def test_a_stop_before_it_answers_calls_the_call_off(line: Line) -> None:
    line.say(1, 30)
    line.speaker.cut()
    line.speaker.rest()
    line.beat(20)
    assert (487, "INVITE") in line.horn.said
    assert not line.speaker.busy
    line.horn.after = 0
    line.say(2, 30)  # and it is free for the next
    assert line.horn.payloads[-20:] == [2] * 20


def test_an_answer_that_crosses_with_the_end_is_hung_up(line: Line) -> None:
    line.say(1, 30)
    line.speaker.cut()
    line.speaker.rest()
    line.speaker.tend()
    line.horn.answer()  # before it hears that nobody calls any more
    assert line.horn.talking is not None
    line.beat(20)
    assert (line.horn.talking, line.speaker.busy) == (None, False)
    assert 1 not in line.horn.payloads


def test_a_new_session_does_not_wait_for_the_last_goodbye(line: Line) -> None:
    line.horn.after = 0
    line.say(1, 10)
    line.speaker.cut()
    line.speaker.rest()
    line.speaker.tend()  # it says goodbye, and the horn has not heard it
    line.say(2, 40)
    assert line.horn.payloads[-20:] == [2] * 20
    line.speaker.rest()
    line.beat(20)
    assert (line.horn.talking, line.speaker.busy) == (None, False)


def test_a_lag_is_made_up_for_in_the_pauses(line: Line) -> None:
    line.say(1, LATE)
    for _ in range(4):
        line.say(9, 60, silent=True)
        line.say(2, 20)
    assert not line.speaker.behind
    line.say(3, 1)
    assert line.last(3) == line.horn.now
