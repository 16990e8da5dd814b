"""Figures of the road, printed: `pytest -m bench -s tests/upstream/test_figures.py`."""

import asyncio
import contextlib
import sys
import time
import zlib
from pathlib import Path
from statistics import median, quantiles

import pytest

from gateway.event import Lane
from gateway.journal import JournalOptions
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.contract import EventBatch
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.sim.journal import STATION, fact, simulated_journal
from tests.upstream.harness import loop_clock, until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bench


@contextlib.asynccontextmanager
async def platform_process(folder: Path):
    """The reference platform where it cannot take our CPU time; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.demo.platform", "--port", "0", "--dir", folder,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    try:
        yield line.split()[1].rstrip("/")
    finally:
        process.terminate()
        await process.wait()


class Figures:
    def __init__(self, url: str) -> None:
        self.clock = loop_clock()
        options = JournalOptions(quota_mb=64, volatile_mb=64)
        self.journal = simulated_journal(options=options, retaining=("district",), disk_s=0.0)
        self.follower = self.journal.follower("district", retaining=True)
        self.uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=self.clock.now_ns)
        self.sender = Sender(
            "district", self.follower, self.journal, self.uplink, self.clock, station=STATION
        )

    def settled(self) -> bool:
        return self.follower.position == self.journal.heads()


async def test_from_commit_to_receipt(tmp_path):
    async with platform_process(tmp_path) as url:
        figures = Figures(url)
        sending = asyncio.ensure_future(figures.sender.run())
        waits = []
        for _ in range(300):
            await figures.journal.append([fact(Lane.SERVICE)])
            began = time.perf_counter()
            while not figures.settled():  # noqa: ASYNC110  # a figure, as fine as the loop turns
                await asyncio.sleep(0)
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.01)
        sending.cancel()
        await figures.uplink.close()
    p95 = quantiles(waits, n=20)[-1]
    print(f"\ncommit → platform's receipt: p50 {median(waits):.1f} ms, p95 {p95:.1f} ms")


async def test_what_an_event_costs(tmp_path):
    count = 20_000
    async with platform_process(tmp_path) as url:
        figures = Figures(url)
        for _ in range(count // 100):
            await figures.journal.append([fact(Lane.TELEMETRY, n, "x" * 90) for n in range(100)])
        entries = tuple(await figures.journal.read(Lane.TELEMETRY, 0, 100))
        body = EventBatch(STATION, figures.journal.epoch, entries).body()
        began, cpu = time.perf_counter(), time.process_time()
        sending = asyncio.ensure_future(figures.sender.run())
        await until(figures.settled, within_s=120)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        sending.cancel()
        await figures.uplink.close()
    packer = zlib.compressobj(level=1, wbits=31)
    packed = len(packer.compress(body) + packer.flush())
    print(
        f"\nbacklog of {count} at half duty: {count / took:.0f} events/s,"
        f" {cpu / count * 1e6:.1f} µs CPU an event with read, gzip, HTTP and receipt;"
        f" {len(body) / 100:.0f} B an event, {packed / 100:.1f} B on the wire"
    )
