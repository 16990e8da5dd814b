"""The voice's figures: from a text to a clip that can sound, first and again; an upload."""

import time
from pathlib import Path
from statistics import median

import pytest

from broadcast.clips.store import ClipStore
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.normalise import normalise
from broadcast.voice.voice import Voice
from drivers.data_files import config_path
from tests.broadcast.clips.sounds import make, stream

TEXTS = [f"各位居民请注意，今天{hour}:30，{hour}号楼2单元停水检修。" for hour in range(9, 21)]


@pytest.mark.bench
async def test_from_a_text_to_a_clip_that_can_sound(tmp_path: Path) -> None:
    voice = Voice(ClipStore(tmp_path / "media"), [EspeakVoice(Lexicon.load(config_path("voices")))])
    rendered, found, spoken_s = [], [], 0.0
    for text in TEXTS:
        began = time.perf_counter()
        clip = await voice.render(text)
        rendered.append(time.perf_counter() - began)
        spoken_s += clip.seconds
    for text in TEXTS:
        began = time.perf_counter()
        assert voice.ready(text) is not None
        found.append(time.perf_counter() - began)
    began = time.perf_counter()
    for text in TEXTS * 20:
        normalise(text)
    read_ms = (time.perf_counter() - began) / len(TEXTS * 20) * 1000
    print(
        f"\nvoice: {median(rendered) * 1000:.0f} ms (worst {max(rendered) * 1000:.0f}) from a text"
        f" to a levelled clip, {sum(rendered) / spoken_s:.3f} of real time;"
        f" found again in {median(found) * 1000:.2f} ms, {median(rendered) / median(found):,.0f}"
        f" times as fast; read aloud in {read_ms:.2f} ms; {len(TEXTS)} of {len(TEXTS)} hits"
    )
    assert sum(rendered) < spoken_s  # faster than real time, or nothing is ever ready


@pytest.mark.bench
async def test_an_upload_of_a_minute(tmp_path: Path) -> None:
    shelf = ClipStore(tmp_path / "media")
    content = make(tmp_path / "a.mp3", seconds=60).read_bytes()
    began = time.perf_counter()
    clip = await shelf.store_upload(stream(content), "a.mp3")
    took = time.perf_counter() - began
    print(f"\nupload: {clip.seconds:.0f} s of MP3 in {took * 1000:.0f} ms")
    assert took < clip.seconds
