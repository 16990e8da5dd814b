"""A real sender and HTTP uplink against the reference platform on loopback."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from gateway.clock import Clock
from gateway.demo.platform.app import Platform
from gateway.demo.platform.store import LaneKey
from gateway.event import Lane
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.credential import Credential
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.upstream.harness import loop_clock
from tests.upstream.ledger import EPOCH, STATION, MemoryJournal, sample


@contextlib.asynccontextmanager
async def platform_at(folder: Path, *, token: str | None = None, port: int = 0):
    platform = Platform(folder, token)
    await platform.start("127.0.0.1", port)
    try:
        yield platform
    finally:
        await platform.stop()


class Road:
    def __init__(self, url: str, token: Callable[[], Credential] | None = None) -> None:
        self.clock: Clock = loop_clock()
        self.journal = MemoryJournal()
        self.follower = self.journal.follower("district", retaining=True)
        self.uplink = HttpUplink(
            HttpOptions(url=url), station=STATION, now_ns=self.clock.now_ns, credential=token
        )
        self.learnt: list[tuple[str, int]] = []
        self.sender = Sender(
            "district",
            self.follower,
            self.journal,
            self.uplink,
            self.clock,
            station=STATION,
            rng=random.Random(7),
            learn=lambda at, took_ns: self.learnt.append((at, took_ns)),
        )

    async def fact(self, lane: Lane = Lane.TELEMETRY, count: int = 1, why: str = "") -> None:
        await self.journal.append([sample(lane, self.clock.stamp(), why) for _ in range(count)])

    def settled(self) -> bool:
        heads = self.journal.heads()
        return all(self.follower.position[lane] == heads[lane] for lane in Lane)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Road"]:
        task = asyncio.ensure_future(self.sender.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.uplink.close()


def key(lane: Lane) -> LaneKey:
    return LaneKey(STATION, EPOCH, lane.wire)
