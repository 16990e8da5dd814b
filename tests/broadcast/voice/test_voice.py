"""Texts become clips: the chain of engines, the cache, what is ready, and what espeak says."""

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from broadcast.clips.clip import is_canonical
from broadcast.clips.decode import LOUDNESS_LUFS, PEAK_DBTP, measure_loudness
from broadcast.clips.store import ClipStore
from broadcast.options import VoiceOptions
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.neural import PiperVoice, SherpaVoice
from broadcast.voice.normalise import normalise
from broadcast.voice.options import build_engines
from broadcast.voice.voice import SpokenLine, Voice
from drivers.data_files import config_path
from gateway.errors import ProgramFailed, SettingsError, Unavailable, UsageError
from tests.broadcast.clips.sounds import make, stream

LEXICON = Lexicon.load(config_path("voices"))
STANDIN = Path(__file__).with_name("standin.py")


@pytest.fixture
def shelf(tmp_path):
    return ClipStore(tmp_path / "media")


@pytest.fixture
def voice(shelf):
    return Voice(shelf, [EspeakVoice(LEXICON)])


def program(folder, kind):
    """The stand-in under a name of its own, as an installer puts a program somewhere."""
    path = folder / kind
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(STANDIN), kind])} "$@"\n')
    path.chmod(0o755)
    return str(path)


def sherpa(folder, weights="weights"):
    model = folder / "vits"
    model.mkdir(exist_ok=True)
    for name in ("tokens.txt", "lexicon.txt", "number.fst"):
        (model / name).write_text("x")
    (model / "model.onnx").write_text(weights)
    return SherpaVoice(model, program=program(folder, "sherpa"))


def piper(folder):
    model = folder / "zh.onnx"
    model.write_text("weights")
    model.with_suffix(".onnx.json").write_text("{}")
    return PiperVoice(model, program=program(folder, "piper"))


async def test_a_text_becomes_a_clip_at_the_stations_loudness_once(voice):
    text = "各位居民请注意，今天14:00停水检修。"
    assert voice.ready(text) is None
    clip = await voice.render(text)
    assert is_canonical(clip.path)
    assert clip.title == text
    assert 3 < clip.seconds < 10
    found = await measure_loudness(clip.path)  # ffmpeg's ebur128 judges the file
    assert abs(found.lufs - LOUDNESS_LUFS) <= 1
    assert found.peak_db <= PEAK_DBTP
    assert voice.ready("各位居民请注意，今天 14：00 停水检修。") == clip
    assert (await voice.render(text)).sha == clip.sha


async def test_an_english_text_is_spoken_by_an_english_voice(voice):
    clip = await voice.render("The water is off from 14:00.", "en")
    assert clip.seconds > 1
    assert voice.ready("The water is off from 14:00.", "zh") is None


async def test_espeak_reads_no_chinese_syllable_as_english_letters():
    espeak = EspeakVoice(LEXICON)
    text = normalise("居民朋友们：3号楼2单元501室，请于2026年11月24日14:30前到银行，车牌京A12345。")
    assert "(en)" not in await espeak.phonemes(text)
    spelt = " ".join(LEXICON.readings.values())
    assert "(en)" not in await espeak.phonemes(spelt)


@pytest.mark.parametrize(
    ("text", "pinyin"),
    [
        ("银行行长", "yin2 hang2 hang2 zhang3"),
        ("请长者到银行还款", "qing3 zhang3 zhe3 dao4 yin2 hang2 huan2 kuan3"),
        ("小区长期停水", "xiao3 qu1 chang2 qi1 ting2 shui3"),
        ("空调调试", "kong1 tiao2 tiao2 shi4"),
    ],
)
async def test_polyphones_sound_as_their_pinyin(text, pinyin):
    espeak = EspeakVoice(LEXICON)
    assert _syllables(await espeak.phonemes(text)) == _syllables(await espeak.phonemes(pinyin))


def _syllables(phonemes):
    return phonemes.replace("'", "").split()


def test_without_the_lexicon_a_polyphone_is_left_to_the_engine():
    assert Lexicon({}).spelt("银行") == "银行"
    assert LEXICON.spelt("去银行。") == "去 yin2 hang2 。"


def test_a_wrong_reading_in_the_installers_lexicon_is_told_with_its_word(tmp_path):
    (tmp_path / "lexicon.toml").write_text('[readings]\n"行长" = "hang"\n', "utf-8")
    with pytest.raises(SettingsError) as caught:
        Lexicon.load(config_path("voices"), tmp_path)
    assert caught.value.data["word"] == "行长"
    (tmp_path / "lexicon.toml").write_text('[readings]\n"六里屯" = "liu4 li3 tun2"\n', "utf-8")
    assert Lexicon.load(config_path("voices"), tmp_path).readings["六里屯"] == "liu4 li3 tun2"


@pytest.mark.parametrize("engine", [sherpa, piper])
async def test_a_voice_with_a_model_speaks_by_its_own_command_line(shelf, tmp_path, engine):
    voice = Voice(shelf, [engine(tmp_path), EspeakVoice(LEXICON)])
    clip = await voice.render("停水三小时")
    assert clip.seconds == pytest.approx(1.6, abs=0.15)  # the stand-in's length, not espeak's
    assert voice.faults == {}


async def test_the_next_engine_speaks_when_one_fails_and_it_is_told_until_it_is_well(
    shelf, tmp_path, caplog
):
    best = sherpa(tmp_path, weights="broken")
    voice = Voice(shelf, [best, EspeakVoice(LEXICON)])
    assert (await voice.render("停水")).seconds > 0.3
    assert (await voice.render("停电")).seconds > 0.3
    assert voice.faults["sherpa"].code == "program.failed"
    assert caplog.text.count("does not speak") == 1
    assert voice.ready("停水") is not None  # by the second voice: ready is ready
    sherpa(tmp_path, weights="mended")
    better = await voice.render("停水")
    assert voice.faults == {}
    assert voice.ready("停水") == better


async def test_a_voice_whose_model_is_not_there_is_told(shelf, tmp_path):
    missing = SherpaVoice(tmp_path / "none", program=program(tmp_path, "sherpa"))
    voice = Voice(shelf, [missing, EspeakVoice(LEXICON)])
    await voice.render("停水")
    assert voice.faults["sherpa"].code == "voice.absent"
    await voice.render("water", "en")  # not its language: nothing more to say about it
    assert list(voice.faults) == ["sherpa"]


async def test_a_new_model_is_a_new_voice(shelf, tmp_path):
    engine = piper(tmp_path)
    before = engine.identity("zh")
    (tmp_path / "zh.onnx").write_text("other weights")
    assert engine.identity("zh") != before
    assert engine.identity("en") is None


async def test_no_voice_at_all_is_said_with_a_remedy(shelf, tmp_path):
    voice = Voice(shelf, [EspeakVoice(LEXICON, program=str(tmp_path / "none"))])
    with pytest.raises(Unavailable, match=r"voice\.none"):
        await voice.render("停水")


@pytest.mark.parametrize(
    ("text", "code"), [("", "voice.nothing"), ("😀…", "voice.nothing"), ("水" * 1001, "voice.long")]
)
async def test_what_cannot_be_said_is_refused(voice, text, code):
    with pytest.raises(UsageError) as caught:
        await voice.render(text)
    assert caught.value.code == code


class Counted:
    """An engine that counts, and waits to be let go."""

    name = "counted"
    languages = frozenset({"zh"})

    def __init__(self):
        self.spoken = 0
        self.go = asyncio.Event()

    def identity(self, language):
        return "1"

    async def speak(self, text, language, folder):
        self.spoken += 1
        await self.go.wait()
        return make(folder / "a.wav", seconds=0.5)


async def test_many_who_want_the_same_text_cause_one_rendering_and_may_give_up(shelf):
    engine = Counted()
    voice = Voice(shelf, [engine])
    waiting = [asyncio.create_task(voice.render("停水")) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    engine.go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert len({clip.sha for clip in await asyncio.gather(*waiting[1:])}) == 1
    assert engine.spoken == 1


async def test_what_will_be_wanted_is_made_ready_with_progress_and_failures_do_not_stop_it(voice):
    lines = [
        SpokenLine("停水"),
        SpokenLine("😀"),
        SpokenLine("停水"),
        SpokenLine("Water is off", "en"),
    ]
    steps = [step async for step in voice.prerender(lines)]
    assert [step.done for step in steps] == [0, 1, 2, 3]
    assert steps[-1].failed == (SpokenLine("😀"),)
    assert voice.ready("停水")
    assert voice.ready("Water is off", "en")


async def test_a_recording_that_was_given_for_a_text_goes_before_every_engine(voice, tmp_path):
    spoken = await voice.render("停水")
    file = make(tmp_path / "platform.wav", seconds=2)
    given = await voice.give("停水", stream(file.read_bytes()), "platform.wav")
    assert voice.ready("停水") == given == await voice.render("停水")
    assert given.sha != spoken.sha


@pytest.fixture
def idle_piper(tmp_path):
    engine = piper(tmp_path)
    (tmp_path / "piper").write_text("#!/bin/sh\nexit 0\n")
    return engine


async def test_a_program_that_leaves_nothing_behind_has_failed(tmp_path, idle_piper):
    with pytest.raises(ProgramFailed, match=r"program\.output"):
        await idle_piper.speak("停水", "zh", tmp_path)


def test_espeak_stands_behind_whatever_the_installer_chose():
    chosen = [VoiceOptions(engine="sherpa", model="/m"), VoiceOptions(engine="piper", model="/p")]
    assert [each.name for each in build_engines(chosen, LEXICON)] == ["sherpa", "piper", "espeak"]


async def test_what_cannot_be_made_ready_is_logged_once_and_once_when_it_can(
    shelf, tmp_path, caplog
):
    voice = Voice(shelf, [EspeakVoice(LEXICON, program=str(tmp_path / "none"))])
    with caplog.at_level("INFO", "broadcast.voice"):
        for _ in range(2):
            steps = [
                step async for step in voice.prerender([SpokenLine("停水"), SpokenLine("来电")])
            ]
            assert len(steps[-1].failed) == 2
        assert [step async for step in voice.prerender([])]
    said = [r.getMessage() for r in caplog.records]
    assert [line.partition(":")[0] for line in said if "ready" in line] == [
        "a text could not be made ready",
        "every text is ready again",
    ]
    assert "停水" not in caplog.text
