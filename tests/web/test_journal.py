"""The live stream and the feed over the real journal."""

import time
from pathlib import Path

import msgspec

from gateway.clock import Clock
from gateway.event import Audience, Event, EventKind, Lane
from gateway.journal import Journal
from gateway.journal.options import JournalOptions
from gateway.journal.ports import FollowedReader
from gateway.web.server import ServerLimits
from gateway.web.stream import StreamLimits
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.web.reader import reading
from tests.web.station import Station, station

QUICK = ServerLimits(streams=StreamLimits(pulse_s=0.05))


class Pressed(msgspec.Struct):
    key: str


PRESSED = EventKind("test", "pressed", Lane.SERVICE, Pressed, Audience.ALL)


def pressed(clock: Clock, key: str, lane: Lane | None = None) -> Event:
    return Event(kind=PRESSED, source="hall", stamps=clock.stamp(), data=Pressed(key), lane=lane)


class Pressing(Station):
    kinds = (PRESSED,)


async def test_what_is_committed_is_streamed_and_can_be_fetched_again(tmp_path: Path) -> None:
    clock = SimulatedClock(SimulatedKernel(boottime=time.monotonic_ns))
    journal = await Journal.open(
        tmp_path, station="wangjing-07", options=JournalOptions(quota_mb=16), clock=clock
    )
    feed: FollowedReader = journal
    try:
        await journal.append([pressed(clock, "before")])
        async with station(feed=feed, bounds=QUICK, kind=Pressing) as made:
            async with reading(made) as stream:
                first = await stream.next()
                assert (first.name, first.id) == ("snapshot", f"{journal.epoch}:0.0.1.0")
                await journal.append([pressed(clock, "one"), pressed(clock, "two", Lane.ALARM)])
                told = await stream.entries(2)
                assert [t.body["data"]["key"] for t in told] == ["two", "one"]
                assert told[-1].id == f"{journal.epoch}:0.1.2.0"
            await journal.append([pressed(clock, "three")])
            async with reading(made, resume=told[-1].id) as stream:
                assert (await stream.until("entry")).body["data"] == {"key": "three"}
            async with made.client.get("/api/v1/feed?lane=service&after=1&limit=2") as response:
                assert response.headers["Yizhan-Epoch"] == journal.epoch
                assert response.headers["Yizhan-Head"] == "3"
                batch = await response.json(content_type="application/cloudevents-batch+json")
            assert [event["data"]["key"] for event in batch] == ["one", "three"]
            assert batch[0]["id"] == f"wangjing-07:{journal.epoch}:service:2"
    finally:
        await journal.close()
