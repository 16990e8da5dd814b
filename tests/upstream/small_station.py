"""A small station in a process of its own, to be killed: real journal, sender and HTTP uplink.

`python -m tests.upstream.small_station FOLDER URL COUNT`: appends COUNT facts in every lane,
prints each number once it is on disk, and ends when the platform has receipted everything there is.
"""

import asyncio
import random
import sys
from pathlib import Path

from gateway.clock import Clock
from gateway.event import Lane
from gateway.journal import Journal, JournalOptions
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.upstream.harness import until
from tests.upstream.ledger import STATION, sample


async def live(folder: Path, url: str, count: int) -> None:
    clock = Clock.open(folder)
    journal = await Journal.open(
        folder,
        station=STATION,
        options=JournalOptions(quota_mb=16, reserve_mb=0),
        clock=clock,
        retaining=["district"],
    )
    uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=clock.now_ns)
    follower = journal.follower("district", retaining=True)
    sender = Sender("district", follower, journal, uplink, clock, station=STATION)
    sending = asyncio.ensure_future(sender.run())
    print("epoch", journal.epoch, flush=True)
    rng = random.Random()

    async def busy(lane: Lane) -> None:
        for _ in range(count):
            (entry,) = await journal.append([sample(lane, clock.stamp())])
            print(f"{lane.wire} {entry.seq}\n", end="", flush=True)  # one write, whole or not
            await asyncio.sleep(rng.uniform(0, 0.01))

    await asyncio.gather(*(busy(lane) for lane in Lane))
    heads = journal.heads()
    await until(lambda: follower.position == heads, within_s=60)
    sending.cancel()
    await asyncio.wait([sending])
    await uplink.close()
    await journal.close()
    print("settled", flush=True)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
