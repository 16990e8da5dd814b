"""The real audio process: killed, left alone, asked for the impossible."""

import asyncio
import os
import signal
import socket
import struct
import time
from pathlib import Path

import pytest

from broadcast.engine import wire
from broadcast.engine.boottime import now_ns
from broadcast.engine.client import Engine
from broadcast.engine.pcm import FRAME_BYTES
from broadcast.engine.wire import Programme
from gateway.errors import CommandRefused
from tests.broadcast.engine.rig import (
    Heard,
    drain,
    end,
    load,
    membership,
    multicast,
    programme,
    running,
    save,
    speechlike,
    tone,
    unicast,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def ear():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        link.setblocking(False)
        yield link


def port(link: socket.socket) -> int:
    return link.getsockname()[1]


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def sound(found: list[bytes]) -> bytes:
    """L16 back to samples."""
    whole = b"".join(packet[12:] for packet in found)
    return struct.pack(f"={len(whole) // 2}h", *struct.unpack(f">{len(whole) // 2}h", whole))


async def ready(engine: Engine, link: socket.socket) -> Heard:
    heard = Heard(engine)
    await engine.sinks([unicast("ear", port(link), codec="l16")])
    await heard.wait(wire.Well)
    return heard


async def test_the_killed_process_comes_back_to_its_place_within_2_s(tmp_path: Path, ear) -> None:
    source = save(tmp_path / "a.wav", speechlike(2.0))
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        heard = await ready(engine, ear)
        for id_, until_ns in (("a", None), ("late", now_ns() + 700_000_000)):
            await engine.prepare(programme(id_, source, urgent=True, expires_ns=until_ns))
        await engine.play("a")
        await heard.wait(wire.Started)
        await asyncio.sleep(0.5)
        os.kill(launcher.pid, signal.SIGKILL)
        killed = time.monotonic()
        again = await heard.wait(wire.Started, lambda event: event.start > 0)
        took_s = time.monotonic() - killed
        print(f"killed → sounding again: {took_s * 1000:.0f} ms, at frame {again.start}")
        assert took_s < 2
        await heard.wait(wire.Finished, lambda event: event.id == "a")
        dropped = await heard.wait(wire.Stopped)
        assert (dropped.id, dropped.why) == ("late", "expired")
    played = sound(drain(ear))
    wanted = load(source).tobytes()
    lost = len(wanted) - len(played)
    # everything was heard, but for a frame or two that were on their way when it died
    assert abs(lost) <= 3 * FRAME_BYTES
    assert played[: 20 * FRAME_BYTES] == wanted[: 20 * FRAME_BYTES]
    assert played[-20 * FRAME_BYTES :] == wanted[-20 * FRAME_BYTES :]


async def test_the_gateway_goes_and_the_sound_goes_on_and_is_found_again(
    tmp_path: Path, ear
) -> None:
    source = save(tmp_path / "a.wav", speechlike(1.2))
    async with running(tmp_path / "audio.sock") as (first, launcher):
        heard = await ready(first, ear)
        await first.prepare(programme("a", source, urgent=True))
        await first.play("a")
        await heard.wait(wire.Started)
        first_task = next(t for t in asyncio.all_tasks() if "Engine.run" in str(t.get_coro()))
        first_task.cancel()
        met: list[wire.State] = []
        second = Engine(tmp_path / "audio.sock", launch=lambda _: None, reconcile=met.append)
        task = asyncio.create_task(second.run())
        again = Heard(second)
        await again.wait(wire.Finished)
        assert [(s.id, s.state) for s in met[0].programmes] == [("a", "playing")]
        assert met[0].boot == (tmp_path / "boot").read_text()[:16]
        state = await second.state()
        assert state.ended == (wire.Ended("a", "finished", 60),)
        await second.prepare(programme("a", source, urgent=True))
        with pytest.raises(CommandRefused, match="played"):
            await second.play("a")
        assert launcher.alive()
        task.cancel()
    assert sound(drain(ear)) == load(source).tobytes()


async def test_preemption_the_new_class_is_on_the_wire_within_100_ms(tmp_path: Path) -> None:
    """Two programmes by multicast: each class on its own address, the second one at once."""
    links = {rank: membership(f"239.255.77.{rank}", 5006) for rank in (3, 8)}
    low = save(tmp_path / "low.wav", tone(500, 1.5))
    high = save(tmp_path / "high.wav", tone(1500, 0.3))
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = Heard(engine)
        await engine.sinks([multicast("horn", "239.255.77.0", 5006, codec="l16")])
        await heard.wait(wire.Well)
        await engine.prepare(programme("low", low, rank=3))
        await engine.prepare(programme("high", high, rank=8, urgent=True))
        await engine.play("low")
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        pressed = time.monotonic()
        first = asyncio.create_task(loop.sock_recv(links[8], 4096))
        await engine.play("high")
        await engine.stop("low", why="pre-empted")
        packet = await first
        took_ms = (time.monotonic() - pressed) * 1000
        print(f"pre-emption → first packet: {took_ms:.1f} ms")
        assert packet[1] & 0x80  # the first of its session: nothing was lost before it
        await heard.wait(wire.Finished)
        stopped = await heard.wait(wire.Stopped)
        low_packets = drain(links[3])
    # in frames: the lower class's own stream ended with the frame before the higher one's first
    started = heard.of(wire.Started)
    frames_between = (started[1].at_ns - started[0].at_ns) // 20_000_000
    assert len(low_packets) == pytest.approx(frames_between, abs=1)
    assert stopped.frames - len(low_packets) <= 4  # 50 ms of fade, mixed into the new one
    for link in links.values():
        link.close()


async def test_refusals_are_answers_with_a_code(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = await ready(engine, ear)
        for code, asked in (
            ("audio.unknown", engine.play("nothing")),
            ("audio.bad-file", engine.prepare(programme("a", tmp_path / "no.wav"))),
            ("audio.bad-file", engine.prepare(programme("a"))),
            ("audio.expired", engine.live_open(programme("l", expires_ns=1))),
            ("audio.unknown", engine.live_end("nothing")),
        ):
            with pytest.raises(CommandRefused) as refused:
                await asked
            assert refused.value.code == code
        assert {event.code for event in heard.of(wire.Refused)} == {
            "audio.unknown", "audio.bad-file", "audio.expired",
        }  # fmt: skip
        assert (await engine.state()).programmes == ()


async def test_nonsense_is_answered_and_harms_nobody(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, _):
        await ready(engine, ear)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.connect(str(tmp_path / "audio.sock"))
            stranger.settimeout(5)
            for nonsense in (b"{}", b"\xff" * 70_000, b'{"n":1,"do":{"type":"prepare"}}'):
                stranger.send(nonsense)
                assert wire.message(stranger.recv(4096)) == wire.Answer(0, "audio.bad-request")
        assert (await engine.state()).speakers[0].id == "ear"


async def test_live_sound_arrives_in_order(tmp_path: Path, ear) -> None:
    voice = speechlike(0.6).tobytes()
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = await ready(engine, ear)
        await engine.live_open(Programme(id="mic", zones=("all",), rank=6))
        for start in range(0, len(voice), 3200):
            await engine.live("mic", voice[start : start + 3200])
            await asyncio.sleep(0.09)
        await engine.live_end("mic")
        await heard.wait(wire.Finished)
    played = sound(drain(ear))
    assert voice[FRAME_BYTES:-FRAME_BYTES].startswith(played[FRAME_BYTES : 4 * FRAME_BYTES])
    assert len(played) >= len(voice) - FRAME_BYTES


async def test_one_station_has_one_audio_process(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        await ready(engine, ear)
        before = (await engine.state()).process
        launcher(tmp_path / "audio.sock")  # it lives: nothing happens
        other = type(launcher)(leave_after_s=1)
        other(tmp_path / "audio.sock")
        _, status = await asyncio.to_thread(os.waitpid, other.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 1
        assert (await engine.state()).process == before


async def test_left_alone_it_ends_by_itself_and_takes_little_memory(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        await ready(engine, ear)
        await engine.prepare(programme("a", save(tmp_path / "a.wav", tone(440, 0.2))))
        rss_mb = memory_mb(launcher.pid)
        print(f"audio process: {rss_mb:.1f} MB RSS")
        assert rss_mb < 60
        await end(launcher)
        assert not (tmp_path / "audio.sock").exists()
