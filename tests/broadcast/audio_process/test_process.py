"""The real audio process: killed, left alone, asked for the impossible."""

import asyncio
import os
import signal
import socket
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from broadcast.audio_client.client import AudioClient
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.boottime import now_ns
from broadcast.audio_protocol.messages import Programme, SpeakerSetting
from broadcast.audio_protocol.pcm import FRAME_BYTES, FRAME_NS
from broadcast.audio_protocol.speaker_options import MulticastOptions
from gateway.errors import CommandRefused
from tests.broadcast.audio_process.harness import (
    Heard,
    drain,
    end,
    group_of,
    load,
    membership,
    multicast,
    programme,
    running,
    save,
    speechlike,
    tone,
    unicast,
    until,
)

pytestmark = pytest.mark.slow

GROUP = group_of(5)
FADE_BYTES = 3 * FRAME_BYTES  # what goes on in the middle swells for 50 ms


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


async def ready(engine: AudioClient, link: socket.socket) -> Heard:
    heard = Heard(engine)
    await engine.set_speakers([unicast("ear", port(link), codec="l16")])
    await heard.wait(messages.SpeakerWorks)
    return heard


async def test_the_killed_process_comes_back_to_its_place(tmp_path: Path, ear) -> None:
    source = save(tmp_path / "a.wav", speechlike(2.0))
    ahead_ns, lost_ns = 0, 0

    def clock() -> int:
        """The gateway's; the last word before it sees the process gone is when that was."""
        nonlocal lost_ns
        lost_ns = now_ns() + ahead_ns
        return lost_ns

    async with running(tmp_path / "audio.sock", clock=clock) as (engine, launcher):
        heard = await ready(engine, ear)
        for id_, until_ns in (("a", None), ("late", now_ns() + 60_000_000_000)):
            await engine.prepare(programme(id_, source, urgent=True, expires_ns=until_ns))
        await engine.play("a")
        began = await heard.wait(messages.ProgrammeStarted)
        before = [await asyncio.get_running_loop().sock_recv(ear, 4096) for _ in range(10)]
        os.kill(launcher.pid, signal.SIGKILL)
        await until(lambda: not engine.connected)
        place = (lost_ns - began.at_ns) // FRAME_NS
        ahead_ns = 60_000_000_000  # what is not heard by then is out of date
        again = await heard.wait(messages.ProgrammeStarted, lambda event: event.start > 0)
        await heard.wait(messages.ProgrammeFinished, lambda event: event.id == "a")
        dropped = await heard.wait(messages.ProgrammeStopped)
        assert (dropped.id, dropped.why) == ("late", "expired")
    packets = before + drain(ear)
    first, second = (
        sound([each for each in packets if each[8:12] == source])
        for source in dict.fromkeys(each[8:12] for each in packets)
    )
    wanted = load(source).tobytes()
    assert first == wanted[: len(first)]
    assert again.start == place, "where it would have been when it died, and not later"
    rest = wanted[again.start * FRAME_BYTES :]
    assert (len(second), second[FADE_BYTES:]) == (len(rest), rest[FADE_BYTES:])


async def test_the_gateway_goes_and_the_sound_goes_on_and_is_found_again(
    tmp_path: Path, ear
) -> None:
    source = save(tmp_path / "a.wav", speechlike(2.4))
    async with running(tmp_path / "audio.sock") as (first, launcher):
        heard = await ready(first, ear)
        await first.prepare(programme("a", source, urgent=True))
        await first.play("a")
        await heard.wait(messages.ProgrammeStarted)
        first_task = next(t for t in asyncio.all_tasks() if "AudioClient.run" in str(t.get_coro()))
        first_task.cancel()
        met: list[messages.AudioState] = []
        second = AudioClient(tmp_path / "audio.sock", launch=lambda _: None, reconcile=met.append)
        task = asyncio.create_task(second.run())
        again = Heard(second)
        await again.wait(messages.ProgrammeFinished)
        assert [(s.id, s.state) for s in met[0].programmes] == [("a", "playing")]
        assert met[0].boot == (tmp_path / "boot").read_text()[:16]
        state = await second.fetch_state()
        assert state.ended == (messages.EndedProgramme("a", "finished", 120, ("ear",), ("ear",)),)
        await second.prepare(programme("a", source, urgent=True))
        with pytest.raises(CommandRefused, match="played"):
            await second.play("a")
        assert launcher.alive()
        task.cancel()
    assert sound(drain(ear)) == load(source).tobytes()


async def test_preemption_the_new_class_is_on_the_wire_with_the_next_frame(tmp_path: Path) -> None:
    """Two programmes by multicast: each class on its own address, the second one at once."""
    links = {rank: membership(str(ip_address(GROUP) + rank), 5006) for rank in (3, 8)}
    low = save(tmp_path / "low.wav", tone(500, 3))
    high = save(tmp_path / "high.wav", tone(1500, 0.3))
    loop = asyncio.get_running_loop()
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        heard = Heard(engine)
        await engine.set_speakers([multicast("horn", GROUP, 5006, codec="l16")])
        await heard.wait(messages.SpeakerWorks)
        await engine.prepare(programme("low", low, rank=3))
        await engine.prepare(programme("high", high, rank=8, urgent=True))
        await engine.play("low")
        before = [await loop.sock_recv(links[3], 4096) for _ in range(10)]
        os.kill(launcher.pid, signal.SIGSTOP)  # it hears both in one breath, however busy we are
        commands = engine.play("high"), engine.stop("low", why="pre-empted")
        asked = [asyncio.ensure_future(each) for each in commands]
        await until(lambda: len(engine._waiting) == len(asked))
        os.kill(launcher.pid, signal.SIGCONT)
        await asyncio.gather(*asked)
        packet = await loop.sock_recv(links[8], 4096)
        assert packet[1] & 0x80  # the first of its session: nothing was lost before it
        await heard.wait(messages.ProgrammeFinished)
        stopped = await heard.wait(messages.ProgrammeStopped)
        low_packets = before + drain(links[3])
    # in frames: the lower class's own stream ended with the frame before the higher one's first
    assert 0 < stopped.frames - len(low_packets) <= 4  # 50 ms of fade, mixed into the new one
    for link in links.values():
        link.close()


async def test_refusals_are_answers_with_a_code(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = await ready(engine, ear)
        for code, asked in (
            ("audio.unknown", engine.play("nothing")),
            ("audio.bad-file", engine.prepare(programme("a", tmp_path / "no.wav"))),
            ("audio.bad-file", engine.prepare(programme("a"))),
            ("audio.expired", engine.open_live(programme("l", expires_ns=1))),
            ("audio.unknown", engine.end_live("nothing")),
        ):
            with pytest.raises(CommandRefused) as refused:
                await asked
            assert refused.value.code == code
        assert {event.code for event in heard.of(messages.ProgrammeRefused)} == {
            "audio.unknown", "audio.bad-file", "audio.expired",
        }  # fmt: skip
        assert (await engine.fetch_state()).programmes == ()


async def test_nonsense_is_answered_and_harms_nobody(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, _):
        await ready(engine, ear)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.connect(str(tmp_path / "audio.sock"))
            stranger.settimeout(5)
            for nonsense in (b"{}", b"\xff" * 70_000, b'{"n":1,"do":{"type":"prepare"}}'):
                stranger.send(nonsense)
                assert messages.parse_message(stranger.recv(4096)) == messages.AudioAnswer(
                    0, "audio.bad-request"
                )
        assert (await engine.fetch_state()).speakers[0].id == "ear"


async def test_live_sound_arrives_in_order(tmp_path: Path, ear) -> None:
    voice = speechlike(0.6).tobytes()
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = await ready(engine, ear)
        await engine.open_live(Programme(id="mic", zones=("all",), rank=6))
        for start in range(0, len(voice), 3200):
            await engine.feed_live("mic", voice[start : start + 3200])
            await asyncio.sleep(0.09)
        await engine.end_live("mic")
        await heard.wait(messages.ProgrammeFinished)
    played = sound(drain(ear))
    assert voice[FRAME_BYTES:-FRAME_BYTES].startswith(played[FRAME_BYTES : 4 * FRAME_BYTES])
    assert len(played) >= len(voice) - FRAME_BYTES


async def test_one_station_has_one_audio_process(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        await ready(engine, ear)
        before = (await engine.fetch_state()).process
        launcher(tmp_path / "audio.sock")  # it lives: nothing happens
        other = type(launcher)(leave_after_s=1)
        other(tmp_path / "audio.sock")
        _, status = await asyncio.to_thread(os.waitpid, other.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 1
        assert (await engine.fetch_state()).process == before


async def test_left_alone_it_ends_by_itself_and_takes_little_memory(tmp_path: Path, ear) -> None:
    async with running(tmp_path / "audio.sock") as (engine, launcher):
        await ready(engine, ear)
        await engine.prepare(programme("a", save(tmp_path / "a.wav", tone(440, 0.2))))
        rss_mb = memory_mb(launcher.pid)
        print(f"audio process: {rss_mb:.1f} MB RSS")
        assert rss_mb < 60
        await end(launcher)
        assert not (tmp_path / "audio.sock").exists()


async def test_what_no_speaker_could_take_says_so_at_its_end(tmp_path: Path) -> None:
    """The horn's network is not there: no address of this machine is that interface's."""
    source = save(tmp_path / "a.wav", speechlike(0.4))
    lost = MulticastOptions(zones=("all",), group=GROUP, port=5008, ttl=0, interface="203.0.113.9")
    async with running(tmp_path / "audio.sock") as (engine, _):
        heard = Heard(engine)
        await engine.set_speakers([SpeakerSetting("lost", lost)])
        await heard.wait(messages.SpeakerFailed)
        await engine.prepare(programme("a", source, urgent=True))
        await engine.play("a")
        ended = await heard.wait(messages.ProgrammeFinished)
        assert (ended.speakers, ended.whole) == ((), ())
        assert (await engine.fetch_state()).ended == (
            messages.EndedProgramme("a", "finished", 20, (), ()),
        )
