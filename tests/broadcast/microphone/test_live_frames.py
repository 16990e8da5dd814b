"""A microphone's bytes, however they come; and their recording."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clips.index import ClipKind
from broadcast.clips.store import ClipStore
from broadcast.microphone.live_frames import FRAME_BYTES, JitterBuffer, LiveRecorder, relay_speech


def taken(frames):
    return list(iter(frames.next_frame, None))


@given(st.binary(max_size=FRAME_BYTES * 8), st.lists(st.integers(1, 3000), max_size=20))
def test_every_split_gives_the_same_frames_and_nothing_is_lost(sound, cuts):
    frames, got, at = JitterBuffer(), [], 0
    for cut in [*cuts, len(sound)]:
        frames.feed(sound[at : at + cut])
        at += cut
        got += taken(frames)
    got += frames.drain()
    assert all(len(frame) == FRAME_BYTES for frame in got)
    assert b"".join(got)[: len(sound)] == sound[:at]
    assert frames.dropped == 0


def test_a_few_frames_are_held_back_so_that_a_short_stall_is_not_heard():
    frames = JitterBuffer(held=3)
    frames.feed(b"\1" * FRAME_BYTES * 2)
    assert frames.next_frame() is None
    frames.feed(b"\1" * FRAME_BYTES)
    assert len(taken(frames)) == 3
    assert frames.stalls == 1
    frames.feed(b"\1" * FRAME_BYTES)
    assert frames.next_frame() is None  # held back anew after the stall


@given(st.integers(0, 500))
def test_a_flood_is_cut_to_its_end_and_counted(count):
    frames = JitterBuffer(waiting_max=10)
    frames.feed(b"".join(n.to_bytes(2, "little") * (FRAME_BYTES // 2) for n in range(count)))
    left = frames.drain()
    assert len(left) == min(count, 10)
    assert frames.dropped == max(0, count - 10)
    assert [int.from_bytes(frame[:2], "little") for frame in left] == list(range(count))[-10:]


class Player:
    def __init__(self):
        self.heard = b""

    async def play(self, pcm):
        self.heard += pcm


async def pieces(sound, size=700):
    for at in range(0, len(sound), size):
        yield sound[at : at + size]


async def test_what_is_said_live_is_heard_and_lies_on_the_shelf(tmp_path):
    shelf, player = ClipStore(tmp_path), Player()
    sound = bytes(range(250)) * 128  # 32,000 bytes: one second
    with LiveRecorder(shelf) as recorder:
        went = await relay_speech(pieces(sound), player.play, recorder)
        clip = await recorder.keep("喊话 14:05")
    assert player.heard == sound
    assert went.dropped == 0
    assert clip.path.read_bytes()[44:] == sound
    assert shelf.clips(ClipKind.RECORDING) == (clip,)
    assert list((tmp_path / "making").iterdir()) == []


async def test_silence_is_no_recording(tmp_path):
    with LiveRecorder(ClipStore(tmp_path)) as recorder:
        assert await recorder.keep("nothing") is None


async def test_a_recording_ends_when_it_is_long_enough(tmp_path, monkeypatch):
    monkeypatch.setattr("broadcast.microphone.live_frames.RECORDED_SECONDS_MAX", 0.1)
    with LiveRecorder(ClipStore(tmp_path)) as recorder:
        for _ in range(50):
            recorder.write(b"\1" * FRAME_BYTES)
        assert recorder.seconds == pytest.approx(0.1)
