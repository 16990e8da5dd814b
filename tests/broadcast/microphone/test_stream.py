"""The line from a microphone: what a full one gives up, that it is counted, and its end."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_protocol import messages
from broadcast.microphone.stream import MicrophoneStream, MicrophoneStreams, OverflowPolicy
from tests.sim.loop import run

PIECES_MAX = 4


async def emptied(line: MicrophoneStream) -> list[bytes]:
    """All that it holds, to its end."""
    taken = []
    while (piece := await line.get()) is not None:
        taken.append(piece)
    return taken


@given(
    st.sampled_from(OverflowPolicy),
    st.lists(st.one_of(st.just("take"), st.binary(min_size=1, max_size=3)), max_size=40),
)
def test_every_piece_is_taken_in_order_or_counted_as_lost_and_the_end_comes(
    loses: OverflowPolicy, steps: list[str | bytes]
):
    async def test() -> None:
        line, expected, lost, taken = MicrophoneStream(PIECES_MAX, loses), [], 0, []
        for step in steps:
            if isinstance(step, bytes):
                line.put(step)
                expected.append(step)
                if len(expected) > PIECES_MAX:
                    expected.pop(-1 if loses is OverflowPolicy.NEWEST else 0)
                    lost += 1
            elif expected:
                taken.append(await line.get())
                assert taken[-1] == expected.pop(0)
        line.end()
        assert await emptied(line) == expected
        assert line.lost == lost
        assert len(taken) + len(expected) + lost == sum(isinstance(one, bytes) for one in steps)

    run(test())


def test_after_the_end_nothing_comes_and_the_first_reason_stands():
    async def test() -> None:
        line = MicrophoneStream(PIECES_MAX, OverflowPolicy.OLDEST)
        line.put(b"a")
        line.end("speaker.no-pickup")
        line.put(b"b")
        line.end("audio.away")
        assert await emptied(line) == [b"a"]
        assert await line.get() is None
        assert (line.code, line.lost) == ("speaker.no-pickup", 0)

    run(test())


def test_each_line_takes_its_own_and_what_was_lost_is_told(caplog: pytest.LogCaptureFixture):
    async def test() -> None:
        lines = MicrophoneStreams(PIECES_MAX, OverflowPolicy.NEWEST)
        with lines.open("o1") as line, lines.open("o2") as other:
            for number in range(PIECES_MAX + 2):
                lines.handle_event(messages.CapturedPcm("o1", bytes([number])))
            lines.handle_event(messages.CapturedPcm("gone", b"x"))
            lines.handle_event(messages.CaptureEnded("gone", "audio.away"))
            lines.handle_event(messages.ZoneMeter("hall", -20.0))
            lines.handle_event(messages.CaptureEnded("o2", "speaker.no-pickup"))
            assert lines.end("o1")
            assert await emptied(line) == [bytes([number]) for number in range(PIECES_MAX)]
            assert (await emptied(other), other.code) == ([], "speaker.no-pickup")
        assert not lines.end("o1")

    with caplog.at_level(logging.WARNING):
        run(test())
    assert [record.getMessage() for record in caplog.records] == ["microphone of o1: 2 pieces lost"]
