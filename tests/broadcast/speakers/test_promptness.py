"""How soon each kind of loudspeaker is silent after STOP and expiry, and says what is more urgent.

`pytest -s -m proof tests/broadcast/speakers/test_promptness.py` prints the figures. All kinds
play at once in the real audio process; the SIP horns answer after 0 to 2.8 s, so that some lag as
long as they can. When a packet came is the kernel's word. A card is ALSA's file plugin into a pipe:
what it has in hand counts.
"""

import asyncio
import contextlib
import os
import socket
import struct
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from broadcast import realtime
from broadcast.audio_client.client import AudioClient
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.boottime import now_ns
from broadcast.audio_protocol.messages import SpeakerSetting
from broadcast.audio_protocol.pcm import audioop
from broadcast.audio_protocol.speaker_options import SipOptions, SoundCardOptions
from tests.broadcast.audio_process.harness import (
    Heard,
    group_of,
    membership,
    multicast,
    programme,
    running,
    save,
    tone,
    unicast,
)
from tests.broadcast.speakers.late_horn import LateHorn

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
ROUNDS = max(1, round(20 * SHARE))
# Loudspeakers of each kind on the network; there is one card.
EACH = 6

LOOK_S = 0.002
LATEST_S = 2.8
WITHIN_MS = 100.0
# `SO_TIMESTAMPNS`: each datagram with the instant at which it came.
STAMPED = 35

NOTICE_HZ, ALARM_HZ = 400, 1600
AUDIBLE = 300

CARD = """
</usr/share/alsa/alsa.conf>
pcm.capture_file {{ type file; slave.pcm "null"; file {file}; format raw; }}
pcm.yizhan {{
    type plug
    slave {{ pcm capture_file; format S16_LE; rate 16000; channels 1 }}
    hint {{ show on; description "yizhan" }}
}}
"""


class Piece(NamedTuple):
    """One packet, or 20 ms of a card: when it came, and what is heard in it."""

    at_ns: int
    notice: bool
    alarm: bool


def piece(pcm: bytes, rate: int, at_ns: int) -> Piece:
    """Which of the two tones is the louder, if any is audible."""
    samples = array("h", pcm)
    loud = audioop.rms(pcm, 2) > AUDIBLE
    crossings = sum((a < 0) != (b < 0) for a, b in pairwise(samples))
    hz = crossings / 2 * rate / len(samples)
    return Piece(at_ns, loud and hz < 1000, loud and hz >= 1000)


def packets(link: socket.socket) -> Iterator[tuple[bytes, int]]:
    """What has come to a socket, and when."""
    behind_ns = now_ns() - time.time_ns()
    with contextlib.suppress(BlockingIOError):
        while True:
            packet, ((_, _, stamp), *_), _, _ = link.recvmsg(4096, 64)
            seconds, ns = struct.unpack("@qq", stamp)
            yield packet, seconds * 1_000_000_000 + ns + behind_ns


class Street:
    """All loudspeakers' other ends; a thread of its own listens."""

    def __init__(self, folder: Path) -> None:
        self.heard: dict[tuple[str, int], list[Piece]] = defaultdict(list)
        late = [round(LATEST_S / LOOK_S * n / (EACH - 1)) for n in range(EACH)]
        self.horns = [LateHorn(after, hears=False) for after in late]
        self._links: dict[tuple[str, int], socket.socket] = {}
        self._fifo = folder / "card"
        self._pcm = b""
        os.mkfifo(self._fifo)
        self._card = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        conf = folder / "asound.conf"
        conf.write_text(CARD.format(file=self._fifo))
        self.conf = str(conf)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def speakers(self) -> list[SpeakerSetting]:
        made = [SpeakerSetting("sound-card-0", SoundCardOptions(zones=("all",), device="yizhan"))]
        for n in range(EACH):
            group, port = group_of(n), 5020 + 2 * n
            made.append(multicast(f"multicast-{n}", group, port))
            self._links["multicast", n] = membership(f"{group[:-1]}3", port)
            link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            link.bind(("127.0.0.1", 0))
            link.setblocking(False)
            self._links["unicast", n] = link
            made.append(unicast(f"unicast-{n}", link.getsockname()[1]))
            options = SipOptions(zones=("all",), uri=self.horns[n].uri, answer_within_s=10)
            made.append(SpeakerSetting(f"sip-{n}", options))
            self._links["sip", n] = self.horns[n].rtp
            self._links["alarm", n] = membership(f"{group[:-1]}8", port)
        for link in self._links.values():
            link.setsockopt(socket.SOL_SOCKET, STAMPED, 1)
        return made

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for link in (*self._links.values(), *self.horns):
            link.close()
        os.close(self._card)

    def _listen(self) -> None:
        realtime.use_realtime_priority(realtime.OTHER_PRIORITY)  # a card has no kernel's stamps
        while not self._over.wait(LOOK_S):
            for (kind, n), link in [*self._links.items()]:
                key = ("multicast" if kind == "alarm" else kind, n)
                for packet, at_ns in packets(link):
                    pcm = audioop.alaw2lin(packet[12:], 2)
                    self.heard[key].append(piece(pcm, 8000, at_ns))
            looks = round(time.monotonic() / LOOK_S)  # a look may come late
            for horn in self.horns:
                horn.now = looks
                horn.tick()
            self._hear_card()

    def _hear_card(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._pcm += os.read(self._card, 1 << 16)
        while len(self._pcm) >= 640:
            self.heard["sound-card", 0].append(piece(self._pcm[:640], 16_000, now_ns()))
            self._pcm = self._pcm[640:]


Found = dict[tuple[str, str], list[float]]


class Trial:
    """One round after the other; `found` are ms by what was done and kind."""

    def __init__(self, engine: AudioClient, street: Street, events: Heard, folder: Path) -> None:
        self.found: Found = defaultdict(list)
        self._engine = engine
        self._street = street
        self._events = events
        self._notice = save(folder / "notice.wav", tone(NOTICE_HZ, 20))
        self._alarm = save(folder / "alarm.wav", tone(ALARM_HZ, 20))

    async def round(self, number: int) -> None:
        await self._play(f"stop-{number}")
        at_ns = now_ns()
        await self._engine.stop(f"stop-{number}")
        await asyncio.sleep(1.0)
        self._note("STOP, last packet", at_ns)
        expires_ns = now_ns() + round(LATEST_S * 1.5e9)
        await self._play(f"expiry-{number}", expires_ns=expires_ns)
        await asyncio.sleep((expires_ns - now_ns()) / 1e9 + 1.0)
        self._note("expiry, last packet", expires_ns)
        await self._play(f"notice-{number}")
        alarm = programme(f"alarm-{number}", self._alarm, rank=8, urgent=True)
        await self._engine.prepare(alarm)
        at_ns = now_ns()
        await self._engine.play(alarm.id)
        await self._engine.stop(f"notice-{number}", why="cut")
        await asyncio.sleep(1.0)
        self._note("pre-emption, last of the old", at_ns)
        for key, pieces in self._street.heard.items():
            first = min(each.at_ns for each in pieces if each.alarm and each.at_ns >= at_ns)
            self.found["pre-emption, first of the new", key[0]].append((first - at_ns) / 1e6)
        await self._engine.stop(alarm.id)
        await asyncio.sleep(1.0)
        self._street.heard.clear()

    async def _play(self, name: str, **more: int) -> None:
        self._street.heard.clear()
        await self._engine.prepare(programme(name, self._notice, **more))
        await self._engine.play(name)
        await self._events.wait(messages.ProgrammeStarted, lambda event: event.id == name)
        await asyncio.sleep(LATEST_S + 0.7)

    def _note(self, what: str, at_ns: int) -> None:
        heard = self._street.heard
        assert len(heard) == 3 * EACH + 1, sorted(heard)
        for key, pieces in heard.items():
            last = max(each.at_ns for each in pieces if each.notice)
            self.found[what, key[0]].append((last - at_ns) / 1e6)


async def test_every_kind_of_loudspeaker_is_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = Street(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", street.conf)
    speakers = street.speakers()
    began = time.monotonic()
    with street:
        async with running(tmp_path / "audio.sock") as (engine, _):
            events = Heard(engine)
            await engine.set_speakers(speakers)
            for each in speakers:
                await events.wait(
                    messages.SpeakerWorks, lambda event, each=each: event.speaker == each.id
                )
            trial = Trial(engine, street, events, tmp_path)
            for number in range(ROUNDS):
                await trial.round(number)
    late = []
    print(f"\n{ROUNDS} rounds in {time.monotonic() - began:.0f} s; ms, negative: before it")
    for (what, kind), found in sorted(trial.found.items()):
        found.sort()
        p99 = found[min(len(found) - 1, len(found) * 99 // 100)]
        middle = found[len(found) // 2]
        print(f"{what:30} {kind:11} {len(found):4} times: p50 {middle:7.1f}  p99 {p99:7.1f}")
        late += [(what, kind)] * (p99 > (0.0 if what.startswith("expiry") else WITHIN_MS))
    assert late == []
