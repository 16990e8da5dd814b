"""Sentences of short clips, each replaceable by a recording."""

import pytest

from broadcast.clips.store import ClipStore
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.normalise import normalise
from broadcast.voice.phrases import Phrases, load_phrases
from broadcast.voice.readings_zh import LETTERS, PROVINCES
from broadcast.voice.voice import Voice
from drivers.data_files import config_path
from gateway.errors import SettingsError, UsageError
from tests.broadcast.clips.sounds import make

ARRIVED = [("ride-arrived", "接您的车到了，车牌"), ("sign-京", "京"), ("sign-1", "1"), ("", "。")]


@pytest.fixture
def shelf(tmp_path):
    return ClipStore(tmp_path / "media")


def phrases(shelf, said):
    return Phrases(Voice(shelf, [EspeakVoice(Lexicon({}))]), shelf, said)


async def test_a_sentence_is_its_clips_in_order_and_a_full_stop_is_a_pause(shelf):
    spoken = phrases(shelf, {"sign-1": "幺"})
    clips = await spoken.sentence(ARRIVED)
    assert [clip.title for clip in clips] == ["接您的车到了，车牌", "京", "幺"]
    assert clips == await spoken.sentence([*ARRIVED[:2], "sign-1"])
    assert spoken.shas() == {clip.sha for clip in clips}
    assert all(clip.seconds < 0.8 for clip in clips[1:])  # the silence around a word is gone


async def test_a_recording_takes_the_place_of_one_piece_and_a_bad_one_does_not(shelf):
    spoken = phrases(shelf, {"sign-1": "幺"})
    before = await spoken.sentence(["sign-1"])
    folder = shelf.media / "phrases"
    folder.mkdir()
    make(folder / "sign-1.wav", seconds=1.5)
    (folder / "sign-京.wav").write_bytes(b"no sound")
    steps = [step async for step in spoken.prepare(ARRIVED)]
    assert steps[-1].done == steps[-1].of
    after = await spoken.sentence(ARRIVED)
    assert after[2] != before[0]
    assert after[2].seconds == pytest.approx(1.5, abs=0.05)
    assert list(spoken.faults) == ["sign-京"]


async def test_an_id_that_nobody_has_is_refused_and_no_id_is_a_path(shelf, tmp_path):
    spoken = phrases(shelf, {})
    with pytest.raises(UsageError, match=r"voice\.no-phrase"):
        await spoken.sentence(["sign-1"])
    make(tmp_path / "secret.wav", seconds=4)
    clips = await spoken.sentence([("../../secret", "好")])
    assert clips[0].seconds < 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_settings_know_every_sign_of_a_plate_and_every_minute_of_an_hour(language):
    said = load_phrases(language, config_path("voices"))
    signs = {*map(str, range(10)), *map(str.lower, LETTERS), *PROVINCES}
    assert {f"sign-{sign}" for sign in signs} | {f"number-{n}" for n in range(61)} <= set(said)
    if language == "zh":
        assert said["sign-1"] == "幺"
        assert said["number-2"] == "两"
        assert all(normalise(words) == words for words in said.values())


def test_a_damaged_file_of_phrases_is_told_with_its_name(tmp_path):
    (tmp_path / "phrases.zh.toml").write_text('[say]\n"a/b" = "x"\n')
    with pytest.raises(SettingsError, match=r"phrases\.zh\.toml"):
        load_phrases("zh", tmp_path)
