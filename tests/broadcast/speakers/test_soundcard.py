"""PyAudio plays through ALSA: to the sample into a file, in real time into PulseAudio."""

import asyncio
import random
from array import array
from pathlib import Path

import pytest

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import SpeakerSetting
from broadcast.audio_protocol.speaker_options import SoundCardOptions
from broadcast.speakers.chime_detector import chime_likeness, contains_chime
from tests.broadcast.audio_process.harness import (
    Heard,
    end,
    load,
    programme,
    running,
    save,
    speechlike,
    tone,
)
from tests.broadcast.speakers.sound_cards import file_card, pulse, recording

pytestmark = pytest.mark.slow

TAIL = 3200


def card(id_: str, device: str, **more) -> SpeakerSetting:
    return SpeakerSetting(id_, SoundCardOptions(zones=(id_,), device=device, **more))


async def test_the_capture_is_the_source_to_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, capture = file_card(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(conf))
    source = save(tmp_path / "source.wav", speechlike(0.8))
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        events = Heard(engine)
        await engine.set_speakers([card("hall", "yizhan", warm_up_s=0.1)])
        await events.wait(messages.SpeakerWorks)
        await engine.prepare(programme("p", source, zones=("hall",), rank=8))
        await engine.play("p")
        await events.wait(messages.ProgrammeFinished)
        assert (await engine.fetch_state()).speakers[0].rung == "accepted"
        await end(launcher)
    captured, wanted = load(capture), load(source)
    warm = 1600 + 960  # the amplifier's 100 ms, and what the card has in hand
    assert captured[warm : warm + len(wanted)] == wanted
    assert captured[:warm] == array("h", bytes(2 * warm))
    assert captured[warm + len(wanted) :] == array("h", bytes(2 * TAIL))


async def test_a_card_that_is_not_there_is_a_fault_and_the_others_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, capture = file_card(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(conf))
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        events = Heard(engine)
        await engine.set_speakers([card("gone", "no-such-card"), card("hall", "yizhan")])
        fault = await events.wait(messages.SpeakerFailed)
        assert (fault.speaker, fault.code) == ("gone", "speaker.no-card")
        assert fault.data == {"device": "no-such-card"}
        await events.wait(messages.SpeakerWorks)
        clip = save(tmp_path / "a.wav", tone(440, 0.2))
        await engine.prepare(programme("p", clip, zones=("hall", "gone")))
        await engine.play("p")
        started = await events.wait(messages.ProgrammeStarted)
        assert started.speakers == ("hall",)
        await events.wait(messages.ProgrammeFinished)
        await end(launcher)
    assert load(capture)[960 : 960 + 3200] == load(clip)


def test_in_real_time_two_cards_at_once_and_the_microphone_hears_the_chime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(tmp_path / "source.wav", speechlike(0.8))
    chime = save(tmp_path / "chime.wav", speechlike(0.6, seed=5))
    with pulse(tmp_path) as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        found = {sink: tmp_path / f"{sink}.wav" for sink in ("zone_a", "zone_b")}
        with (
            recording(environ, "zone_a", found["zone_a"]),
            recording(environ, "zone_b", found["zone_b"]),
        ):
            asyncio.run(_play_and_test(tmp_path, source, chime))
    wanted = load(source)
    for path in found.values():
        assert in_order(wanted, load(path)) > 0.9


def in_order(wanted: array, captured: array, block: int = 160) -> float:
    """The share of `wanted`'s 10 ms blocks that the capture holds, exact and one after another.

    A machine that is busy elsewhere lets PulseAudio run dry: it plays silence in between, and goes
    on where it was. That costs the block in which it happens, never the ones after it.
    """
    sound, at, blocks = captured.tobytes(), 0, 0
    for start in range(0, len(wanted) - block, block):
        piece = wanted[start : start + block].tobytes()
        if (found := sound.find(piece, at)) >= 0:
            at, blocks = found + len(piece), blocks + 1
    return blocks / (len(wanted) // block - 1)


async def _play_and_test(folder: Path, source: Path, chime: Path) -> None:
    async with running(folder / "audio.sock") as (engine, _):
        events = Heard(engine)
        await engine.set_speakers(
            [card("a", "zone_a", microphone="mic_a"), card("b", "zone_b", microphone="mic_a")]
        )
        for id_ in "ab":
            await events.wait(messages.SpeakerWorks, lambda event, id_=id_: event.speaker == id_)
        await engine.prepare(programme("p", source, zones=("a", "b")))
        await engine.play("p")
        await events.wait(messages.ProgrammeFinished)
        await asyncio.sleep(0.3)  # what is in PulseAudio's buffer
        await engine.self_test(["a", "b"], chime)
        await events.wait(
            messages.SpeakerWorks, lambda event: (event.speaker, event.rung) == ("a", "heard")
        )
        # the same microphone does not hear the other card: that is told, and it stays lower
        fault = await events.wait(messages.SpeakerFailed)
        assert (fault.speaker, fault.code) == ("b", "speaker.not-heard")
        rungs = {each.id: each.rung for each in (await engine.fetch_state()).speakers}
        assert rungs == {"a": "heard", "b": "accepted"}


def test_an_order_is_known_to_be_heard_beside_the_speaker_that_has_a_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(tmp_path / "source.wav", speechlike(6.0))
    with pulse(tmp_path) as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        asyncio.run(_play_and_hear(tmp_path, source))


async def _play_and_hear(folder: Path, source: Path) -> None:
    async with running(folder / "audio.sock") as (engine, _):
        events = Heard(engine)
        await engine.set_speakers([card("a", "zone_a", microphone="mic_a"), card("b", "zone_b")])
        for id_ in "ab":
            await events.wait(messages.SpeakerWorks, lambda event, id_=id_: event.speaker == id_)
        await engine.prepare(programme("p", source, zones=("a", "b")))
        await engine.play("p")
        await events.wait(messages.ProgrammeFinished)
        heard = await events.wait(messages.ProgrammeHeard)
        assert (heard.id, heard.speaker) == ("p", "a")
        assert {each.id: each.rung for each in (await engine.fetch_state()).speakers}[
            "b"
        ] == "accepted"


def test_a_chime_is_heard_softly_late_and_in_an_echo_but_not_in_noise_or_hum() -> None:

    chance = random.Random(7)
    chime = speechlike(0.6, seed=5)
    noise = array("h", (chance.randrange(-300, 300) for _ in range(24_000)))
    hall = array("h", noise)
    for n, sample in enumerate(chime):
        for delay, share in ((5000, 0.2), (5900, 0.1), (7100, 0.06)):
            hall[n + delay] = max(-32768, min(32767, hall[n + delay] + round(sample * share)))
    assert contains_chime(chime, hall)
    assert not contains_chime(chime, noise)
    assert not contains_chime(chime, tone(1000, 1.5))
    assert not contains_chime(chime, speechlike(1.5, seed=9))
    assert chime_likeness(chime, array("h", bytes(48_000))) == 0
