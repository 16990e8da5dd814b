import pytest

from broadcast.prepare import Shelf
from broadcast.prepare.clip import is_canonical
from broadcast.prepare.decode import LOUDNESS_LUFS, PEAK_DBTP, measure
from broadcast.voice import Voice
from broadcast.voice.espeak import Espeak
from broadcast.voice.lexicon import Lexicon
from drivers.shelf import shared

LEXICON = Lexicon.load(shared("voices"))


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "media")


async def test_a_text_becomes_a_clip_at_the_stations_loudness_once(shelf):
    voice = Voice(shelf, [Espeak(LEXICON)])
    text = "各位居民请注意，今天14:00停水检修。"
    assert voice.ready(text) is None
    clip = await voice.render(text)
    assert is_canonical(clip.path)
    assert clip.title == text
    assert 3 < clip.seconds < 10
    found = await measure(clip.path)  # ffmpeg's ebur128 judges the file
    assert abs(found.lufs - LOUDNESS_LUFS) <= 1
    assert found.peak_db <= PEAK_DBTP
    assert voice.ready("各位居民请注意，今天 14：00 停水检修。") == clip
    assert (await voice.render(text)).sha == clip.sha
