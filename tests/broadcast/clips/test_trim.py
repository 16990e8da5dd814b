import array

from hypothesis import given
from hypothesis import strategies as st

from broadcast.clips.clip import RATE, is_canonical, wav_bytes
from broadcast.clips.trim import LEAD_S, TAIL_S, audible_range, trim_silence


def pcm(before, sounding, after):
    return array.array("h", [0] * before + [5000, -5000] * (sounding // 2) + [0] * after).tobytes()


@given(st.integers(0, 9000), st.integers(2, 9000), st.integers(0, 9000))
def test_all_that_sounds_stays_with_a_breath_around_it(before, sounding, after):
    first, last = audible_range(pcm(before, sounding, after))
    sounding -= sounding % 2
    assert first <= before
    assert last >= before + sounding
    assert before - first <= (LEAD_S + 0.02) * RATE
    assert last - before - sounding <= (TAIL_S + 0.02) * RATE


def test_silence_is_left_alone_and_a_word_is_cut_to_itself(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(pcm(RATE, 0, 0)))
    trim_silence(path)
    assert path.stat().st_size == 44 + 2 * RATE
    path.write_bytes(wav_bytes(pcm(RATE, 1000, RATE)))
    trim_silence(path)
    assert is_canonical(path)
    assert path.stat().st_size < 44 + 2 * 0.25 * RATE
