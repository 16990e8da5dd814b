"""What becomes of orders that a kill or a power cut left open."""

import contextlib

import msgspec

from broadcast.orders.repository import OrderRecord
from broadcast.orders.store import OrderStore
from broadcast.orders.transitions import OrderEvent, OrderState
from broadcast.playback.outcomes import OrderOutcomes
from broadcast.playback.playout import FINISHED, Playout
from broadcast.playback.preparation import OrderPreparation
from gateway.errors import StationError


class OrderRecovery:
    """Called at the start, and later for orders that still wait."""

    def __init__(
        self,
        store: OrderStore,
        playout: Playout,
        outcomes: OrderOutcomes,
        preparation: OrderPreparation,
    ) -> None:
        self._store = store
        self._playout = playout
        self._outcomes = outcomes
        self._preparation = preparation
        self._asking: set[str] = set()

    def resume_open_orders(self) -> None:
        """Resume every order that was open before the restart; end those that expired meanwhile."""
        for kept in self._store.book.open():
            if kept.boot != self._store.clock.boot:
                self._outlasted(kept)
            elif kept.state is OrderState.PLAYING:  # the audio process will say
                if kept.wordless:
                    self._preparation.request(kept.order.id)
            elif kept.order.expires.passed(self._store.clock):
                self._outlived(kept)
            else:
                self._preparation.request(kept.order.id)

    def is_dormant(self, kept: OrderRecord) -> bool:
        """Whether a power cut left it open and the time has not been known since."""
        return kept.open and kept.boot != self._store.clock.boot

    def is_undecided(self, kept: OrderRecord) -> bool:
        """Whether it is not known yet if it has expired, or if it was heard before that."""
        return kept.order.id in self._asking or self.is_dormant(kept)

    def _outlasted(self, kept: OrderRecord) -> None:
        """A power cut left it open. An emergency may continue once the time is known.

        Until then it is ready and silent; staff can stop it, or order it anew.
        """
        order = kept.order
        if order.class_.urgent and order.expires.wall_ns is not None:
            if kept.state is OrderState.PLAYING:
                kept = self._store.book.update(kept, unsure=True)
                self._outcomes.interrupt(kept, "broadcast.power-cut")
            self._preparation.request(order.id)
        elif kept.state is OrderState.PLAYING:
            self._store.end(kept, OrderEvent.FAIL, "broadcast.unknown")
        else:
            self._store.end(kept, OrderEvent.EXPIRE, "broadcast.expired")

    def resume(self, kept: OrderRecord) -> None:
        """Let it continue if it is in time, at least by its own platform's clock."""
        actor = kept.order.actor
        uplink = actor.id if actor.kind == "platform" else ""
        expires = kept.order.expires.resumed(self._store.clock, uplink)
        if expires is None:
            self._store.clock.request_time()
            return
        now_ns, boot = self._store.clock.now_ns(), self._store.clock.boot
        begins = kept.order.not_before
        if begins is not None:
            begins = begins.resumed(self._store.clock, uplink)
        order = msgspec.structs.replace(kept.order, expires=expires, not_before=begins)
        self._store.book.update(kept, order=order, boot=boot, asked_ns=now_ns, since_ns=now_ns)

    def _outlived(self, kept: OrderRecord) -> None:
        """It expired while the station was down."""
        if kept.order.class_.urgent:
            self._asking.add(kept.order.id)
            self._playout.start(self._ask(kept.order.id))
        else:
            self._outcomes.expire(kept)

    async def _ask(self, order_id: str) -> None:
        """Ask the audio process whether the emergency was heard before it was recorded."""
        how = None
        with contextlib.suppress(StationError):  # it is away: nothing better is known
            how = await self._playout.fetch_heard(order_id)
        self._asking.discard(order_id)
        kept = self._store.book.require(order_id)
        if not kept.open:
            return
        if how == FINISHED:
            self._store.end(kept, OrderEvent.FINISH, "broadcast.played-before")
        elif how is not None and not kept.had:
            self._store.end(kept, OrderEvent.DROP, "broadcast.ran-out")
        else:
            self._outcomes.expire(kept)
