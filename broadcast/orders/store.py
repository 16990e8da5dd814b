"""Where every order stands, in memory and on its way to the disk."""

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

# Of so many orders the loudspeakers are remembered: they are asked for at every look.
SPEAKERS_MAX = 300


class OrderWriter:
    """Writes what becomes of orders, each move with the state that it leads to.

    An order's moves keep to one lane, and the journal keeps the order of a lane; so moves that
    follow each other closely share a commit, and a press does not wait for three of them. `lost`
    counts moves that the journal would not take; sound goes on all the same.
    """

    def __init__(
        self, journal: OrderJournal, now_ns: Callable[[], int], on_fault: OnFault = log_fault
    ) -> None:
        """Into that journal."""
        self.lost = 0
        self.lost_ns: int | None = None
        self._now_ns = now_ns
        self._on_fault = on_fault
        self._journal = journal
        self._last: dict[str, asyncio.Task[bool]] = {}

    def write(self, order_id: str, event: Event, states: Sequence[StateChange]) -> None:
        """Begin to write it; what is waited for is asked of `written`."""
        task = asyncio.get_running_loop().create_task(self._write(event, states))
        self._last[order_id] = task
        task.add_done_callback(lambda done: self._forget(order_id, done))

    async def written(self, order_id: str) -> bool:
        """Wait for all that was begun of this order; False if the last could not be stored."""
        last = self._last.get(order_id)
        return True if last is None else await asyncio.shield(last)

    async def drain(self) -> None:
        """Wait for everything."""
        while self._last:
            await asyncio.wait(set(self._last.values()))

    async def _write(self, event: Event, states: Sequence[StateChange]) -> bool:
        try:
            await self._journal.append([event], states)
        except JournalError as error:
            # An I/O error has already told the station through `journal.fatal`.
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
    """Orders, and what they are made of."""

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
        """Take back what was known before the restart."""
        lost = await has_stored_row(self._journal, ROOM, HEAD)
        kept = await load_state(self._journal, ROOM, decode_row)
        self.book = OrderRepository(ROOM, kept)
        if lost and HEAD not in kept:
            self.book.count = max(self.book.count, unused_number(self.clock.now_ns()))
        for kept_order in self.book.open():
            self._rehouse(kept_order)

    def _rehouse(self, kept: OrderRecord) -> None:
        """Leave out zones that the settings have no more; without any, it has failed."""
        order = kept.order
        left = tuple(zone for zone in order.zones if zone in self.house.zones)
        if not left:
            self.end(kept, OrderEvent.FAIL, "broadcast.unknown-zone", {"zone": order.zones[0]})
        elif left != order.zones:
            order = msgspec.structs.replace(order, zones=left)
            sounded = kept.state in (OrderState.PLAYING, OrderState.INTERRUPTED)
            kept = self.book.update(kept, order=order, unsure=kept.unsure or sounded)
        if kept.state is OrderState.PLAYING and not kept.airings:  # of a release that had none
            at = tuple(sorted(self.speakers(kept)))
            self.book.update(kept, airings=(Airing(kept.turn, at, siren=kept.siren),))

    def new_id(self) -> str:
        """An id for an order that is given here."""
        return f"{self._prefix}-{self.book.next_number()}"

    def new_record(self, order: Order) -> OrderRecord:
        """An order of which nothing has become yet."""
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
        """What of an order is still to sound by that name."""
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
        """Those where it is still to sound whole, whether it sounds there now or not."""
        return self.speakers(kept).difference(kept.had, kept.lost)

    def end(
        self,
        kept: OrderRecord,
        act: OrderEvent,
        why: str | None = None,
        detail: Mapping[str, Any] = {},
        by: Actor | None = None,
    ) -> OrderRecord:
        """It is over, and ends as what was heard of it, whatever keeps the rest from being heard.

        What a loudspeaker has had whole is finished in part, unless somebody stops it; what was
        heard at all was not refused.
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
        """The one way from state to state: in memory at once, and on its way to the disk."""
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
        """It came further than was known: told with an open order's next move, else now."""
        self.book.update(kept, reached=reached)
        if not kept.open:
            kept = self.book.require(kept.order.id)
            event = heard_event(kept, self.clock.stamp())
            self.records.write(kept.order.id, event, [self.book.put(kept)])

    def contender(self, kept: OrderRecord, name: str, at: Collection[str]) -> Contender:
        """What the arbiter sees of it where it sounds, or wants to."""
        spread = len(self.speakers(kept))
        return Contender(name, kept.order.class_, frozenset(at), spread, kept.asked_ns)

    def contenders(self) -> Iterator[Contender]:
        """All that sounds, by its name in the audio process."""
        for kept in self.book.playing():
            for airing in kept.airings:
                yield self.contender(kept, airing.programme_id(kept.order.id), airing.at)

    def receipt(self, kept: OrderRecord, why: str | None = None) -> ReceiptEventData:
        """What has become of it so far."""
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
