"""Foreign receivers hear what was ordered: ffmpeg and GStreamer, by multicast that cannot leave
this host (TTL 0), each codec, in one session of the real audio process."""

import asyncio
import socket
import struct
import subprocess
import time
from array import array
from pathlib import Path
from typing import NamedTuple

import pytest

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.speakers import sap, sdp
from broadcast.speakers.codec import CODECS
from tests.broadcast.audio_process.harness import (
    WITHIN_S,
    Heard,
    best_correlation,
    drain,
    group_of,
    load,
    membership,
    multicast,
    programme,
    running,
    save,
    speechlike,
)

pytestmark = pytest.mark.slow

SECONDS = 1.6
FRAMES = 80
RANK = 8
PORT = 5004
# Announcements go to one group for all: ours are told by their name.
SESSION = f"3号楼 {group_of(0)}"

CODEC_NAMES = ("pcmu", "pcma", "g722", "l16")
DEPAY = {
    "pcmu": "rtppcmudepay ! mulawdec ! wavenc",
    "pcma": "rtppcmadepay ! alawdec ! wavenc",
    "g722": "rtpg722depay",  # the frames themselves: its decoder is not in Debian's good plugins
    "l16": "rtpL16depay ! audioconvert ! audio/x-raw,format=S16LE ! wavenc",
}
GST_NAME = {"pcmu": "PCMU", "pcma": "PCMA", "g722": "G722", "l16": "L16"}


class Session(NamedTuple):
    folder: Path
    source: Path
    packets: dict[str, list[bytes]]
    announced: list[bytes]
    groups: dict[str, MulticastOptions]


def users(group: str) -> int:
    """How many sockets of this host have joined the group."""
    wanted = socket.inet_aton(group)[::-1].hex().upper()
    for line in Path("/proc/net/igmp").read_text().splitlines():
        words = line.split()
        if words and words[0] == wanted:
            return int(words[1])
    return 0


def ffmpeg_receiver(folder: Path, codec: str, options: MulticastOptions) -> subprocess.Popen[bytes]:
    description = folder / f"{codec}.sdp"
    description.write_text(sdp.describe_group(codec, options, RANK))
    command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,udp,rtp"]
    command += ["-localaddr", "127.0.0.1", "-i", str(description), "-t", "1.4"]
    return subprocess.Popen([*command, "-y", str(folder / f"ffmpeg-{codec}.wav")])


def gst_receiver(folder: Path, codec: str, options: MulticastOptions) -> subprocess.Popen[bytes]:
    kind = CODECS[codec]
    caps = (
        f"application/x-rtp,media=audio,payload={kind.payload_type},"
        f"clock-rate={kind.clock.partition('/')[2]},encoding-name={GST_NAME[codec]},channels=1"
    )
    pipeline = (
        f"gst-launch-1.0 -q udpsrc address={options.address(RANK)} port={options.port}"
        f" multicast-iface=lo num-buffers={FRAMES} caps={caps}"
        f" ! {DEPAY[codec]} ! filesink location={folder}/gst-{codec}.wav"
    )
    return subprocess.Popen(pipeline.split())


async def play(folder: Path, source: Path, groups: dict[str, MulticastOptions]) -> None:
    speakers = [
        multicast(
            codec, options.group, options.port, codec=codec, announce=codec == "pcma",
            name=SESSION,
        )
        for codec, options in groups.items()
    ]  # fmt: skip
    async with running(folder / "audio.sock") as (engine, _):
        heard = Heard(engine)
        await engine.set_speakers(speakers)
        for codec in groups:
            await heard.wait(
                messages.SpeakerWorks, lambda event, codec=codec: event.speaker == codec
            )
        await engine.prepare(programme("p", source, rank=RANK))
        await engine.play("p")
        await heard.wait(messages.ProgrammeFinished)
        state = await engine.fetch_state()
        assert {each.rung for each in state.speakers} == {"sent"}  # and never more
        assert (folder / "sdp" / f"pcma-{RANK}.sdp").exists()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("rtp")
    source = save(folder / "source.wav", speechlike(SECONDS))
    groups = {
        codec: MulticastOptions(zones=("all",), group=group_of(n), port=PORT, codec=codec, ttl=0)
        for n, codec in enumerate(CODEC_NAMES)
    }
    links = {codec: membership(options.address(RANK), PORT) for codec, options in groups.items()}
    ears = membership("239.255.255.255", sap.PORT)
    receivers = [ffmpeg_receiver(folder, *each) for each in groups.items()]
    receivers += [gst_receiver(folder, *each) for each in groups.items()]
    try:
        patience = time.monotonic() + WITHIN_S
        while any(users(options.address(RANK)) < 3 for options in groups.values()):
            assert time.monotonic() < patience, "a receiver did not join"
            time.sleep(0.02)
        asyncio.run(play(folder, source, groups))
        for receiver in receivers:
            assert receiver.wait(WITHIN_S) == 0
    finally:
        for receiver in receivers:
            receiver.kill()
            receiver.wait()
    packets = {codec: drain(link) for codec, link in links.items()}
    announced = drain(ears)
    for link in (*links.values(), ears):
        link.close()
    return Session(folder, source, packets, announced, groups)


def judged(session: Session, received: Path, rate: int) -> float:
    """The correlation with the source, resampled by ffmpeg where the codec has fewer samples."""
    reference = session.folder / f"reference-{rate}.wav"
    if not reference.exists():
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(session.source)]
        subprocess.run([*command, "-ar", str(rate), str(reference)], check=True, timeout=WITHIN_S)
    found = best_correlation(load(reference), load(received), range(-3, 33))
    print(f"{received.stem}: correlation {found:.4f}, {len(load(received)) / rate:.3f} s heard")
    return found


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_ffmpeg_hears_the_source(session: Session, codec: str) -> None:
    found = session.folder / f"ffmpeg-{codec}.wav"
    rate = 8000 if codec.startswith("pcm") else 16_000
    assert len(load(found)) >= rate * 1.3
    assert judged(session, found, rate) > 0.99


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_gstreamer_hears_the_source_whole(session: Session, codec: str) -> None:
    found = session.folder / f"gst-{codec}.wav"
    rate = 8000 if codec.startswith("pcm") else 16_000
    if codec == "g722":
        coded, found = found, session.folder / "gst-g722-decoded.wav"
        command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "g722", "-i", str(coded)]
        subprocess.run([*command, str(found)], check=True, timeout=WITHIN_S)
    assert len(load(found)) == pytest.approx(rate * SECONDS, abs=rate * 0.001)
    assert judged(session, found, rate) > 0.99


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_no_gap_in_number_or_time_and_one_source(session: Session, codec: str) -> None:
    headers = [struct.unpack("!BBHII", packet[:12]) for packet in session.packets[codec]]
    kind = CODECS[codec]
    plain = kind.payload_type
    assert len(headers) == FRAMES
    assert [h[1] for h in headers] == [plain | 0x80, *[plain] * (FRAMES - 1)]
    first = headers[0]
    assert [h[2] for h in headers] == [(first[2] + n) % 2**16 for n in range(FRAMES)]
    assert [h[3] for h in headers] == [(first[3] + n * kind.step) % 2**32 for n in range(FRAMES)]
    assert len({h[4] for h in headers}) == 1
    assert {len(packet) for packet in session.packets[codec]} == {12 + kind.payload_bytes}


def test_each_group_is_another_source(session: Session) -> None:
    assert len({packets[0][8:12] for packets in session.packets.values()}) == len(CODEC_NAMES)


def test_l16_is_the_source_to_the_sample(session: Session) -> None:
    sound = array("h", b"".join(packet[12:] for packet in session.packets["l16"]))
    sound.byteswap()
    assert sound == load(session.source)


def test_the_session_is_announced_and_taken_back(session: Session) -> None:
    ours = [packet for packet in session.announced if f"s={SESSION}".encode() in packet]
    assert [packet[0] for packet in ours] == [0x20, 0x24]
    head, _, text = ours[0].partition(b"application/sdp\0")
    assert (len(head), head[4:8]) == (8, b"\x7f\0\0\1")
    group = MulticastOptions(zones=("all",), group=group_of(1), port=PORT, ttl=0, name=SESSION)
    assert text.decode() == sdp.describe_group("pcma", group, RANK)
