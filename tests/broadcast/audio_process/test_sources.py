from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_process.frame_clock import FrameClock
from broadcast.audio_process.played_ledger import IDS_MAX, PlayedLedger
from broadcast.audio_process.sources import FileSource, PcmCache, PcmFile
from broadcast.audio_protocol.pcm import FRAME_BYTES, FRAME_NS
from gateway.errors import CommandRefused
from tests.broadcast.audio_process.harness import programme, save, tone


@given(
    st.lists(st.integers(0, 2000), max_size=5), st.integers(1, 3), st.sampled_from([0, 0.02, 0.1])
)
def test_files_lie_end_to_end_and_any_frame_can_be_asked_for(lengths, repeat, gap_s) -> None:
    parts = [bytes([n + 1]) * 2 * length for n, length in enumerate(lengths)]
    tape = FileSource([PcmFile(part) for part in parts], repeat, gap_s)
    body = b"".join(parts)
    body += bytes(-len(body) % FRAME_BYTES)
    whole = (body + bytes(round(gap_s * 50) * FRAME_BYTES)) * (repeat - 1) + body
    frames = [whole[n : n + FRAME_BYTES] for n in range(0, len(whole), FRAME_BYTES)]
    assert tape.frames == len(frames)
    assert [tape.frame(n) for n in range(tape.frames)] == frames
    assert [tape.frame(n) for n in reversed(range(tape.frames))] == frames[::-1]
    assert tape.frame(tape.frames) is None


def test_a_file_is_in_memory_once_and_only_while_it_is_needed(tmp_path: Path) -> None:
    reels, path = PcmCache(), save(tmp_path / "a.wav", tone(440, 0.1))
    one = reels.tape(programme("a", path, path))
    other = reels.tape(programme("b", path))
    assert one._reels[0] is one._reels[1] is other._reels[0]
    del one, other
    assert len(reels._reels) == 0


@pytest.mark.parametrize("what", ["missing", "text", "rate", "cut", "empty"])
def test_files_that_are_no_canonical_wav_are_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "bad.wav"
    if what == "text":
        path.write_text("no sound")
    elif what == "rate":
        save(path, tone(440, 0.1), rate=44_100)
    elif what == "cut":
        path.write_bytes(save(tmp_path / "a.wav", tone(440, 0.1)).read_bytes()[:30])
    elif what == "empty":
        path.touch()
    with pytest.raises(CommandRefused) as refused:
        PcmCache().tape(programme("a", path))
    assert (refused.value.code, refused.value.data) == ("audio.bad-file", {"file": "bad.wav"})


def test_what_would_fill_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(CommandRefused) as refused:
        PcmCache().tape(
            programme("a", save(tmp_path / "a.wav", array("h", bytes(2 * 16_000 * 1201))))
        )
    assert refused.value.code == "audio.too-large"


def test_the_ledger_is_bounded_and_lets_go_of_what_cannot_sound_any_more() -> None:
    ledger = PlayedLedger()
    for n in range(IDS_MAX):
        ledger.record(f"{n}", 1, 5 if n % 2 else None, 0)
    ledger.record("new", 1, None, 10)
    assert not ledger.allows("new", 0)
    assert not ledger.allows("0", 0)
    assert ledger.allows("1", 0)
    assert len(ledger._upto) == IDS_MAX // 2 + 1


def test_the_beat_keeps_absolute_deadlines() -> None:
    pacer = FrameClock(0)
    assert pacer.due(100, active=True)
    beats = [now for now in range(101, 10 * FRAME_NS, FRAME_NS // 4) if pacer.due(now, active=True)]
    assert [(beat - 100) // FRAME_NS for beat in beats] == list(range(1, 10))


def test_idle_it_wakes_once_a_second_and_sound_is_due_at_once() -> None:
    pacer = FrameClock(0)
    assert pacer.due(0, active=False)
    assert pacer.wait_s(0, active=False) == 1.0
    assert pacer.wait_s(5, active=True) == 0.0
    assert pacer.due(5, active=True)
    assert pacer.wait_s(5, active=True) == 0.02


def test_after_a_suspend_the_lost_beats_are_not_made_up_for() -> None:
    pacer = FrameClock(0)
    assert pacer.due(0, active=True)
    late = 3_600_000_000_000
    assert pacer.due(late, active=True)
    assert not pacer.due(late, active=True)
    assert pacer.slips == 1
