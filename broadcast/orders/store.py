"""The records of all orders, in memory and on their way to the disk."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from broadcast.material.sequence import RenderedOrder
from broadcast.order import Order
from broadcast.orders.events import ROOM, heard_event, order_event
from broadcast.orders.repository import (
    HEAD,
    Airing,
    OrderRecord,
    OrderRepository,
    apply_event,
    decode_row,
)
from broadcast.orders.transitions import OrderEvent, OrderState
from broadcast.policy import guard
from broadcast.policy.arbiter import Contender
from broadcast.policy.guard import ZoneMap
from broadcast.ports import OrderJournal
from broadcast.speakers.contract import REPORTED_LEVELS
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.errors import JournalError
from gateway.event import Event, rfc3339
from gateway.faults import OnFault, log_fault
from gateway.journal import StateChange, has_stored_row, load_state, start_id
from gateway.journal.stored_state import unused_number
from gateway.upstream.inbox.events import ReceiptEventData

_log = logging.getLogger(__name__)

# How many orders' loudspeakers are cached: they are needed at every look.
SPEAKERS_MAX = 300


class OrderWriter:
    """Writes the transitions of orders, each with the state that it leads to.

    All transitions of an order stay in one lane, and the journal keeps the order within a lane.
    Transitions that follow each other closely therefore share a commit, and a press does not wait
    for three of them. `lost` counts those that the journal would not take; the sound goes on all
    the same.
    """

    def __init__(
        self, journal: OrderJournal, now_ns: Callable[[], int], on_fault: OnFault = log_fault
    ) -> None:
        self.lost = 0
        self.lost_ns: int | None = None
        self._now_ns = now_ns
        self._on_fault = on_fault
        self._journal = journal
        self._last: dict[str, asyncio.Task[bool]] = {}

    def write(self, order_id: str, event: Event, states: Sequence[StateChange]) -> None:
        """Begin to write; wait for the result with `written`."""
        task = asyncio.get_running_loop().create_task(self._write(event, states))
        self._last[order_id] = task
        task.add_done_callback(lambda done: self._forget(order_id, done))

    async def written(self, order_id: str) -> bool:
        """Wait for all writes of this order; False if the last one could not be stored."""
        last = self._last.get(order_id)
        return True if last is None else await asyncio.shield(last)

    async def drain(self) -> None:
        """Wait for all writes."""
        while self._last:
            await asyncio.wait(set(self._last.values()))

    async def _write(self, event: Event, states: Sequence[StateChange]) -> bool:
        try:
            await self._journal.append([event], states)
        except JournalError as error:
            # An I/O error has already been reported through `journal.fatal`.
            self._lose()
            _log.error("what became of an order could not be stored: %s", error)  # said whole
            return False
        except Exception as error:  # noqa: BLE001  # the edge: one record's mistake costs that record
            self._lose()
            self._on_fault("broadcast.record", error)
            return False
        return True

    def _lose(self) -> None:
        self.lost += 1
        self.lost_ns = self._now_ns()

    def _forget(self, order_id: str, done: asyncio.Task[bool]) -> None:
        if self._last.get(order_id) is done:
            del self._last[order_id]


class OrderStore:
    """Orders and their rendered sound."""

    def __init__(
        self, journal: OrderJournal, clock: Clock, house: ZoneMap, on_fault: OnFault = log_fault
    ) -> None:
        """Empty until `load`."""
        self.house = house
        self.clock = clock
        self.book = OrderRepository(ROOM, {})
        self.made: dict[str, RenderedOrder] = {}
        self.records = OrderWriter(journal, clock.now_ns, on_fault)
        self._speakers: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
        self._journal = journal
        self._prefix = f"order-{start_id(journal.epoch, clock.boot, clock.now_ns())}"

    async def load(self) -> None:
        """Load the records of before the restart."""
        lost = await has_stored_row(self._journal, ROOM, HEAD)
        kept = await load_state(self._journal, ROOM, decode_row)
        self.book = OrderRepository(ROOM, kept)
        if lost and HEAD not in kept:
            self.book.count = max(self.book.count, unused_number(self.clock.now_ns()))
        for kept_order in self.book.open():
            self._rehouse(kept_order)

    def _rehouse(self, kept: OrderRecord) -> None:
        """Leave out zones that the settings no longer have; fail an order without any."""
        order = kept.order
        left = tuple(zone for zone in order.zones if zone in self.house.zones)
        if not left:
            self.end(kept, OrderEvent.FAIL, "broadcast.unknown-zone", {"zone": order.zones[0]})
        elif left != order.zones:
            order = msgspec.structs.replace(order, zones=left)
            sounded = kept.state in (OrderState.PLAYING, OrderState.INTERRUPTED)
            kept = self.book.update(kept, order=order, unsure=kept.unsure or sounded)
        # Stored by a release that had no airings.
        if kept.state is OrderState.PLAYING and not kept.airings:
            at = tuple(sorted(self.speakers(kept)))
            self.book.update(kept, airings=(Airing(kept.turn, at, siren=kept.siren),))

    def new_id(self) -> str:
        """A new id for an order that is given here."""
        return f"{self._prefix}-{self.book.next_number()}"

    def new_record(self, order: Order) -> OrderRecord:
        """The record of an order that was only asked for."""
        now_ns, boot = self.clock.now_ns(), self.clock.boot
        return OrderRecord(
            order=order,
            state=OrderState.ASKED,
            boot=boot,
            asked_ns=now_ns,
            since_ns=now_ns,
            asked_wall_ns=self.clock.stamp().wall_ns,
        )

    def airing(self, programme: str) -> Airing | None:
        """The airing of an open order with that programme id."""
        kept = self.book.by_programme(programme)
        return None if kept is None or not kept.open else kept.airing(programme)

    def speakers(self, kept: OrderRecord) -> frozenset[str]:
        """All loudspeakers that it is for."""
        order = kept.order
        key = (order.id, order.zones)
        if key not in self._speakers:
            if len(self._speakers) >= SPEAKERS_MAX:
                self._speakers.clear()
            self._speakers[key] = guard.speakers_of(order, self.house)
        return self._speakers[key]

    def speakers_left(self, kept: OrderRecord) -> frozenset[str]:
        """Those that have not had it whole yet, whether it plays there now or not."""
        return self.speakers(kept).difference(kept.had, kept.lost)

    def end(
        self,
        kept: OrderRecord,
        act: OrderEvent,
        why: str | None = None,
        detail: Mapping[str, Any] = {},
        by: Actor | None = None,
    ) -> OrderRecord:
        """End an order by what was heard of it, whatever keeps the rest from being heard.

        If a loudspeaker has had it whole, it is finished in part, unless a person stops it; what
        was heard at all was not refused.
        """
        if kept.had and act not in (OrderEvent.FINISH, OrderEvent.STOP):
            act, why, detail = OrderEvent.FINISH, "broadcast.partly", {}
        elif kept.was_heard and act is OrderEvent.REFUSE:
            act = OrderEvent.DROP
        self.made.pop(kept.order.id, None)
        return self.apply(kept, act, why, detail=detail, by=by, airings=())

    def apply(
        self,
        kept: OrderRecord,
        act: OrderEvent,
        why: str | None = None,
        *,
        detail: Mapping[str, Any] = {},
        by: Actor | None = None,
        **changes: Any,
    ) -> OrderRecord:
        """Apply an event.

        The only way from state to state, in memory at once and then on the disk.
        """
        states: list[StateChange] = []
        if kept.state is OrderState.ASKED:
            states += self.book.make_room(self.clock)
            states.append(self.book.head_row())
        kept = apply_event(kept, act, self.clock.now_ns(), why, detail=dict(detail), **changes)
        states.append(self.book.put(kept))
        event = order_event(kept, self.clock.stamp(), by)
        self.records.write(kept.order.id, event, states)
        return kept

    def record_reach(self, kept: OrderRecord, reached: tuple[int, ...]) -> None:
        """Record that it came further than was known: with an open order's next event, else now."""
        self.book.update(kept, reached=reached)
        if not kept.open:
            kept = self.book.require(kept.order.id)
            event = heard_event(kept, self.clock.stamp())
            self.records.write(kept.order.id, event, [self.book.put(kept)])

    def contender(self, kept: OrderRecord, name: str, at: Collection[str]) -> Contender:
        """How the arbiter sees it where it plays, or wants to."""
        spread = len(self.speakers(kept))
        return Contender(name, kept.order.class_, frozenset(at), spread, kept.asked_ns)

    def contenders(self) -> Iterator[Contender]:
        """All that plays, by programme id."""
        for kept in self.book.playing():
            for airing in kept.airings:
                yield self.contender(kept, airing.programme_id(kept.order.id), airing.at)

    def receipt(self, kept: OrderRecord, why: str | None = None) -> ReceiptEventData:
        """The receipt of what has become of it so far."""
        stamps = self.clock.stamp(kept.since_ns if kept.boot == self.clock.boot else None)
        at = None if stamps.wall_ns is None else rfc3339(stamps.wall_ns)
        detail = dict(kept.detail)
        if kept.seconds:
            detail |= {"seconds": kept.seconds, "waited_ms": kept.waited_ms}
        if kept.reached:
            detail |= dict(zip((rung.wire for rung in REPORTED_LEVELS), kept.reached, strict=True))
        return ReceiptEventData(
            kept.order.id, kept.state.value, why or kept.why, at, detail or None
        )
