"""A sender between a journal in memory and a fake platform, in virtual time."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

from gateway.clock import Clock
from gateway.event import Lane
from gateway.upstream.feed.sender import Sender
from tests.sim.clock import SimulatedKernel
from tests.upstream.fake_platform import FakePlatform
from tests.upstream.ledger import STATION, MemoryJournal, sample

BOOT = "00112233aabbccdd"


def loop_clock() -> Clock:
    """A clock whose boot time is the running loop's."""
    loop = asyncio.get_running_loop()
    return Clock(BOOT, SimulatedKernel(boottime=lambda: round(loop.time() * 1e9)))


async def until(true: Callable[[], bool], within_s: float = 60.0, every_s: float = 0.002) -> None:
    """Look every few milliseconds, virtual ones in a simulation."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  # what is watched has no event to wait for
            await asyncio.sleep(every_s)


class Rig:
    def __init__(self, seed: int = 1, *, retaining: bool = True) -> None:
        self.clock = loop_clock()
        self.journal = MemoryJournal()
        self.platform = FakePlatform(rng=random.Random(seed))
        self.follower = self.journal.follower("district", retaining=retaining)
        self.faults: list[tuple[str, str]] = []
        self.sender = self.new_sender(seed)

    def restarted(self) -> None:
        """The process begins anew: what retains nothing stands at the end again."""
        self.follower = self.journal.follower("district", retaining=self.follower.retaining)
        self.sender = self.new_sender()

    def new_sender(self, seed: int = 1) -> Sender:
        return Sender(
            "district",
            self.follower,
            self.journal,
            self.platform,
            self.clock,
            station=STATION,
            rng=random.Random(seed),
            on_fault=lambda where, error: self.faults.append((where, type(error).__name__)),
        )

    async def fact(self, lane: Lane = Lane.TELEMETRY, count: int = 1) -> None:
        await self.journal.append([sample(lane, self.clock.stamp()) for _ in range(count)])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.sender.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def settled(self) -> bool:
        heads = self.journal.heads()
        return all(self.follower.position[lane] == heads[lane] for lane in Lane)

    async def until_settled(self, within_s: float = 3600) -> None:
        await until(self.settled, within_s, every_s=0.02)
