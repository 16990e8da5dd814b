"""The kiosks' ears over a feigned audio process: what counts, when it ends, and what is let go."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broadcast.audio_protocol import messages
from broadcast.material.memory_clips import ASIDES_MAX, MemoryClips
from broadcast.options import MicrophoneOptions
from gateway.errors import CommandRefused, Unavailable
from gateway.station.kiosk_microphones import KioskMicrophones
from kiosk.screen.voice_note import RecordingControl
from tests.broadcast.audio_process.harness import speechlike
from tests.sim.loop import run

WORDS, HUSH = speechlike(2.0).tobytes(), bytes(64_000)
FRAME = 640


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs beside the loop in the station runs in it under virtual time."""

    async def at_once(work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


class Engine:
    """Its microphone hears `plays`, 20 ms at a time, as long as it is open."""

    def __init__(self, plays: bytes, refused: str = "", fails: str | None = None) -> None:
        self.connected = True
        self.open: list[str] = []
        self._plays, self._refused, self._fails = plays, refused, fails
        self._tell: Callable[[messages.AudioEvent], None] = lambda _: None
        self._playing: list[asyncio.Task[None]] = []

    def add_listener(self, listener: Callable[[messages.AudioEvent], None]) -> None:
        self._tell = listener

    async def begin_capture(self, id_: str, device: str | None) -> None:
        assert device == "usb"
        if self._refused:
            raise CommandRefused(self._refused)
        self.open.append(id_)
        self._playing.append(asyncio.create_task(self._play(id_)))

    async def end_capture(self, id_: str) -> None:
        self.open = [one for one in self.open if one != id_]

    async def _play(self, id_: str) -> None:
        if self._fails is not None:
            self._tell(messages.CaptureEnded(id_, self._fails))
            return
        for at in range(0, len(self._plays), FRAME):
            self._tell(messages.CapturedPcm(id_, self._plays[at : at + FRAME]))
            await asyncio.sleep(0.02)


class Room:
    """Orders that sound for so long."""

    def __init__(self) -> None:
        self.sounding_until_s = 0.0
        self.count = 0

    def new_id(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def orders(self) -> list[Any]:
        """A question that sounds for a while, and a notice that is held until the morning."""
        sounds = asyncio.get_running_loop().time() < self.sounding_until_s
        asks = SimpleNamespace(zones=("hall",), source="kiosk.hall")
        held = SimpleNamespace(zones=("hall",), source="desk")
        return [
            SimpleNamespace(open=sounds, order=asks),
            SimpleNamespace(open=True, order=held),
        ]

    def playing_in(self, zone: str) -> tuple[Any, ...]:
        assert zone == "hall"
        return ()


def listening(engine: Engine, room: Room) -> KioskMicrophones:
    microphones = {"hall": MicrophoneOptions(device="usb")}
    made = cast(Any, room), cast(Any, engine), cast(Any, None)
    return KioskMicrophones(microphones, *made, asides=MemoryClips())


async def nothing() -> None:
    """Nobody needs to be asked."""


async def recorded(
    engine: Engine,
    room: Room | None = None,
    ready: Callable[[], Awaitable[None]] = nothing,
    enough: asyncio.Event | None = None,
) -> Any:
    ears = listening(engine, room or Room())
    return await ears.record("hall", "hall", RecordingControl(ready, enough or asyncio.Event()))


def test_what_the_station_says_to_ask_is_not_in_the_note():
    async def test() -> None:
        room, engine = Room(), Engine(WORDS + HUSH * 6)

        async def ask() -> None:
            room.sounding_until_s = asyncio.get_running_loop().time() + 1.5

        note = await recorded(engine, room, ask)
        assert note is not None
        assert 0.3 < note.seconds < 1.0, "of two seconds the first one and a half were the question"
        assert engine.open == []

    run(test())


def test_one_press_ends_it_and_so_does_silence():
    async def test() -> None:
        enough = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, enough.set)
        note = await recorded(Engine(WORDS * 10), enough=enough)
        assert 0.6 < note.seconds < 1.2
        began = asyncio.get_running_loop().time()
        note = await recorded(Engine(WORDS + HUSH * 20))
        assert 1.8 < note.seconds < 2.3
        assert asyncio.get_running_loop().time() - began < 9

    run(test())


@pytest.mark.parametrize(
    "engine",
    [Engine(b"", refused="audio.full"), Engine(b"", fails="speaker.no-pickup"), Engine(b"")],
    ids=["refused", "unplugged", "silent for ever"],
)
def test_a_microphone_that_cannot_be_had_is_told_and_nothing_stays_open(engine: Engine):
    async def test() -> None:
        with pytest.raises((Unavailable, CommandRefused)):
            await recorded(engine)
        assert engine.open == []

    run(test())


def test_an_audio_process_that_goes_leaves_what_was_said_until_then():
    async def test() -> None:
        engine = Engine(WORDS)  # and then nothing more comes
        note = await recorded(engine)
        assert 1.8 < note.seconds < 2.3
        assert engine.open == []

    run(test())


def test_somebody_who_walks_away_closes_the_microphone():
    async def test() -> None:
        engine = Engine(WORDS * 10)
        task = asyncio.create_task(recorded(engine))
        await asyncio.sleep(0.5)
        assert engine.open
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert engine.open == []

    run(test())


def test_asides_are_read_by_path_bounded_and_gone_when_dropped():
    asides = MemoryClips()
    for number in range(ASIDES_MAX):
        asides.put(f"a{number}", bytes([number]) * 64_044)
    with pytest.raises(Unavailable):
        asides.put("more", b"")
    aside = asides.get("a3")
    assert (aside.path.read_bytes(), aside.seconds, aside.sha) == (b"\3" * 64_044, 2.0, "")
    asides.drop("a3")
    assert not aside.path.exists()
    with pytest.raises(Unavailable):
        asides.get("a3")
    for number in range(ASIDES_MAX):
        asides.drop(f"a{number}")
