"""kill -9 between send and receipt, with a real journal, real HTTP and a durable platform."""

import asyncio
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.demo.platform.app import Platform
from gateway.demo.platform.fault_modes import FaultMode
from gateway.demo.platform.store import LaneKey
from gateway.event import Lane
from tests.upstream.harness import until
from tests.upstream.ledger import STATION
from tests.upstream.real_uplink import platform_at

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("YIZHAN_SEED", "20261123"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))


class Mouse:
    """One life of the small station; `acknowledged` is what it printed before it died."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self.acknowledged: dict[str, int] = {}
        self.epoch = ""
        self.settled = False
        self._awake = asyncio.Event()

    async def live(
        self,
        count: int,
        *,
        kill_after_s: float | None = None,
        seen: Callable[[], bool] = lambda: True,
    ) -> None:
        """Until all is receipted, or killed so long after it woke up and was `seen`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.upstream.small_station", self._folder, self._url,
            str(count),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._awake.clear()
        reading = asyncio.ensure_future(self._read(process.stdout))
        if kill_after_s is not None:
            async with asyncio.timeout(60):
                await self._awake.wait()
            await until(seen)
            await asyncio.sleep(kill_after_s)
            process.kill()
        async with asyncio.timeout(120):
            await reading
            await process.wait()

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            words = line.decode().split()
            if not line.endswith(b"\n"):
                break  # killed in the middle of a word
            if words == ["settled"]:
                self.settled = True
            elif words[0] == "epoch":
                self.epoch = words[1]
                self._awake.set()
            else:
                self.acknowledged[words[0]] = int(words[1])


def taken(platform: Platform) -> int:
    """How often the platform has stored an event, or found it stored."""
    return platform.store.kept.total() + platform.store.duplicates.total()


async def lives(tmp_path: Path, rounds: int, rng: random.Random) -> tuple[Platform, Mouse]:
    folder = tmp_path / "station"
    folder.mkdir()
    async with platform_at(tmp_path / "platform") as platform:
        mouse = Mouse(folder, platform.url)
        for _ in range(rounds):
            # A forgetful platform stores and hangs up: every kill then falls before the receipt.
            mood = rng.choice([FaultMode.NORMAL, FaultMode.FORGETFUL, FaultMode.AWAY])
            platform.temper.change(mood)
            before = taken(platform)

            def stored(mood: FaultMode = mood, before: int = before) -> bool:
                return mood is not FaultMode.FORGETFUL or taken(platform) > before

            await mouse.live(10_000, kill_after_s=rng.uniform(0.05, 0.8), seen=stored)
        platform.temper.change(FaultMode.NORMAL)
        await mouse.live(5)
        return platform, mouse


def check(platform: Platform, mouse: Mouse) -> None:
    assert mouse.settled
    assert len({key.epoch for key in platform.store.marks}) == 1
    for lane in Lane:
        key = LaneKey(STATION, mouse.epoch, lane.wire)
        mark = platform.store.mark(key)
        assert mark.upto >= mouse.acknowledged[lane.wire] > 0
        assert (mark.holes(), platform.store.lost[key]) == ([], 0)
        assert platform.store.kept[key] == mark.upto


@pytest.mark.slow
async def test_killed_between_send_and_receipt_nothing_is_lost(tmp_path):
    platform, mouse = await lives(tmp_path, 4, random.Random(SEED))
    check(platform, mouse)
    assert platform.store.duplicates.total() > 0  # some kills did fall between send and receipt


@pytest.mark.proof
async def test_killed_many_times(tmp_path):
    rounds = max(4, int(60 * SHARE))
    platform, mouse = await lives(tmp_path, rounds, random.Random(SEED))
    check(platform, mouse)
    total = sum(mouse.acknowledged.values())
    again = platform.store.duplicates.total()
    print(f"{rounds} kills, seed {SEED}: {total} acknowledged, 0 lost, {again} sent twice")
