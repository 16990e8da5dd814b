"""A real audio process, a real client, and sounds to play."""

import asyncio
import contextlib
import math
import os
import random
import signal
import socket
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from broadcast.audio_client.client import AudioClient
from broadcast.audio_client.launch import AudioProcessLauncher
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import Programme, SpeakerSetting
from broadcast.audio_protocol.speaker_options import MulticastOptions, UnicastOptions

RATE = 16_000
# How long anything is waited for that another process brings about: only a guard.
WITHIN_S = 60


def group_of(number: int) -> str:
    """One of this process's own multicast groups: groups are the whole machine's.

    Who listens to one is counted, and what sounds in one is heard, by all tests that run at once.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"239.255.{(os.getppid() * 4 + worker) % 250}.{number * 10}"


def tone(hz: float, seconds: float, level: float = 0.3) -> "array[int]":
    count = round(seconds * RATE)
    turn = 2 * math.pi * hz / RATE
    return array("h", (round(32767 * level * math.sin(turn * n)) for n in range(count)))


def speechlike(seconds: float, seed: int = 1) -> "array[int]":
    """Tones of 200 to 3,000 Hz that come and go: every instant is unlike every other."""
    chance = random.Random(seed)
    total = [0.0] * round(seconds * RATE)
    for _ in range(round(seconds * 24)):
        hz, start = chance.uniform(200, 3000), chance.randrange(len(total))
        for n in range(start, min(len(total), start + RATE // 5)):
            k = n - start
            swell = math.sin(math.pi * k / (RATE / 5))
            total[n] += 2500 * swell * math.sin(2 * math.pi * hz * k / RATE)
    return array("h", (max(-32768, min(32767, round(s))) for s in total))


def save(path: Path, samples: "array[int]", rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def load(path: Path) -> "array[int]":
    with wave.open(str(path), "rb") as file:
        return array("h", file.readframes(file.getnframes()))


def correlation(one: "array[int]", other: "array[int]") -> float:
    count = min(len(one), len(other))
    a, b = one[:count], other[:count]
    power = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / power if power else 0.0


def best_correlation(source: "array[int]", found: "array[int]", lags: range) -> float:
    return max(correlation(source[max(0, -lag) :], found[max(0, lag) :]) for lag in lags)


def programme(id_: str, *files: Path, zones: tuple[str, ...] = ("all",), **more) -> Programme:
    return Programme(
        id=id_, zones=zones, files=tuple(map(str, files)), rank=more.pop("rank", 3), **more
    )


def multicast(id_: str, group: str, port: int, **more) -> SpeakerSetting:
    zones = more.pop("zones", ("all",))
    options = MulticastOptions(
        zones=zones, group=group, port=port, ttl=0, interface="127.0.0.1", **more
    )
    return SpeakerSetting(id_, options)


def unicast(id_: str, port: int, **more) -> SpeakerSetting:
    zones = more.pop("zones", ("all",))
    return SpeakerSetting(id_, UnicastOptions(zones=zones, to=(f"127.0.0.1:{port}",), **more))


class Heard:
    """All events of the process, and a way to wait for one."""

    def __init__(self, engine: AudioClient) -> None:
        self.events: list[messages.AudioEvent] = []
        self._came = asyncio.Event()
        engine.add_listener(self._hear)

    def _hear(self, event: messages.AudioEvent) -> None:
        if not isinstance(event, messages.ZoneMeter):
            self.events.append(event)
            self._came.set()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type, wanted: Callable[..., bool] = lambda _: True):
        async with asyncio.timeout(WITHIN_S):
            while True:
                for event in self.of(kind):
                    if wanted(event):
                        return event
                self._came.clear()
                await self._came.wait()


@contextlib.asynccontextmanager
async def running(path: Path, **more) -> AsyncIterator[tuple[AudioClient, AudioProcessLauncher]]:
    """An engine with a process of its own, both gone afterwards."""
    launcher = AudioProcessLauncher()
    engine = AudioClient(path, launch=launcher, **more)
    task = asyncio.create_task(engine.run())
    try:
        await until(lambda: engine.connected)
        yield engine, launcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await end(launcher)


async def until(true: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110  # another process brings it about, and tells nobody here
            await asyncio.sleep(0.01)


async def end(launcher: AudioProcessLauncher) -> None:
    """End the process that this launcher started, and see it gone."""
    if launcher.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(launcher.pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            async with asyncio.timeout(WITHIN_S):
                await asyncio.to_thread(os.waitpid, launcher.pid, 0)


def membership(group: str, port: int) -> socket.socket:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    link.bind((group, port))
    wanted = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
    link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)
    link.setblocking(False)
    return link


def drain(link: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(link.recv(4096))
    return found
