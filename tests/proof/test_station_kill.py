"""kill -9 of the running station, a third of the time inside a commit: nothing is lost or changed.

What the station has shown on its live stream was committed; what the platform has receipted is on
its disk. After every kill the station must come back with both, and in the end the platform must
hold every number ever issued, each once, with no hole.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter

import aiohttp
import pytest

from tests.proof import shim
from tests.station.harness import Rig, StationProcess, rig

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
LIFE_S_MAX = 1.2
# What the shim is asked: not to begin a sync, not to return from it.
HOLDS = (b"\1", b"\2")


class Shown:
    """What the live stream has shown: the highest number of each lane, and every id once."""

    def __init__(self) -> None:
        self.heads: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {}
        self.changed = 0

    async def follow(self, made: Rig) -> None:
        """Read the stream until it breaks."""
        address = f"http://127.0.0.1:{made.port}/api/v1/events"
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(address) as stream:
                kind = b""
                async for line in stream.content:
                    if line.startswith(b"event: "):
                        kind = line[7:].strip()
                    elif line.startswith(b"data: ") and kind == b"entry":
                        self._take(line[6:].strip())

    def _take(self, body: bytes) -> None:
        name = body.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode()
        _, _, lane, seq = name.rsplit(":", 3)
        self.heads[lane] = max(self.heads[lane], int(seq))
        self.changed += self.bodies.setdefault(name, body) != body


def shimmed(made: Rig) -> StationProcess:
    env = shim.environment(made.folder / "state")
    keys = {"LD_PRELOAD": env["LD_PRELOAD"], "SHIM_ROOT": env["SHIM_ROOT"]}
    keys |= {"SHIM_BUSY": str(made.folder / "busy")}
    return StationProcess(made.folder, **keys)


async def one_life(made: Rig, rng: random.Random, busy: int, *, aim: bool) -> bool:
    """Let the station live for a random while, then kill it; whether it was inside a commit."""
    await asyncio.sleep(rng.uniform(0.0, LIFE_S_MAX))
    if aim:
        os.pwrite(busy, rng.choice(HOLDS), 1)
        async with asyncio.timeout(60):
            while os.pread(busy, 1, 0) != b"\1":  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.001)
    os.kill(made.station.pid, signal.SIGKILL)
    inside = os.pread(busy, 1, 0) == b"\1"
    await made.station.kill()
    return inside


@pytest.mark.proof
@pytest.mark.timeout(3600)
async def test_no_kill_of_the_station_loses_a_number(tmp_path):
    count = max(3, int(200 * SHARE))
    rng = random.Random(SEED)
    busy = os.open(tmp_path / "busy", os.O_RDWR | os.O_CREAT)
    figures: Counter[str] = Counter()
    async with rig(tmp_path, every_s=0.1) as made:
        shown = Shown()
        for number in range(count):
            os.pwrite(busy, b"\0\0", 0)
            made.station = shimmed(made)
            await made.station.start()
            heads = {lane["lane"]: lane["issued"] for lane in (await made.vitals())["lanes"]}
            figures["lost"] += sum(max(0, seq - heads[lane]) for lane, seq in shown.heads.items())
            following = asyncio.create_task(shown.follow(made))
            figures["inside a commit"] += await one_life(made, rng, busy, aim=number % 2 == 0)
            await following
            figures["kills"] += 1
        made.station = StationProcess(tmp_path)
        await made.station.start()
        heads = {lane["lane"]: lane["issued"] for lane in (await made.vitals())["lanes"]}
        await made.telemetry_beyond(heads["telemetry"])
        lanes = await made.lanes()
        figures["shown"] = len(shown.bodies)
        figures["held by the platform"] = sum(lane["stored"] for lane in lanes.values())
        print(f"kill -9 of the station: {dict(figures)}")
        assert figures["lost"] == 0
        assert shown.changed == 0, "a number never gets another body"
        assert figures["inside a commit"] >= count / 3
        assert all(lane["holes"] == [] and lane["lost"] == 0 for lane in lanes.values())
        assert all(lane["stored"] == lane["upto"] for lane in lanes.values())
