"""A page by SIP: baresip answers, and what it decoded is what was ordered."""

import asyncio
from pathlib import Path

import pytest

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import SpeakerSetting
from broadcast.audio_protocol.speaker_options import SipOptions
from tests.broadcast.audio_process.harness import (
    Heard,
    correlation,
    load,
    programme,
    running,
    save,
    speechlike,
    until,
)
from tests.broadcast.speakers.sip_horn import heard, horn
from tests.ports import free_port

pytestmark = pytest.mark.slow


async def page(folder: Path, address: str, codec: str) -> Path:
    source = save(folder / "source.wav", speechlike(1.6, seed=3))
    async with running(folder / "audio.sock") as (engine, _):
        events = Heard(engine)
        options = SipOptions(zones=("all",), uri=address, codec=codec, answer_within_s=10)
        await engine.set_speakers([SpeakerSetting("horn", options)])
        await events.wait(messages.SpeakerWorks, lambda event: event.rung == "reachable")
        await engine.prepare(programme("p", source, rank=8))
        await engine.play("p")
        await events.wait(messages.SpeakerWorks, lambda event: event.rung == "accepted")
        await events.wait(messages.ProgrammeFinished)
        log = folder / "horn" / "log"
        await until(lambda: b"terminated (duration" in log.read_bytes())  # hung up
        assert events.of(messages.SpeakerFailed) == []
    return source


@pytest.mark.parametrize(("codec", "rate"), [("pcma", 8000), ("g722", 16_000)])
def test_a_horn_answers_and_hears_what_was_ordered(tmp_path: Path, codec: str, rate: int) -> None:
    with horn(tmp_path / "horn") as address:
        source = load(asyncio.run(page(tmp_path, address, codec)))
    found = load(heard(tmp_path / "horn"))
    reference = source if rate == 16_000 else source[::2]
    # its jitter buffer is filled before it plays, and gives up what is left at the end
    assert len(found) > 0.85 * len(reference)
    middle = len(found) // 4
    part = found[middle : middle + rate // 5]
    lags = range(max(0, middle - rate // 8), middle + rate // 5)
    assert max(correlation(reference[lag : lag + len(part)][::3], part[::3]) for lag in lags) > 0.98


async def test_a_horn_that_does_not_answer_and_one_that_is_not_there_are_faults(
    tmp_path: Path,
) -> None:
    source = save(tmp_path / "source.wav", speechlike(2.0))
    with horn(tmp_path / "horn", answers="manual") as address:
        deaf = SipOptions(zones=("all",), uri=address, answer_within_s=0.5)
        gone = SipOptions(zones=("all",), uri=f"sip:x@127.0.0.1:{free_port()}")
        async with running(tmp_path / "audio.sock") as (engine, _):
            events = Heard(engine)
            await engine.set_speakers([SpeakerSetting("deaf", deaf), SpeakerSetting("gone", gone)])
            fault = await events.wait(messages.SpeakerFailed)
            assert (fault.speaker, fault.code) == ("gone", "speaker.unreachable")
            await events.wait(messages.SpeakerWorks)
            await engine.prepare(programme("p", source))
            await engine.play("p")
            fault = await events.wait(messages.SpeakerFailed, lambda event: event.speaker == "deaf")
            assert fault.code == "speaker.no-answer"
            await events.wait(messages.ProgrammeFinished)  # it went to its end for everybody else
