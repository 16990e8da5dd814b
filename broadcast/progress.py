"""Where every order stands, in memory and on its way to the disk."""

from collections.abc import Mapping
from typing import Any

import msgspec

from broadcast.arbiter import Sounding
from broadcast.book import HEAD, Book, Kept, decoded, moved
from broadcast.events import ROOM, event_of, heard_of
from broadcast.guard import House, heard_on
from broadcast.life import Act, State
from broadcast.monitor import RUNGS
from broadcast.order import Order
from broadcast.ports import Ledger, Made
from broadcast.records import Records
from gateway.audit.events import Who
from gateway.clock import Clock
from gateway.event import rfc3339
from gateway.faults import OnFault, log_fault
from gateway.journal import StateChange, load_state, was_kept
from gateway.journal.stored_state import beyond
from gateway.upstream.events import Receipt


class Progress:
    """Orders, and what they are made of."""

    def __init__(
        self, journal: Ledger, clock: Clock, house: House, on_fault: OnFault = log_fault
    ) -> None:
        """Empty until `load`."""
        self.house = house
        self.clock = clock
        self.book = Book(ROOM, {})
        self.made: dict[str, Made] = {}
        self.records = Records(journal, clock.now_ns, on_fault)
        self._journal = journal

    async def load(self) -> None:
        """Take back what was known before the restart."""
        lost = await was_kept(self._journal, ROOM, HEAD)
        kept = await load_state(self._journal, ROOM, decoded)
        self.book = Book(ROOM, kept)
        if lost and HEAD not in kept:
            self.book.count = max(self.book.count, beyond(self.clock.now_ns()))
        for kept_order in self.book.open():
            self._rehouse(kept_order)

    def _rehouse(self, kept: Kept) -> None:
        """Leave out zones that the settings have no more; without any, it has failed."""
        order = kept.order
        left = tuple(zone for zone in order.zones if zone in self.house.zones)
        if not left:
            self.end(kept, Act.FAIL, "broadcast.unknown-zone", {"zone": order.zones[0]})
        elif left != order.zones:
            self.book.note(kept, order=msgspec.structs.replace(order, zones=left))

    def number(self) -> str:
        """An id for an order that is given here."""
        return f"order-{self._journal.epoch[:8]}-{self.book.number()}"

    def asked(self, order: Order) -> Kept:
        """An order of which nothing has become yet."""
        now_ns, boot = self.clock.now_ns(), self.clock.boot
        return Kept(
            order=order,
            state=State.ASKED,
            boot=boot,
            asked_ns=now_ns,
            since_ns=now_ns,
            asked_wall_ns=self.clock.stamp().wall_ns,
        )

    def on(self, order_id: str, turn: int) -> bool:
        """Whether that turn of it is still to sound."""
        kept = self.book.get(order_id)
        return kept is not None and kept.state is State.PLAYING and kept.turn == turn

    def end(
        self,
        kept: Kept,
        act: Act,
        why: str | None = None,
        detail: Mapping[str, Any] = {},
        by: Who | None = None,
    ) -> Kept:
        """It is over."""
        self.made.pop(kept.order.id, None)
        return self.move(kept, act, why, detail=detail, by=by)

    def move(
        self,
        kept: Kept,
        act: Act,
        why: str | None = None,
        *,
        detail: Mapping[str, Any] = {},
        by: Who | None = None,
        **changes: Any,
    ) -> Kept:
        """The one way from state to state: in memory at once, and on its way to the disk."""
        states: list[StateChange] = []
        if kept.state is State.ASKED:
            states += self.book.make_room(self.clock)
            states.append(self.book.head())
        kept = moved(kept, act, self.clock.now_ns(), why, detail=dict(detail), **changes)
        states.append(self.book.put(kept))
        event = event_of(kept, self.clock.stamp(), by)
        self.records.write(kept.order.id, event, states)
        return kept

    def learn(self, kept: Kept, reached: tuple[int, ...]) -> None:
        """It came further than was known: told with an open order's next move, else now."""
        self.book.note(kept, reached=reached)
        if not kept.open:
            kept = self.book.known(kept.order.id)
            event = heard_of(kept, self.clock.stamp())
            self.records.write(kept.order.id, event, [self.book.put(kept)])

    def sounding(self, kept: Kept) -> Sounding:
        """What the arbiter sees of it."""
        order = kept.order
        return Sounding(order.id, order.class_, heard_on(order, self.house))

    def receipt(self, kept: Kept, why: str | None = None) -> Receipt:
        """What has become of it so far."""
        stamps = self.clock.stamp(kept.since_ns if kept.boot == self.clock.boot else None)
        at = None if stamps.wall_ns is None else rfc3339(stamps.wall_ns)
        detail = dict(kept.detail)
        if kept.seconds:
            detail |= {"seconds": kept.seconds, "waited_ms": kept.waited_ms}
        if kept.reached:
            detail |= dict(zip((rung.wire for rung in RUNGS), kept.reached, strict=True))
        return Receipt(kept.order.id, kept.state.value, why or kept.why, at, detail or None)
