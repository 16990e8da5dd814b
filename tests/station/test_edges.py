"""One handler's exception costs one request: a mistake at each edge, and the neighbour beside it.

The edges of the pages stand in `web/test_edge.py` and `desk/test_desk.py`, those of rules and
intake in `rules/test_room.py` and `intake/test_inputs.py`.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from broadcast.audio_client.client import AudioClient
from broadcast.audio_process.background import THREADS_MAX, BackgroundWorkers
from broadcast.audio_process.encoders import EncoderSet
from broadcast.audio_process.mixer import MixedFrame, Mixer
from broadcast.audio_process.sources import FileSource, PcmFile
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import (
    Programme,
    ProgrammeStarted,
    ProgrammeStopped,
    SpeakerFailed,
    SpeakerSetting,
)
from broadcast.audio_protocol.pcm import SILENCE
from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.order import OrderClass
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel
from broadcast.speakers.supervisor import SpeakerSupervisor
from broadcast.triggers.schedule_runner import ScheduleRunner
from gateway.errors import CommandRefused, JournalError
from gateway.faults import FaultLog
from gateway.tasks import report_uncaught
from kiosk.screen.controller import run_ticks
from tests.broadcast.playback.fake_audio import World
from tests.broadcast.playback.test_service import asked
from tests.kiosk.requests.harness import Station
from tests.sim.loop import simulated

SECRET = "13912345678"
FRAME_NS = 20_000_000


def broken(*_given: Any, **_more: Any) -> Any:
    raise KeyError(SECRET)


class Faults(FaultLog):
    """Counts without a clock."""

    def __init__(self) -> None:
        super().__init__(lambda: 0)

    @property
    def places(self) -> set[str]:
        assert all(SECRET not in fault.what for fault in self.all())
        return {fault.where for fault in self.all()}


@pytest.fixture
def faults() -> Faults:
    return Faults()


HALL = SpeakerSetting("hall", MulticastOptions(zones=("all", "hall"), group="239.255.12.0"))


def programme(id_: str, **more: Any) -> Programme:
    return Programme(id=id_, zones=("all",), files=("x",), rank=3, **more)


def test_a_programme_that_breaks_ends_alone(faults: Faults) -> None:
    mixer = Mixer(on_fault=faults.note)
    mixer.set_speakers((HALL,))
    bad, good = (FileSource([PcmFile(SILENCE * 50)], 1, 0.0) for _ in range(2))
    for id_, tape in (("bad", bad), ("good", good)):
        mixer.prepare(programme(id_), tape, 0)
        mixer.play(id_, 0, 0)
    bad.frame = broken  # type: ignore[method-assign]  # what nobody foresaw
    (mix,) = mixer.tick(0)
    assert mix.speakers == ("hall",)
    said = mixer.take_events()
    assert [(e.id, e.why) for e in said if isinstance(e, ProgrammeStopped)] == [("bad", "failed")]
    assert [e.id for e in said if isinstance(e, ProgrammeStarted)] == ["good"]
    assert faults.places == {"programme"}


def test_a_codec_that_breaks_costs_no_speaker_of_another(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODECS, "bad", SimpleNamespace(encoder=broken))  # type: ignore[arg-type]  # as much of one as is asked
    sent = EncoderSet(faults.note).encode(
        [MixedFrame(SILENCE, 3, ("one", "two"))], {"one": "bad", "two": "pcma"}
    )
    assert [speaker for speaker, _, _ in sent] == ["two"]
    assert faults.places == {"codec.bad"}


def test_errands_that_break_cost_no_thread(faults: Faults) -> None:
    errands, done = BackgroundWorkers(faults.note), threading.Event()
    try:
        for _ in range(2 * THREADS_MAX):
            errands.run(broken)
        errands.run(done.set)
        assert done.wait(60)
        for _ in range(6000):
            for result in errands.results():
                result()
            if faults.all() and faults.all()[0].count == 2 * THREADS_MAX:
                break
            threading.Event().wait(0.01)
    finally:
        errands.close()
    assert (faults.all()[0].where, faults.all()[0].count) == ("errand", 2 * THREADS_MAX)


@pytest.mark.parametrize("what", ["play", "rest", "tend"])
def test_a_speaker_whose_driver_breaks_is_a_speaker_that_does_not_work(what: str) -> None:
    speaker = SimpleNamespace(
        codec="pcma", busy=False, rung=ProofLevel.SENT, open=int, play=lambda *_: None, rest=int,
        tend=int, probe=int, close=int,
    )  # fmt: skip
    told: list[messages.AudioEvent] = []
    keeper = SpeakerSupervisor("s", lambda: speaker, told.append, lambda work: work())  # type: ignore[arg-type, return-value]  # as above
    keeper.tend(0)
    keeper.tend(1)
    assert keeper.works
    setattr(speaker, what, broken)
    keeper.play(b"", 3)
    keeper.rest()
    keeper.tend(2)
    assert [(e.speaker, e.code) for e in told if isinstance(e, SpeakerFailed)] == [
        ("s", "speaker.failed")
    ]


@contextlib.asynccontextmanager
async def audio(
    folder: Path, faults: Faults, reconcile: Callable[[messages.AudioState], None] | None = None
) -> AsyncIterator[tuple[Any, AudioClient]]:
    """The audio process in a thread, and the gateway's end of its socket."""
    from broadcast.audio_process.process import AudioProcess  # noqa: PLC0415  # loads what sounds

    process = AudioProcess(folder / "audio.sock", "boot")
    thread = threading.Thread(target=process.run, args=(lambda: None,))
    thread.start()
    path = folder / "audio.sock"
    engine = AudioClient(path, launch=lambda _: None, reconcile=reconcile, on_fault=faults.note)
    running = asyncio.create_task(engine.run())
    try:
        yield process, engine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        process.end()
        await asyncio.to_thread(thread.join)


async def counted(faults: Faults, *places: str) -> None:
    async with asyncio.timeout(60):
        while not faults.places >= set(places):  # noqa: ASYNC110  # another thread brings it about
            await asyncio.sleep(0.01)


async def test_the_audio_socket_outlives_what_either_end_sends(
    tmp_path: Path, faults: Faults
) -> None:
    async with audio(tmp_path, faults) as (process, engine):
        told: list[messages.AudioEvent] = []
        engine.add_listener(broken)
        engine.add_listener(told.append)
        await engine.set_speakers(())
        process._mixer.set_level = broken
        with pytest.raises(CommandRefused) as refused:
            await engine.set_level("x", "hall", -15)
        assert refused.value.code == "audio.failed"
        await counted(faults, "audio.request")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.connect(str(tmp_path / "audio.sock"))
            for packet in (b"\xff\x00{", b"[" * 5000, b'{"n":1,"do":{"type":"none"}}', b"{}"):
                stranger.send(packet)
                assert b"audio.bad-request" in await asyncio.to_thread(stranger.recv, 65536)
        process._errands.post(broken)
        process._errands.post(
            lambda: [client.send(b"\xffgarbage") for client in process._door._clients]
        )
        process._errands.post(lambda: process._door.send_all(messages.ZoneMeter("hall", -20.0)))
        await counted(faults, "audio.result", "audio.message")
        state = await engine.fetch_state()
        assert state.process
        assert engine.connected
        assert messages.ZoneMeter("hall", -20.0) in told
    assert faults.places == {
        "audio.request", "audio.result", "audio.message", "audio.listener",
    }  # fmt: skip


async def test_an_audio_process_that_cannot_be_settled_with_is_tried_again(
    tmp_path: Path, faults: Faults
) -> None:
    async with audio(tmp_path, faults, reconcile=broken) as (process, engine):
        assert (await engine.fetch_state()).process, "whoever is told breaks, and the line stands"
        assert faults.places == {"audio.reconcile"}
        whole, process._state = process._state, broken
        assert engine._socket is not None
        engine._socket.shutdown(socket.SHUT_RDWR)
        await counted(faults, "audio.request", "audio.settle")
        process._state = whole
        async with asyncio.timeout(60):
            await engine._ready.wait()
        assert (await engine.fetch_state()).process


@simulated
async def test_an_order_that_cannot_be_settled_ends_alone():
    faults = Faults()
    around = World(1_790_049_600_000_000_000)
    await around.start()
    try:
        turns = around.room._scheduler
        turns._on_fault = faults.note
        whole = turns._may_begin
        turns._may_begin = lambda kept, *more: (  # type: ignore[method-assign]
            broken() if kept.order.id == "bad" else whole(kept, *more)
        )
        await around.room.place(asked(around, "bad", class_=OrderClass.EMERGENCY))
        await around.room.place(asked(around, "good", class_=OrderClass.EMERGENCY, zones=("hall",)))
        await asyncio.sleep(20)
        states = {kept.order.id: kept.state.value for kept in around.room.orders()}
    finally:
        await around.close()
    assert states == {"bad": "failed", "good": "finished"}
    assert faults.places == {"broadcast.order"}


@simulated
async def test_a_record_and_a_schedule_that_break_cost_no_other():
    faults, played = Faults(), []
    around = World(1_790_049_600_000_000_000)
    await around.start()
    try:
        records = around.room._store.records
        records._on_fault = faults.note
        whole, records._journal = records._journal, SimpleNamespace(append=broken)
        await around.room.place(asked(around, "bad", class_=OrderClass.EMERGENCY))
        records._journal = whole
        receipt = await around.room.place(asked(around, "good", zones=("hall",)))
    finally:
        await around.close()
    assert receipt.state != "failed"
    assert around.room.refusals.lost >= 1

    async def scheduled(due: str) -> None:
        broken() if due == "bad" else played.append(due)

    async def dues() -> list[str]:
        return ["bad", "good"]

    runner: Any = SimpleNamespace(
        _schedules=SimpleNamespace(due=dues), _order=scheduled, _on_fault=faults.note
    )
    keeping = asyncio.create_task(ScheduleRunner.run(runner))
    await asyncio.sleep(0.1)
    keeping.cancel()
    assert played == ["good"]
    assert faults.places == {"broadcast.record", "broadcast.schedule"}


@simulated
async def test_a_kiosks_request_that_breaks_costs_no_other(monkeypatch: pytest.MonkeyPatch):
    faults = Faults()
    made = await Station().start()
    room = made.room
    room._on_fault = room.effects._on_fault = faults.note
    room.add_listener(broken)
    append = room._journal.append
    monkeypatch.setattr(room._journal, "append", broken)
    with pytest.raises(JournalError):
        await made.press("repair", what="door")
    monkeypatch.setattr(room._journal, "append", append)
    monkeypatch.setattr(room.engine.rules("work"), "tick", broken)
    await asyncio.sleep(60)
    monkeypatch.undo()
    monkeypatch.setattr(room.effects.clients["ride"], "ask", broken)
    asked_for = await made.press("ride")
    await asyncio.sleep(1)
    monkeypatch.undo()
    await made.press("repair", what="door")
    assert room.engine.get_request(asked_for.id) is not None
    assert {request.service for request in room.all_requests()} == {"ride", "repair"}
    assert faults.places == {
        "kiosk.listener", "kiosk.record", "kiosk.tick", "kiosk.ask",
    }  # fmt: skip
    assert room.refusals.lost >= 1
    await made.die()


@simulated
async def test_a_screen_that_breaks_costs_no_other_its_second():
    faults, ticks = Faults(), []
    screens: Any = [SimpleNamespace(tick=broken), SimpleNamespace(tick=lambda: ticks.append(1))]
    beating = asyncio.create_task(run_ticks(screens, faults.note))
    await asyncio.sleep(3)
    beating.cancel()
    assert len(ticks) >= 2
    assert faults.places == {"kiosk.screen"}


def test_what_no_edge_has_caught_is_counted_all_the_same(faults: Faults) -> None:
    async def story() -> None:
        report_uncaught(faults.note)
        asyncio.get_running_loop().call_soon(broken)
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_exception_handler({"message": "something else"})

    asyncio.run(story())
    assert [(fault.where, fault.count) for fault in faults.all()] == [("loop", 1)]
