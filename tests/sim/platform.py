"""A simulated platform: away, slow, forgetful, wrong about the time, honest in its receipts.

Written from docs/feed.md; it shares no code with the sender.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gateway.errors import PlatformUnreachable
from gateway.event import rfc3339
from gateway.upstream.uplinks.contract import (
    Delivery,
    DeliveryReceipt,
    EventBatch,
    PollAnswer,
    PollPosition,
    QueryRefused,
)
from tests.sim.commands import CommandDesk
from tests.sim.world import World

# How soon a question that waits sees a new command.
LOOK_S = 2.0

Event = dict[str, Any]
# Epoch, lane, number.
Key = tuple[str, str, int]


class SimulatedPlatform:
    """What it holds survives the station; `on_event` hears of each event as often as it comes."""

    def __init__(
        self, world: World, name: str, on_event: Callable[[Event], None], desk: CommandDesk
    ) -> None:
        self.name = name
        self.desk = desk
        self._world = world
        self._chance = world.new_chance(f"platform {name}")
        self._on_event = on_event
        self._order: list[Key] = []
        self._held: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._away = False
        self._slow_s = 0.0
        self._wrong_s = 0.0
        profile = world.profile
        world.often(profile.away_s, f"{name} away", self._go_or_come)
        world.often(profile.restored_s, f"{name} restored", self._restore)
        world.often(profile.wrong_time_s, f"{name} time", self._mistake_time)

    def heal(self) -> None:
        self._away, self._slow_s, self._wrong_s = False, 0.0, 0.0

    def upto(self, epoch: str, lane: str) -> int:
        """All numbers up to here are settled."""
        settled, upto = self._held[epoch, lane], 0
        while upto + 1 in settled:
            upto += 1
        return upto

    def lanes(self) -> dict[tuple[str, str], int]:
        """The highest number of each lane of each epoch."""
        return {key: max(held) for key, held in sorted(self._held.items()) if held}

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        """One batch over a road that may lose the answer."""
        body = batch.body()
        await asyncio.sleep(self._chance.uniform(0.02, 0.3))
        if self._away:
            raise PlatformUnreachable("upstream.unreachable")
        try:
            async with asyncio.timeout(answer_s):
                await asyncio.sleep(self._slow_s)
        except TimeoutError:
            raise PlatformUnreachable("upstream.timeout") from None
        for event in json.loads(body):
            self._take(event)
        receipt = self._receipt(batch)
        await asyncio.sleep(self._chance.uniform(0.01, 0.1))
        if not self._world.quiet and self._chance.random() < self._world.profile.lost_answer:
            raise PlatformUnreachable("upstream.timeout")
        return Delivery(receipt, len(body))

    async def ask(self, message: bytes, deadline_ns: int) -> QueryRefused:
        """Nobody drives here."""
        del message, deadline_ns
        return QueryRefused("upstream.unreachable")

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """A long poll, over a road that may lose the answer."""
        until_s = self._world.now_s + wait_s
        while True:
            await asyncio.sleep(self._chance.uniform(0.02, 0.3))
            if self._away:
                raise PlatformUnreachable("upstream.unreachable")
            handed = self.desk.hand_out(since)
            if handed.commands or self._world.now_s >= until_s:
                break
            await asyncio.sleep(LOOK_S)
        if not self._world.quiet and self._chance.random() < self._world.profile.lost_answer:
            raise PlatformUnreachable("upstream.timeout")
        return handed

    async def close(self) -> None:
        """Nothing is open."""

    def _take(self, event: Event) -> None:
        self._on_event(event)
        _, epoch, lane, seq = event["id"].split(":")
        numbers = [int(seq)]
        if event["type"] == "cn.yizhan.feed.gap.v1" and "epoch" not in event["data"]:
            numbers = [*range(event["data"]["from"], event["data"]["to"] + 1), int(seq)]
        for number in numbers:
            if number not in self._held[epoch, lane]:
                self._held[epoch, lane].add(number)
                self._order.append((epoch, lane, number))

    def _receipt(self, batch: EventBatch) -> DeliveryReceipt:
        lanes = {entry.lane.wire for entry in batch.entries} or {
            lane for epoch, lane in self._held if epoch == batch.epoch
        }
        upto = {lane: self.upto(batch.epoch, lane) for lane in sorted(lanes)}
        missing = []
        for lane, first in upto.items():
            held = self._held[batch.epoch, lane]
            beyond = range(first + 1, max(held, default=0) + 1)
            absent = [number for number in beyond if number not in held]
            missing += [(lane, low, high) for low, high in _ranges(absent)]
        at_ns = self._world.now_ns + round(self._wrong_s * 1e9)
        return DeliveryReceipt(
            epoch=batch.epoch, upto=upto, missing=missing[:64], at=rfc3339(at_ns)
        )

    def _go_or_come(self, chance: random.Random) -> None:
        self._away = not self._away
        self._slow_s = chance.choice((0.0, 0.0, 2.0, 20.0))
        state = "away" if self._away else f"back, {self._slow_s:.0f} s a batch"
        self._world.say(f"{self.name}: {state}")

    def _restore(self, chance: random.Random) -> None:
        """A backup from before the last few numbers takes its place."""
        lost = min(len(self._order), chance.randint(1, 200))
        if lost:
            for epoch, lane, number in self._order[-lost:]:
                self._held[epoch, lane].discard(number)
            del self._order[-lost:]
            self._world.say(f"{self.name}: restored from a backup without the last {lost}")

    def _mistake_time(self, chance: random.Random) -> None:
        self._wrong_s = chance.choice((0.0, 0.0, 3.0, -90.0, 86_400.0, -3e8))
        self._world.say(f"{self.name}: its clock is {self._wrong_s:+.0f} s off")


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found
