"""The signals, as ffmpeg's ebur128 hears them."""

import wave

import pytest

from broadcast.clips.chime import NAMES, make_chime
from broadcast.clips.clip import RATE
from broadcast.clips.decode import LOUDNESS_LUFS, PEAK_DBTP, Loudness, measure_loudness

BLOCK_S = 0.4  # what BS.1770 measures at least


async def heard(tmp_path, name: str) -> Loudness:
    pcm = make_chime(name)
    while len(pcm) < 2 * RATE * BLOCK_S:
        pcm *= 2
    with wave.open(str(tmp_path / "chime.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return await measure_loudness(tmp_path / "chime.wav")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "emergency"])
async def test_a_chime_is_as_loud_as_the_speech_after_it(tmp_path, name: str) -> None:
    found = await heard(tmp_path, name)
    assert found.lufs == pytest.approx(LOUDNESS_LUFS, abs=2)
    assert found.peak_db <= PEAK_DBTP


async def test_the_siren_is_louder_than_everything(tmp_path) -> None:
    found = await heard(tmp_path, "emergency")
    assert found.lufs == pytest.approx(-5, abs=0.5)  # what the documents say
    assert found.peak_db == pytest.approx(-3, abs=0.5)
