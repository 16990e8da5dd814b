"""Renders orders; an emergency's siren plays while its words are made."""

import asyncio
from collections.abc import Callable

import msgspec

from broadcast.material.renderer import OrderRenderer
from broadcast.material.sequence import RenderedOrder
from broadcast.order import Order
from broadcast.orders.repository import OrderRecord
from broadcast.orders.store import OrderStore
from broadcast.orders.transitions import OrderEvent, OrderState
from broadcast.playback.playout import Playout
from gateway.errors import StationError
from gateway.faults import OnFault, log_fault

# An emergency waits this long for its words; then its siren begins without them.
WORDS_S = 0.1


class OrderPreparation:
    """Renders all orders with one renderer."""

    def __init__(
        self,
        store: OrderStore,
        playout: Playout,
        renderer: OrderRenderer,
        ready: Callable[[], None],
        on_fault: OnFault = log_fault,
    ) -> None:
        """`ready` is called when an order may have its turn."""
        self._store = store
        self._playout = playout
        self._renderer = renderer
        self._ready = ready
        self._on_fault = on_fault
        self._making: set[str] = set()

    def request(self, order_id: str) -> None:
        """Render an order, unless that is under way."""
        if order_id not in self._making:
            self._making.add(order_id)
            self._playout.start(self._prepare(order_id))

    async def _prepare(self, order_id: str) -> None:
        """Render an order; then it waits for its turn."""
        try:
            kept = self._store.book.get(order_id)
            if kept is None or not kept.open:
                return
            if kept.state is OrderState.ACCEPTED:
                kept = self._store.apply(kept, OrderEvent.PREPARE)
            made = await self._made(kept)
        finally:
            self._making.discard(order_id)
        kept = self._store.book.get(order_id)
        if made is not None and kept is not None and kept.open:
            if kept.wordless and made.clips == kept.clips:  # nothing but the siren could be made
                stands = tuple(msgspec.structs.replace(a, stands=True) for a in kept.airings)
                self._store.book.update(kept, airings=stands)
            self._store.made[order_id] = made
            self._ready()

    async def _made(self, kept: OrderRecord) -> RenderedOrder | None:
        making = asyncio.create_task(self.make(kept))
        try:
            if kept.order.class_.urgent and kept.turn == 0 and not kept.airings:
                await self._begin_siren(kept.order, making)
            return await making
        finally:
            making.cancel()  # does nothing unless we are cancelled ourselves

    async def _begin_siren(
        self, order: Order, making: "asyncio.Task[RenderedOrder | None]"
    ) -> None:
        """Begin the siren while the words of an emergency are made."""
        await asyncio.wait({making}, timeout=WORDS_S)
        if making.done():
            return
        try:
            siren = await self._renderer.siren(order)
        except Exception as error:  # noqa: BLE001  # an edge: without its siren the words still come
            self._on_fault("broadcast.siren", error)
            return
        kept = self._store.book.require(order.id)
        if not making.done() and kept.state is OrderState.PREPARING and kept.turn == 0:
            self._store.made[order.id] = siren
            self._ready()

    async def make(self, kept: OrderRecord) -> RenderedOrder | None:
        """Render an order; None if that failed, by which the order has ended."""
        try:
            return await self._renderer.make(kept.order)
        except StationError as error:
            code, data = error.code, error.data
        except Exception as error:  # noqa: BLE001  # an edge: a voice that breaks ends its order, not the room
            self._on_fault("broadcast.voice", error)
            code, data = "broadcast.failed", {}
        found = self._store.book.get(kept.order.id)
        if found is not None and found.open:
            self._playout.silence(found)
            self._store.end(found, OrderEvent.FAIL, code, data)
        return None
