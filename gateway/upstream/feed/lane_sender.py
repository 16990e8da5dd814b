"""Sends some lanes to the platform, batch by batch, and applies the receipts.

A sender has two of them, so that an alarm never waits for a batch of readings in flight. On a slow
link readings yield to alarms, and an emergency waits for neither: it leaves beside what is in
flight. Answers are read in the order in which the batches left, an emergency's as soon as it comes.
The first answer without a receipt cancels what is in flight, and all of it is sent again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from gateway.errors import (
    DeliveryRejected,
    JournalError,
    PlatformUnreachable,
    StationError,
    UpstreamError,
)
from gateway.event import JournalEntry, Lane, parse_rfc3339
from gateway.faults import describe_error
from gateway.upstream.feed.batch_load import BatchLoad
from gateway.upstream.feed.batch_rate_limit import BatchRateLimit
from gateway.upstream.feed.batch_source import BatchSource
from gateway.upstream.feed.batch_window import BatchWindow
from gateway.upstream.feed.first_done import wait_for_first
from gateway.upstream.feed.in_flight import BatchInFlight
from gateway.upstream.feed.receipt import ReceiptVerdict
from gateway.upstream.feed.retry import BULK, URGENT, RetryDelay, RetryLimits
from gateway.upstream.feed.settlement import ReceiptSettlement
from gateway.upstream.feed.throughput import QUICK_S, TARGET_S
from gateway.upstream.feed.uplink_route import UplinkRoute
from gateway.upstream.feed.uplink_status import FAULT
from gateway.upstream.uplinks.contract import UNREACHABLE, Delivery, EventBatch

# How often an idle lane sender requests a receipt, to notice a silent loss.
IDLE_S = 60.0

RETURN_SPREAD_S = 5.0  # a fleet's bulk must not restart at the same instant
PAUSE_MAX_S = 1.0
PAUSE_SHARE = 4  # of the time that the batch took on a slow link
# An alarm that takes this much longer than usual cancels the bulk beside it.
HOLD_S = TARGET_S

# How long an alarm waits for the answer to an empty batch that left before it.
PROBE_S = 1.0

# On a slow link bulk yields to alarms, but never for longer than this.
GIVE_WAY_S = 60.0

_TOO_LARGE = 413
_INDIGESTIBLE = (400, 422)
_TIMED_OUT = (408, 504)


class LaneSender:
    """One loop: load, deliver, settle; or wait as long as the failure asks for."""

    def __init__(
        self, name: str, route: UplinkRoute, lanes: Sequence[Lane], *, urgent: bool
    ) -> None:
        self.name = name
        self.on_return: Callable[[], None] = lambda: None
        self._route = route
        self._urgent = urgent
        self._window = BatchWindow()
        self._retry = RetryDelay(route.rng)
        self._pace = BatchRateLimit(route.clock.now_ns())
        self._opened = asyncio.Event()
        self._under_way: deque[BatchInFlight] = deque()
        self._smooth = False
        self._fallen = False
        self.loader = BatchSource(
            route.follower,
            route.journal,
            lanes,
            window=self._window,
            throughput=route.throughput,
            strict=urgent,
        )
        self._settlement = ReceiptSettlement(route, self.loader)
        route.loaders.update(dict.fromkeys(lanes, self.loader))

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            if self._urgent:
                self._leave(BatchLoad())  # is the platform there, and what is its time?
            while True:
                try:
                    await self._turn()
                except JournalError:
                    raise
                except Exception as error:  # noqa: BLE001  # the edge: one batch, and no neighbour
                    await self._faulted(error)
        finally:
            await self._end()

    def on_reconnected(self) -> None:
        """The other lane sender got a receipt after a failure: end a long wait."""
        self._opened.set()

    async def _turn(self) -> None:
        if not self._under_way:
            self._leave(await self._next())
        elif not await self._added():
            await self._land()

    async def _next(self) -> BatchLoad:
        # After a failure at least request a receipt, to learn whether the platform is back.
        idle_s = 0.0 if self._fallen else IDLE_S if self._urgent else None
        load = await self.loader.ready_load()
        if not load.entries:
            if self._urgent:
                self._route.flights.quiet.set()
            load = await self.loader.next_load(idle_s)
        if self._must_give_way():
            await wait_for_first(self._route.flights.quiet.wait(), timeout_s=GIVE_WAY_S)
        return load

    def _must_give_way(self) -> bool:
        route = self._route
        return not self._urgent and route.throughput.slow and not route.flights.quiet.is_set()

    async def _added(self) -> bool:
        """Whether one more batch left beside others; only where the platform is slow."""
        if (
            not self._smooth
            or len(self._under_way) >= self._route.throughput.flights
            or self._must_give_way()
            or not self.loader.is_behind()
        ):
            return False
        load = await self.loader.ready_load()
        if load.entries:
            self._leave(load)
        return bool(load.entries)

    def _leave(self, load: BatchLoad) -> None:
        route = self._route
        flight = BatchInFlight(load, route.follower.position, urgent=self._urgent)
        self._under_way.append(flight)
        route.flights.add_batch(flight)
        flight.start_delivery(self._delivering(flight))

    async def _delivering(self, flight: BatchInFlight) -> Delivery:
        route = self._route
        began_ns = route.clock.now_ns()
        try:
            return await route.uplink.deliver(
                self._batch(flight.load.entries), route.throughput.answer_s(flight.raw)
            )
        finally:
            flight.took_ns = route.clock.now_ns() - began_ns

    def _batch(self, entries: tuple[JournalEntry, ...]) -> EventBatch:
        route = self._route
        return EventBatch(route.station, route.journal.epoch, route.poison.mask_entries(entries))

    async def _land(self) -> None:
        head = self._under_way[0]
        await self._landing(head)
        if head in self._under_way:
            await self._answered(head)

    async def _answered(self, flight: BatchInFlight) -> None:
        """Handle the answer of this batch."""
        self._under_way.remove(flight)
        self._route.flights.remove_batch(flight)
        try:
            delivery = flight.delivery()
            if delivery is None:
                await self._preempted(flight)
                return
            await self._receipted(flight, delivery)
        except UpstreamError as error:
            await self._stumbled(flight, error)
        else:
            if not self._urgent and not self._under_way:
                await self._pause(flight.took_ns, delivery.payload)

    async def _landing(self, head: BatchInFlight) -> None:
        """Wait for its end; it is no longer in flight if it was cancelled meanwhile."""
        if not self._urgent:
            await head.wait_landed()
        elif head.load.entries:
            if not await self._landed(head, HOLD_S + self._route.throughput.base_s):
                self._route.flights.make_room()
                await self._landed(head, None)
        else:
            await wait_for_first(
                head.wait_landed(), self.loader.wait_for_entries(None), timeout_s=None
            )
            if not await head.wait_landed(PROBE_S):
                await self._give_up(head)  # the alarm's answer tells the same

    async def _landed(self, head: BatchInFlight, within_s: float | None) -> bool:
        """Whether it ended within `within_s`.

        An emergency that comes meanwhile leaves at once beside it, and its answer is read at once.
        """
        loop = asyncio.get_running_loop()
        until_s = None if within_s is None else loop.time() + within_s
        while True:
            emergency = self._emergency()
            if emergency not in {None, head} and await emergency.wait_landed(0):
                await self._answered(emergency)
                continue
            if head not in self._under_way or await head.wait_landed(0):
                return True
            left_s = None if until_s is None else max(0.0, until_s - loop.time())
            coming = emergency.wait_landed() if emergency else self.loader.wait_for_overtaking()
            if not await wait_for_first(head.wait_landed(), coming, timeout_s=left_s):
                return False
            if emergency is None and not await head.wait_landed(0):
                load = await self.loader.overtaking_load()
                if not load.entries:
                    return await head.wait_landed(left_s)
                self._leave(load)

    def _emergency(self) -> BatchInFlight | None:
        """The first batch in flight that holds emergencies only."""
        carried = (each for each in self._under_way if each.carries_only(Lane.EMERGENCY))
        return next(carried, None)

    async def _preempted(self, flight: BatchInFlight) -> None:
        """This batch was cancelled for an alarm: wait until the alarms are through."""
        self._route.throughput.on_preempted(flight.raw, flight.took_ns / 1e9)
        await self._end()
        self._smooth = False
        self.loader.rewind()
        await wait_for_first(self._route.flights.quiet.wait(), timeout_s=GIVE_WAY_S)

    async def _receipted(self, flight: BatchInFlight, delivery: Delivery) -> None:
        route, load, receipt = self._route, flight.load, delivery.receipt
        route.throughput.on_landed(
            entries=len(load.entries),
            full=len(load.entries) == self._window.size > 1,
            raw=flight.raw,
            payload=delivery.payload,
            took_s=flight.took_ns / 1e9,
            beside=flight.neighbours,
        )
        settled = await self._settlement.settle(flight, receipt, last=not self._under_way)
        if receipt.at is not None and _is_instant(receipt.at):
            route.learn(receipt.at, flight.took_ns)
        if load.entries and load.resend is None:
            self._smooth = not settled.unsettled
            route.standing.note_latency(load.entries, route.clock)
        self._succeeded(load, settled.verdict)

    def _succeeded(self, load: BatchLoad, verdict: ReceiptVerdict) -> None:
        if load.entries:
            self._window.on_passed()
        if load.entries and verdict.missing and not verdict.upto:
            return  # accepted, but the watermark did not move: neither success nor failure
        self._fallen = False
        self._retry.reset()
        self._opened.clear()
        if self._route.standing.on_success(self.name, len(load.entries), load.raw):
            self.on_return()

    async def _pause(self, took_ns: int, payload: int) -> None:
        """Leave some of the link to others, or let readings wait to be sent together."""
        company_s = self._pace.wait_s(self._route.clock.now_ns())
        if self.loader.is_behind():
            await asyncio.sleep(self._breath_s(took_ns / 1e9, payload))
        elif company_s:
            await self.loader.wait_for_company(company_s)

    def _breath_s(self, took_s: float, payload: int) -> float:
        if took_s < QUICK_S:
            return took_s
        # Transmission time alone: while a slow platform works, the link is free.
        return min(self._route.throughput.wire_s(payload) / PAUSE_SHARE, PAUSE_MAX_S)

    async def _stumbled(self, flight: BatchInFlight, error: UpstreamError) -> None:
        load = flight.load
        self._smooth = False
        if self._under_way:
            await self._end()
            self.loader.rewind()
        if _too_slow(error, flight):
            self._route.throughput.on_stalled(flight.raw)
        if (
            isinstance(error, DeliveryRejected)
            and load.entries
            and await self._smaller(load, error)
        ):
            self.loader.retry_load(load)
            return
        self._fallen = True
        self.loader.rewind()
        self._route.standing.on_failure(self.name, error)
        await self._sit_out(load, self._retry.delay_after(error, self._patience(load)))

    async def _faulted(self, error: Exception) -> None:
        route = self._route
        route.on_fault(f"uplink.{route.name}.{self.name}", error)
        await self._end()
        self._smooth = False
        self._fallen = True
        self.loader.rewind()
        if isinstance(error, StationError):  # for example a credential that cannot be read
            told = UpstreamError(error.code, **error.data)
        else:
            told = UpstreamError(FAULT, where=describe_error(error))
        route.standing.on_failure(self.name, told)
        await self._sit_out(
            BatchLoad(), self._retry.delay_after(told, URGENT if self._urgent else BULK)
        )

    async def _give_up(self, flight: BatchInFlight) -> None:
        self._under_way.remove(flight)
        self._route.flights.remove_batch(flight)
        flight.cancel_delivery()
        await flight.wait_ended()

    async def _end(self) -> None:
        """Cancel everything in flight."""
        for flight in self._under_way:
            flight.cancel_delivery()
            self._route.flights.remove_batch(flight)
        while self._under_way:
            await self._under_way.popleft().wait_ended()
        if self._urgent:
            self._route.flights.quiet.set()

    async def _smaller(self, load: BatchLoad, error: DeliveryRejected) -> bool:
        """Whether to try at once a smaller batch, or a gap for a single bad event."""
        status = error.data.get("status")
        if status != _TOO_LARGE and status not in _INDIGESTIBLE:
            return False
        if len(load.entries) > 1:
            self._window.on_refused(len(load.entries))
            return True
        entry = load.entries[0]
        if not self._route.poison.may_give_up(entry) or not await self._platform_is_sane():
            return False
        await self._route.poison.give_up_entry(entry, error.code)
        self._window.on_isolated()
        return True

    async def _platform_is_sane(self) -> bool:
        # An event is to blame only if the platform accepts our batches at all: an empty one must
        # bring a receipt.
        flight = BatchInFlight(BatchLoad(), self._route.follower.position, urgent=self._urgent)
        self._route.flights.add_batch(flight)
        try:
            delivery = await self._delivering(flight)
            await self._receipted(flight, delivery)
        except UpstreamError:
            return False
        finally:
            self._route.flights.remove_batch(flight)
        return True

    def _patience(self, load: BatchLoad) -> RetryLimits:
        return URGENT if self._urgent and load.entries else BULK

    async def _sit_out(self, load: BatchLoad, wait_s: float) -> None:
        """Wait, unless the other lane sender succeeds or something more urgent comes."""
        if self._urgent:
            self._route.flights.quiet.set()
        waits: list[Coroutine[Any, Any, object]] = [self._opened.wait()]
        if self._urgent and not load.entries:
            waits.append(self.loader.wait_for_entries(None))
        elif self._urgent and load.entries[0].lane is not Lane.EMERGENCY:
            waits.append(self.loader.wait_for_overtaking())
        await wait_for_first(*waits, timeout_s=wait_s)
        if self._opened.is_set() and not self._urgent:
            await asyncio.sleep(self._route.rng.uniform(0.0, RETURN_SPREAD_S))
        self._opened.clear()


def _too_slow(error: UpstreamError, flight: BatchInFlight) -> bool:
    """Whether a smaller batch might have been answered in time."""
    status = error.data.get("status")
    if status is not None:
        return status in _TIMED_OUT
    late = flight.took_ns / 1e9 >= TARGET_S
    return late and isinstance(error, PlatformUnreachable) and error.code != UNREACHABLE


def _is_instant(text: str) -> bool:
    try:
        parse_rfc3339(text)
    except (ValueError, OverflowError):
        return False
    return True
