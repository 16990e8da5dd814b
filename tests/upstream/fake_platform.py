"""A platform in memory behind the Uplink contract: honest about receipts, scripted in its faults.

Written from docs/feed.md; it shares no code with the sender.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable

from gateway.errors import BadReceipt, DeliveryRejected, PlatformUnreachable
from gateway.event import Lane
from gateway.upstream.uplinks.contract import (
    Delivery,
    DeliveryReceipt,
    EventBatch,
    PollAnswer,
    PollPosition,
    Rejection,
)

Fault = Callable[[EventBatch], None]


class FakePlatform:
    def __init__(self, *, rng: random.Random | None = None) -> None:
        self.rng = rng or random.Random(0)
        self.stored: dict[tuple[str, int], dict] = {}
        self.gaps: dict[str, set[int]] = {lane.wire: set() for lane in Lane}
        self.order: list[tuple[str, int]] = []
        self.bodies: Counter[str] = Counter()
        self.delay_s = 0.005
        # Up to so long a batch takes more on its way, and its answer on the way back.
        self.jitter_s = 0.0

        self.away = False
        self.before: Fault | None = None
        self.after: Fault | None = None
        self.indigestible: set[tuple[str, int]] = set()
        self.rejects: set[tuple[str, int]] = set()
        self.receipt: Callable[[DeliveryReceipt], DeliveryReceipt] = lambda receipt: receipt
        self.batches: list[tuple[str, ...]] = []
        self.allowed_s: list[float] = []
        self.heard: set[str] = set()
        # Whether it says what it holds beyond its watermark.
        self.holds = False

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        self.allowed_s.append(answer_s)
        await asyncio.sleep(self.delay_s + self.rng.uniform(0, self.jitter_s))
        events = json.loads(batch.body())
        self.batches.append(tuple(event["lane"] for event in events))
        if self.away:
            raise PlatformUnreachable("upstream.unreachable")
        if self.before is not None:
            self.before(batch)
        rejected = self.take(events)
        if self.after is not None:
            self.after(batch)
        lanes = {entry.lane.wire for entry in batch.entries} or self.heard
        self.heard |= lanes
        receipt = DeliveryReceipt(
            epoch=batch.epoch,
            upto={lane: self.upto(lane) for lane in lanes},
            missing=[hole for lane in lanes for hole in self.holes(lane)],
            rejected=rejected,
            held=[each for lane in lanes for each in self.held(lane)] if self.holds else None,
        )
        if self.jitter_s:
            await asyncio.sleep(self.rng.uniform(0, self.jitter_s))
        return Delivery(self.receipt(receipt), len(batch.body()) // 4)  # about what gzip makes

    def take(self, events: list[dict]) -> list[Rejection]:
        keys = [(event["lane"], int(event["sequence"])) for event in events]
        gaps = {
            key for key, e in zip(keys, events, strict=True) if e["type"].endswith("feed.gap.v1")
        }
        if any(key in self.indigestible and key not in gaps for key in keys):
            raise DeliveryRejected("upstream.refused", status=400)
        rejected = []
        for key, event in zip(keys, events, strict=True):
            if key in gaps:
                self.gaps[key[0]] |= {*range(event["data"]["from"], event["data"]["to"] + 1)}
            elif key in self.rejects:
                rejected.append(Rejection(event["id"], "schema"))
                self.gaps[key[0]].add(key[1])
            elif key not in self.stored:
                self.stored[key] = event
                self.order.append(key)
        return rejected

    def forget(self, lane: str, after: int) -> None:
        """Its store was put back to an older state: everything behind `after` is gone."""
        self.stored = {k: v for k, v in self.stored.items() if k[0] != lane or k[1] <= after}
        self.gaps[lane] = {seq for seq in self.gaps[lane] if seq <= after}

    def settled(self, lane: str) -> set[int]:
        return {seq for name, seq in self.stored if name == lane} | self.gaps[lane]

    def upto(self, lane: str) -> int:
        settled = self.settled(lane)
        upto = 0
        while upto + 1 in settled:
            upto += 1
        return upto

    def holes(self, lane: str) -> list[tuple[str, int, int]]:
        settled = self.settled(lane)
        wanted = sorted(set(range(1, max(settled, default=0))) - settled)
        ranges: list[tuple[str, int, int]] = []
        for seq in wanted:
            if ranges and ranges[-1][2] == seq - 1:
                ranges[-1] = (lane, ranges[-1][1], seq)
            else:
                ranges.append((lane, seq, seq))
        return ranges

    def held(self, lane: str) -> list[tuple[str, int, int]]:
        settled, upto = self.settled(lane), self.upto(lane)
        holes = {n for _, first, last in self.holes(lane) for n in range(first, last + 1)}
        beyond = sorted(settled - {*range(1, upto + 1)} - holes)
        ranges: list[tuple[str, int, int]] = []
        for seq in beyond:
            if ranges and ranges[-1][2] == seq - 1:
                ranges[-1] = (lane, ranges[-1][1], seq)
            else:
                ranges.append((lane, seq, seq))
        return ranges[:64]

    async def ask(self, message: bytes, deadline_ns: int):
        raise NotImplementedError

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def no_receipt(_batch: EventBatch) -> None:
    raise BadReceipt("upstream.no-receipt", reason="empty")


def lost(_batch: EventBatch) -> None:
    raise PlatformUnreachable("upstream.timeout")
