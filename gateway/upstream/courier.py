"""Carries some lanes to the platform, one batch at a time, and comes back with the receipt.

Two of them make a sender: an alarm never waits for a batch of readings that is under way.
"""

import asyncio
import random
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from gateway.clock import Clock
from gateway.errors import BadReceipt, Rejected, UpstreamError
from gateway.event import Entry, Lane
from gateway.upstream.inbox.command import wall_ns
from gateway.upstream.loader import Load, Loader
from gateway.upstream.pace import Pace
from gateway.upstream.poison import Poison
from gateway.upstream.ports import Following, Ledger
from gateway.upstream.race import first
from gateway.upstream.receipt import STUCK, Verdict, judge
from gateway.upstream.retry import BULK, URGENT, Patience, Retry
from gateway.upstream.standing import Standing
from gateway.upstream.uplinks.contract import Batch, Receipt, Uplink
from gateway.upstream.window import Window

IDLE_S = 60.0
"""An idle courier asks for a receipt so often: that is how a silent loss is seen."""

RETURN_SPREAD_S = 5.0  # when the road opens again, a fleet's bulk must not start in one instant
PAUSE_MAX_S = 1.0
_TOO_LARGE = 413
_INDIGESTIBLE = (400, 422)
_UPTIME = re.compile(rb'"bootid":"([^"]*)","uptimems":"(\d+)"')

Learn = Callable[[str, int], None]
"""`(at, round_trip_ns)`: the platform's time in a receipt, and how long the round trip took."""


class Route(NamedTuple):
    """What the couriers of one uplink share."""

    station: str
    follower: Following
    journal: Ledger
    uplink: Uplink
    clock: Clock
    standing: Standing
    poison: Poison
    rng: random.Random
    learn: Learn


class Courier:
    """One loop: load, deliver, settle; or wait as long as the fault asks for."""

    def __init__(self, name: str, route: Route, lanes: Sequence[Lane], *, urgent: bool) -> None:
        self.name = name
        self.on_return: Callable[[], None] = lambda: None
        self._route = route
        self._urgent = urgent
        self._window = Window()
        self._retry = Retry(route.rng)
        self._pace = Pace(route.clock.now_ns())
        self._opened = asyncio.Event()
        self.loader = Loader(
            route.follower, route.journal, lanes, window=self._window, strict=urgent
        )

    async def run(self) -> None:
        """Carry until cancelled."""
        idle_s = IDLE_S if self._urgent else None
        # The first errand asks for a receipt: is anybody there, and what time is it?
        load = Load() if self._urgent else await self.loader.next(idle_s)
        while True:
            try:
                await self._carry(load)
            except UpstreamError as error:
                await self._stumbled(load, error)
                load = await self.loader.next(0.0)
            else:
                load = await self.loader.next(idle_s)

    def road_opened(self) -> None:
        """The other courier got through after a failure: no need to sit out a long wait."""
        self._opened.set()

    async def _carry(self, load: Load) -> None:
        route = self._route
        began_ns = route.clock.now_ns()
        receipt, batch = await self._deliver(load.entries)
        took_ns = route.clock.now_ns() - began_ns
        verdict = judge(
            receipt,
            epoch=batch.epoch,
            lanes=batch.lanes,
            position=route.follower.position,
            heads=route.journal.heads(),
        )
        if receipt.at is not None and _is_instant(receipt.at):
            route.learn(receipt.at, took_ns)
        await self._settle(load, verdict)
        self._succeeded(load, verdict)
        if not self._urgent:
            await self._pause(took_ns)

    async def _pause(self, took_ns: int) -> None:
        """After an outage the bulk takes half the road at most; else readings wait for company."""
        company_s = self._pace.wait_s(self._route.clock.now_ns())
        if self.loader.behind():
            await asyncio.sleep(min(took_ns / 1e9, PAUSE_MAX_S))
        elif company_s:
            await self.loader.gather(company_s)

    async def _deliver(self, entries: tuple[Entry, ...]) -> tuple[Receipt, Batch]:
        route = self._route
        batch = Batch(route.station, route.journal.epoch, route.poison.masked(entries))
        return await route.uplink.deliver(batch), batch

    async def _settle(self, load: Load, verdict: Verdict) -> None:
        route = self._route
        await route.poison.rejected(load.entries, verdict.rejected)
        route.poison.settled(load.entries, verdict.upto)
        route.follower.receipt(verdict.upto)
        self.loader.took(load, holed={hole.lane for hole in verdict.missing})
        self._fill(load, verdict)
        if load.entries and load.resend is None and not (verdict.upto or verdict.missing):
            raise BadReceipt(STUCK, lane=load.entries[0].lane.wire, seq=load.entries[-1].seq)
        if load.resend is None:
            self._note_latency(load.entries)

    def _fill(self, load: Load, verdict: Verdict) -> None:
        sent = load.resend
        for hole in verdict.missing:
            if sent is not None and sent.done.done() and hole.overlaps(sent.wanted):
                raise BadReceipt(STUCK, lane=hole.lane.wire, seq=hole.last)
            if not self.loader.repeats(hole):
                self.loader.ask_again(hole)

    def _succeeded(self, load: Load, verdict: Verdict) -> None:
        if load.entries:
            self._window.passed()
        if verdict.missing and not verdict.upto:
            return  # taken, but the watermark stands: neither a success nor a failure yet
        self._retry.succeeded()
        self._opened.clear()
        size = sum(len(entry.body) for entry in load.entries)
        if self._route.standing.succeeded(self.name, len(load.entries), size):
            self.on_return()

    async def _stumbled(self, load: Load, error: UpstreamError) -> None:
        if isinstance(error, Rejected) and load.entries and await self._smaller(load, error):
            self.loader.retry(load)
            return
        self.loader.rewind()
        self._route.standing.failed(self.name, error)
        await self._sit_out(load, self._retry.after(error, self._patience(load)))

    async def _smaller(self, load: Load, error: Rejected) -> bool:
        """Whether a smaller batch, or a gap for a single bad event, is worth an attempt now."""
        status = error.data.get("status")
        if status != _TOO_LARGE and status not in _INDIGESTIBLE:
            return False
        if len(load.entries) > 1:
            self._window.refused(len(load.entries))
            return True
        entry = load.entries[0]
        if not self._route.poison.may_give_up(entry) or not await self._platform_is_sane():
            return False
        await self._route.poison.give_up(entry, error.code)
        self._window.isolated()
        return True

    async def _platform_is_sane(self) -> bool:
        # An event is to blame only where the platform takes our batches at all: an empty one
        # must bring a receipt.
        try:
            receipt, batch = await self._deliver(())
        except UpstreamError:
            return False
        return receipt.epoch == batch.epoch

    def _patience(self, load: Load) -> Patience:
        return URGENT if self._urgent and load.entries else BULK

    async def _sit_out(self, load: Load, wait_s: float) -> None:
        """Wait, unless the other courier gets through, or the first urgent entry comes."""
        waits: list[Coroutine[Any, Any, object]] = [self._opened.wait()]
        if self._urgent and not load.entries:
            waits.append(self.loader.wait(None))
        await first(*waits, timeout_s=wait_s)
        if self._opened.is_set() and not self._urgent:
            await asyncio.sleep(self._route.rng.uniform(0.0, RETURN_SPREAD_S))
        self._opened.clear()

    def _note_latency(self, entries: tuple[Entry, ...]) -> None:
        last = entries[-1] if entries else None
        if last is None or last.lane is not Lane.TELEMETRY:
            return
        found = _UPTIME.search(last.body)
        if found and found[1].decode() == self._route.clock.boot:
            taken_ms = int(found[2])
            self._route.standing.arrived(self._route.clock.now_ns() / 1e6 - taken_ms)


def _is_instant(text: str) -> bool:
    try:
        wall_ns(text)
    except (ValueError, OverflowError):
        return False
    return True
