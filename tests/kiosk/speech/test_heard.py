"""A press at the kiosk's API is heard: packets at a receiver carry the sentence's own clips."""

import asyncio
import itertools
import json
import math
import socket
import wave
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broadcast.audio_protocol.pcm import audioop
from tests.broadcast.audio_process.harness import drain
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines

pytestmark = pytest.mark.slow

SOUND = """[speaker.hall]
kind = "unicast"
zones = ["hall"]
to = ["127.0.0.1:{ear}"]
[kiosk.hall]
zone = "hall"
place = "hall"
services = ["staff"]
"""
FRAME_S = 0.02
RTP_HEAD = 12
LOUD = 80


class Ear:
    """A network loudspeaker: what it hears, frame by frame, as loudness."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self._packets: list[bytes] = []
        asyncio.get_running_loop().add_reader(self.socket, self._hear)

    def _hear(self) -> None:
        self._packets += drain(self.socket)

    def heard(self) -> list[int]:
        """All that has come since it was last asked, from the first sound on."""
        self._hear()
        packets, self._packets = self._packets, []
        frames = [audioop.rms(audioop.alaw2lin(each[RTP_HEAD:], 2), 2) for each in packets]
        return list(itertools.dropwhile(lambda loud: loud <= LOUD, frames))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


def loudness(files: list[Path]) -> list[int]:
    """The same of files laid end to end."""
    pcm = b""
    for file in files:
        with wave.open(str(file)) as clip:
            pcm += clip.readframes(clip.getnframes())
    step = int(16_000 * FRAME_S) * 2
    return [audioop.rms(pcm[at : at + step], 2) for at in range(0, len(pcm) - step, step)]


def alike(heard: list[int], meant: list[int]) -> float:
    """How far one is the other (1: the same course), at the best of all shifts."""
    best = -1.0
    for lag in range(-10, 60):
        pairs = [(heard[i + lag], m) for i, m in enumerate(meant) if 0 <= i + lag < len(heard)]
        if len(pairs) < 0.8 * len(meant):
            continue
        a, b = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        over = sum((x - a) * (y - b) for x, y in pairs)
        under = math.sqrt(sum((x - a) ** 2 for x, _ in pairs) * sum((y - b) ** 2 for _, y in pairs))
        best = max(best, over / under if under else 0.0)
    return best


class Kiosk:
    """A hand at the kiosk and at the desk, by the control socket."""

    def __init__(self, station: StationProcess) -> None:
        self.station = station

    async def call(self, path: str, body: Any = None, method: str = "POST") -> Any:
        connector = aiohttp.UnixConnector(str(self.station.run_folder / "control.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://localhost/api/v1{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def said(self, count: int) -> None:
        """Wait until so many orders have been said to their end."""
        states: list[str] = []
        async with asyncio.timeout(60):
            while states != ["finished"] * count:
                orders = await self.call("/orders", method="GET")
                states = [order["receipt"]["state"] for order in orders]
                await asyncio.sleep(0.05)

    def clips(self, shown: Any) -> list[Path]:
        """The files of a sentence, found on the shelf by their words."""
        media = self.station.folder / "state" / "media"
        entries = json.loads((media / "shelf.json").read_text("utf-8"))["entries"]
        by_title = {entry["title"]: media / f"{sha}.wav" for sha, entry in entries.items()}
        return [by_title[piece["words"]] for piece in shown["sentence"]]


async def test_a_press_is_heard_as_its_sentence_and_so_is_the_answer(
    tmp_path: Path,
):
    ear = Ear()
    (tmp_path / "station.toml").write_text(
        first_lines(free_port()) + HALL + SOUND.format(ear=ear.port), "utf-8"
    )
    station = StationProcess(tmp_path)
    await station.start()
    kiosk = Kiosk(station)
    try:
        pressed = await kiosk.call(
            "/requests", {"press": "p1", "kiosk": "hall", "service": "staff"}
        )
        await kiosk.said(1)
        heard = ear.heard()
        assert pressed["caption"] == "正在叫工作人员，请稍等。"
        assert alike(heard, loudness(kiosk.clips(pressed))) > 0.9
        answered = await kiosk.call(f"/requests/{pressed['id']}/act", {"act": "answer"})
        await kiosk.said(2)
        heard = ear.heard()
        assert answered["caption"] == "工作人员马上来。"
        spoken = loudness(kiosk.clips(answered))
        assert alike(heard[-len(spoken) - 50 :], spoken) > 0.9  # after its chime
        orders = await kiosk.call("/orders", method="GET")
        assert [order["class"] for order in orders] == ["service", "prompt"]
        assert (await kiosk.call("/kiosks/hall", method="GET"))["heard"]
    finally:
        await station.kill()
        ear.close()
