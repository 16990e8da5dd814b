"""Roads whose figures are known, in virtual time: a wire of so many bytes a second to a platform.

The platform behind it keeps what
has come as docs/feed.md says; it is written from there and shares no code with the sender.
"""

import asyncio
import random
import zlib
from collections import defaultdict
from collections.abc import Mapping

from gateway.demo.platform.watermark import Watermark
from gateway.errors import PlatformUnreachable
from gateway.event import JournalEntry, Lane
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.contract import Delivery, DeliveryReceipt, EventBatch
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import EPOCH, STATION, MemoryJournal

PACKET_BYTES = 256
HEADERS_BYTES = 500
ANSWER_BYTES = 300
ALARM_BYTES = 450


class Wire:
    """`bps` bytes a second each way, `rtt_s` there and back; what is cancelled is not sent.

    `turns`: all that is under way takes turns, packet by packet; else first come, first served.
    """

    def __init__(self, bps: float, rtt_s: float = 0.1, *, turns: bool = True) -> None:
        self.bps = bps
        self.rtt_s = rtt_s
        self.turns = turns
        self.carried = 0
        self._up = asyncio.Lock()
        self._down = asyncio.Lock()

    def busy(self) -> bool:
        """Whether something is on its way up."""
        return self._up.locked()

    async def up(self, size: int) -> None:
        await self._carry(self._up, size)

    async def down(self, size: int) -> None:
        await self._carry(self._down, size)

    async def _carry(self, way: asyncio.Lock, size: int) -> None:
        await asyncio.sleep(self.rtt_s / 2)
        while size > 0:
            packet = min(size, PACKET_BYTES) if self.turns else size
            async with way:  # the lock is fair
                await asyncio.sleep(packet / self.bps)
            self.carried += packet
            size -= packet


class LinkedPlatform:
    """A platform behind a wire. It stores a batch in `busy_s`, side by side with others."""

    def __init__(self, wire: Wire, *, busy_s: float = 0.0, holds: bool = False) -> None:
        self.wire = wire
        self.busy_s = busy_s
        self.holds = holds
        self.away = False
        # A batch of alarms, and only that, takes so much longer: a table that is locked, say.
        self.alarms_take_s = 0.0

        self.marks: dict[str, Watermark] = {lane.wire: Watermark() for lane in Lane}
        self.gaps: dict[str, int] = defaultdict(int)
        self.came_s: dict[tuple[str, int], float] = {}
        self.twice = 0
        self.batches = 0
        self.late = 0
        self.most_under_way = 0
        # Batches of bulk that left while an alarm was under way.
        self.bulk_beside_alarms = 0

        self._under_way = 0
        self._alarms = 0

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        alarm = bool(batch.lanes & {Lane.EMERGENCY, Lane.ALARM})
        self._alarms += alarm
        self.bulk_beside_alarms += bool(self._alarms and batch.entries and not alarm)
        try:
            async with asyncio.timeout(answer_s):
                return await self._deliver(batch)
        except TimeoutError:
            self.late += 1
            raise PlatformUnreachable("upstream.timeout") from None
        finally:
            self._under_way -= 1
            self._alarms -= alarm

    async def _deliver(self, batch: EventBatch) -> Delivery:
        if self.away:
            await asyncio.sleep(0.01)
            raise PlatformUnreachable("upstream.unreachable")
        body = batch.body()
        payload = len(body) if len(body) < 1024 else len(zlib.compress(body, 1))
        await self.wire.up(payload + HEADERS_BYTES)
        if batch.entries:
            await asyncio.sleep(self.busy_s)
        if Lane.ALARM in batch.lanes:
            await asyncio.sleep(self.alarms_take_s)
        for entry in batch.entries:
            self._take(entry)
        self.batches += bool(batch.entries)
        receipt = self._receipt(batch)
        await self.wire.down(ANSWER_BYTES)
        return Delivery(receipt, payload)

    def _take(self, entry: JournalEntry) -> None:
        mark = self.marks[entry.lane.wire]
        first = entry.seq if entry.gap_from is None else entry.gap_from
        self.twice += mark.covers(first, entry.seq)
        self.came_s.setdefault((entry.lane.wire, entry.seq), asyncio.get_running_loop().time())
        if entry.gap_from is not None:
            self.gaps[entry.lane.wire] += entry.seq - first + 1
        mark.add(first, entry.seq)

    def _receipt(self, batch: EventBatch) -> DeliveryReceipt:
        lanes = {entry.lane.wire for entry in batch.entries} or set(self.marks)
        return DeliveryReceipt(
            epoch=batch.epoch,
            upto={lane: self.marks[lane].upto for lane in lanes},
            missing=[(lane, *hole) for lane in lanes for hole in self.marks[lane].holes()],
            held=[(lane, *each) for lane in lanes for each in self.early(lane)]
            if self.holds
            else None,
        )

    def early(self, lane: str) -> list[tuple[int, int]]:
        """What it has beyond its watermark."""
        mark = self.marks[lane]
        holes = mark.holes(limit=10_000)
        starts = [last + 1 for _, last in holes]
        ends = [first - 1 for first, _ in holes[1:]] + [mark.head]
        return list(zip(starts, ends, strict=False))[:64]

    def stored(self, lane: Lane) -> int:
        """How many numbers of a lane it has, or a gap for."""
        mark = self.marks[lane.wire]
        return mark.upto + sum(last - first + 1 for first, last in self.early(lane.wire))

    async def ask(self, message: bytes, deadline_ns: int):
        raise NotImplementedError

    async def commands(self, after: str, wait_s: float) -> list[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


class LongJournal(MemoryJournal):
    """A journal with a history that is as long as you like, made as it is read."""

    def __init__(self, history: Mapping[Lane, int]) -> None:
        super().__init__()
        for lane, count in history.items():
            self.lanes[lane] = History(lane, count)  # type: ignore[assignment]


class History(list[JournalEntry]):
    """`count` entries that are made when somebody looks, and what is appended to them."""

    def __init__(self, lane: Lane, count: int) -> None:
        super().__init__()
        self._lane = lane
        self._count = count

    def __len__(self) -> int:
        return self._count + super().__len__()

    def __getitem__(self, at):
        if at >= self._count:
            return super().__getitem__(at - self._count)
        return reading(self._lane, at + 1)


def reading(lane: Lane, seq: int) -> JournalEntry:
    """An event as they are: much of it like the others, some of it not."""
    noise = zlib.crc32(seq.to_bytes(8, "big"))
    body = (
        f'"source":"/yizhan/{STATION}/em-{seq % 60}","type":"cn.yizhan.field.reading.v1",'
        f'"lane":"{lane.wire}","bootid":"00112233aabbccdd","uptimems":"{seq * 250}",'
        f'"timequality":"none","place":"b{seq % 9}","partitionkey":"em-{seq % 60}",'
        f'"data":{{"v":{{"power_w":{noise % 20000},"energy_wh":{noise}}}}}}}'
    )
    return JournalEntry(EPOCH, lane, seq, body.encode())


class Link:
    """A sender with a backlog, and events that go on coming."""

    def __init__(self, platform: LinkedPlatform, backlog: dict[Lane, int], seed: float = 1) -> None:
        self.platform = platform
        self.journal = LongJournal({**dict.fromkeys(Lane, 0), **backlog})
        self.follower = self.journal.follower("district", retaining=True)
        self.rng = random.Random(seed)
        self.made_s: dict[tuple[str, int], float] = {}
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        return Sender(
            "district", self.follower, self.journal, self.platform, loop_clock(),
            station=STATION, rng=random.Random(self.rng.random()),
        )  # fmt: skip

    def fact(self, lane: Lane, count: int = 1) -> None:
        lanes = self.journal.lanes
        for _ in range(count):
            entry: JournalEntry = reading(lane, len(lanes[lane]) + 1)
            lanes[lane].append(entry)
            self.made_s[lane.wire, entry.seq] = asyncio.get_running_loop().time()
        self.journal.changed.set()

    async def facts(self, lane: Lane, per_s: float) -> None:
        """For ever; by the second where they are many, else one by one at random."""
        while True:
            if per_s >= 1:
                await asyncio.sleep(1.0)
                self.fact(lane, round(per_s))
            else:
                await asyncio.sleep(self.rng.expovariate(per_s))
                self.fact(lane)

    async def run(self, seconds: float, rates: dict[Lane, float]) -> None:
        async with asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(self.sender.run())]
            going += [tasks.create_task(self.facts(*each)) for each in rates.items()]
            await asyncio.sleep(seconds)
            for task in going:
                task.cancel()

    def restart(self, position: dict[Lane, int]) -> None:
        """The process is killed and begins anew; on disk stands an older position."""
        self.follower.position = position
        self.sender = self.new_sender()

    async def finish(self, within_s: float) -> None:
        """Nothing new comes; everything arrives."""
        sending = asyncio.ensure_future(self.sender.run())
        await until(self.all_there, within_s, every_s=0.5)
        sending.cancel()
        await asyncio.wait([sending])

    def waits_s(self, lane: Lane) -> list[float]:
        """How long those that have come were on their way."""
        return [
            self.platform.came_s[key] - made_s
            for key, made_s in self.made_s.items()
            if key[0] == lane.wire and key in self.platform.came_s
        ]

    def all_there(self) -> bool:
        there = self.follower.position == self.journal.heads()
        return there and not any(self.missing(lane) for lane in Lane)

    def emergencies_there(self) -> bool:
        return not self.missing(Lane.EMERGENCY)

    def missing(self, lane: Lane) -> int:
        return len(self.journal.lanes[lane]) - self.platform.stored(lane)
