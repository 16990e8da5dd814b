"""The sender over the real journal, in virtual time: an outage longer than the quota."""

import asyncio
import random
from pathlib import Path

from gateway.event import Lane
from gateway.journal import JournalOptions
from gateway.upstream.feed.sender import Sender
from gateway.upstream.inbox.builtin_commands import FeedReplayData, feed_replay_command
from gateway.upstream.inbox.command import Mandate
from tests.sim.journal import STATION, fact, loop_clock, simulated_journal
from tests.sim.loop import simulated
from tests.upstream.fake_platform import FakePlatform
from tests.upstream.harness import until


class Station:
    def __init__(self, path: Path | None) -> None:
        options = JournalOptions(quota_mb=16, reserve_mb=0, volatile_mb=1)
        self.journal = simulated_journal(path, options=options, retaining=("district",))
        self.follower = self.journal.follower("district", retaining=True)
        self.platform = FakePlatform()
        self.clock = loop_clock()
        self.sender = Sender(
            "district",
            self.follower,
            self.journal,
            self.platform,
            self.clock,
            station=STATION,
            rng=random.Random(1),
        )

    def settled(self) -> bool:
        return self.follower.position == self.journal.heads()


@simulated
async def test_what_the_quota_took_is_reported_and_the_rest_arrives():
    station = Station(None)  # in memory, where the quota is a small one
    rng = random.Random(1)
    station.platform.away = True
    sending = asyncio.ensure_future(station.sender.run())
    for n in range(40):
        facts = [fact(Lane.TELEMETRY, n, rng.randbytes(500).hex()) for _ in range(100)]
        await station.journal.append(facts)
    await station.journal.append([fact(Lane.EMERGENCY)])
    evicted = station.journal.stats().evicted
    assert evicted > 1000
    station.platform.away = False
    await until(station.settled, within_s=600)
    sending.cancel()
    assert len(station.platform.gaps["telemetry"]) == evicted
    assert station.platform.upto("telemetry") == 4000
    assert ("emergency", 1) in station.platform.stored
    await station.journal.close()


@simulated
async def test_the_newest_comes_first_while_the_quota_takes_the_oldest():
    station = Station(None)
    rng = random.Random(1)
    station.platform.holds = True
    station.platform.delay_s = 0.3
    sending = asyncio.ensure_future(station.sender.run())
    await station.journal.append([fact(Lane.TELEMETRY)])
    await until(station.settled)
    station.platform.away = True
    for n in range(60):
        facts = [fact(Lane.TELEMETRY, n, rng.randbytes(500).hex()) for _ in range(100)]
        await station.journal.append(facts)
        if n == 40:
            station.platform.away = False
            await until(lambda: ("telemetry", 4101) in station.platform.stored, within_s=70)
            assert station.platform.upto("telemetry") < 4101
    await until(station.settled, within_s=600)
    sending.cancel()
    lost = station.platform.gaps["telemetry"] - {seq for _, seq in station.platform.stored}
    assert station.platform.upto("telemetry") == 6001
    assert 1000 < len(lost) <= station.journal.stats().evicted
    await station.journal.close()


@simulated
async def test_history_is_replayed_from_the_disk(tmp_path):
    station = Station(tmp_path / "journal.db")
    sending = asyncio.ensure_future(station.sender.run())
    for _ in range(30):
        await station.journal.append([fact(Lane.SERVICE, n) for n in range(100)])
    await until(station.settled, within_s=600)
    station.platform.batches.clear()
    kind = feed_replay_command(station.sender, station.journal, station.clock)
    mandate = Mandate("0192f0c1-0000-7000-8000-000000000001", station.clock.deadline(600))
    detail = await kind.act(FeedReplayData("service", 501, 2500), mandate)
    assert detail == {"events": 2000, "gaps": 0, "to": 2500}
    assert sum(len(lanes) for lanes in station.platform.batches if lanes) == 2000
    sending.cancel()
    await station.journal.close()


@simulated
async def test_an_uplink_that_is_not_required_gets_what_comes_and_retains_nothing(tmp_path):
    journal = simulated_journal(tmp_path / "journal.db", retaining=())
    await journal.append([fact(Lane.SERVICE)])  # before it came
    follower = journal.follower("guest", retaining=False)
    platform = FakePlatform()
    sender = Sender("guest", follower, journal, platform, loop_clock(), station=STATION)
    sending = asyncio.ensure_future(sender.run())
    platform.away = True
    await journal.append([fact(Lane.SERVICE, n) for n in range(250)])
    await asyncio.sleep(5)
    platform.away = False
    await until(lambda: follower.position == journal.heads(), within_s=100)
    sending.cancel()
    order = [seq for lane, seq in platform.order if lane == "service"]
    assert [seq for seq in order if seq > 1] == [*range(2, 252)]
    assert 1 in order  # what came before it is a hole that the platform asks for
    assert sender.vitals.state == "up"
    await journal.close()
