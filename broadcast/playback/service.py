"""The orders of the running station: judged, recorded, arbitrated, played, and answered for.

    order ─► guard ─► recorded ─► rendered ─► guard, arbiter ─► recorded ─► playout ─► how it ended

In classes 8 and 9, and where a person waits at a key or for staff, nothing waits for a record.

    preparation.py            renders an order; its siren plays until then
    scheduler.py playout.py   whose turn it is where, and the commands to the audio process
    reconciler.py outcomes.py what the audio process reports, and what becomes of orders by that
    recovery.py               what a kill or a power cut left
"""

import asyncio
from collections.abc import Callable, Collection, Container
from functools import partial

from broadcast.audio_protocol import messages
from broadcast.material.renderer import OrderRenderer
from broadcast.order import Content, Order, OrderClass
from broadcast.orders.repository import OrderRecord, check_readable, order_id_of
from broadcast.orders.store import OrderStore
from broadcast.orders.superseded import SupersededOrders
from broadcast.orders.transitions import OrderEvent, OrderState
from broadcast.playback.outcomes import OrderOutcomes
from broadcast.playback.playout import SIREN_ONLY, Playout
from broadcast.playback.preparation import OrderPreparation
from broadcast.playback.reconciler import PlaybackReconciler
from broadcast.playback.recovery import OrderRecovery
from broadcast.playback.scheduler import PlaybackScheduler
from broadcast.policy import guard
from broadcast.policy.arbiter import Contender
from broadcast.policy.guard import GuardAnswer, Ruling, ZoneMap
from broadcast.policy.quiet_hours import ClockReading, S
from broadcast.ports import AudioPort, OrderJournal
from broadcast.speaker_status.monitor import SpeakerMonitor
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.errors import CommandRefused
from gateway.faults import OnFault, log_fault
from gateway.health import RefusalVitals
from gateway.upstream.inbox.events import ReceiptEventData

# The shortest time between two looks: an order whose time never comes must not keep us busy.
MOMENT_S = 0.02

# Looks while an order is open: station time may step, and with it quiet hours begin.
LOOK_EVERY_S = 5.0

# How long an emergency that was not heard is reported.
UNHEARD_S = 3_600

_ACTS = {
    GuardAnswer.GO: OrderEvent.ACCEPT,
    GuardAnswer.WAIT: OrderEvent.ACCEPT,
    GuardAnswer.REFUSE: OrderEvent.REFUSE,
    GuardAnswer.EXPIRED: OrderEvent.EXPIRE,
}


class BroadcastService:
    """Takes orders and plays them; `load` first, then `run` for ever."""

    def __init__(
        self,
        journal: OrderJournal,
        clock: Clock,
        house: ZoneMap,
        engine: AudioPort,
        renderer: OrderRenderer,
        *,
        page: Callable[[Order], None] = lambda _: None,
        on_fault: OnFault = log_fault,
    ) -> None:
        """The owner of `engine` must let it call `reconcile` at every connection.

        `page` opens the microphone of a live order when it begins, if it is one of the station's.
        """
        self.house = house
        self._clock = clock
        self._engine = engine
        self._wake = asyncio.Event()
        self._playout = Playout(engine, house, page)
        self._store = OrderStore(journal, clock, house, on_fault)
        self.monitor = SpeakerMonitor(house.speakers(house.zones))
        self._outcomes = OrderOutcomes(self._store, self._playout, lambda: self.monitor.broken)
        self._preparation = OrderPreparation(
            self._store, self._playout, renderer, self._settle, on_fault
        )
        self._recovery = OrderRecovery(
            self._store, self._playout, self._outcomes, self._preparation
        )
        self._scheduler = PlaybackScheduler(
            self._store,
            self._playout,
            self._outcomes,
            self._preparation,
            self._recovery,
            moved=self._wake.set,
            on_fault=on_fault,
        )
        self._superseded = SupersededOrders(journal)
        self._reconciler = PlaybackReconciler(
            self._store, self._playout, self._scheduler, self._outcomes, self.monitor
        )
        engine.add_listener(self.monitor.handle_event)
        engine.add_listener(self._reconciler.handle_event)

    async def load(self) -> None:
        """Load the orders of before the restart; end those that have expired meanwhile."""
        await self._store.load()
        await self._superseded.load()
        self._recovery.resume_open_orders()

    async def run(self) -> None:
        """Let time pass: expire, silence, and give turns."""
        while True:
            self._scheduler.settle()
            self._wake.clear()
            try:
                async with asyncio.timeout(self._next_s()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Begin nothing more, and write what has happened; what plays goes on."""
        await self._playout.close()
        await self._store.records.drain()

    @property
    def refusals(self) -> RefusalVitals:
        """How many transitions of orders the journal would not take."""
        records = self._store.records
        return RefusalVitals("broadcast", records.lost, records.lost_ns, lost=records.lost)

    def new_id(self) -> str:
        """A new id for an order that is given here."""
        return self._store.new_id()

    async def place(self, order: Order) -> ReceiptEventData:
        """Judge an order and carry it out; a refusal is a receipt with its reason.

        An order that plays without waiting for its record may play already; any other is stored
        when this returns. UsageError if it is invalid.
        """
        known = self._store.book.get(order.id)
        if known is not None:
            return self._store.receipt(known, "broadcast.duplicate")
        joined = self._store.book.find_joined(order)
        if joined is not None and not self._done(joined):
            if order.class_ is not OrderClass.FIRE:  # its contact "presses" at every poll
                self._outcomes.retry(joined)
                self._scheduler.settle()
            return self._store.receipt(
                self._store.book.require(joined.order.id), "broadcast.joined"
            )
        if not order.class_.urgent:  # an emergency plays even if it could not be read back
            check_readable(order)
        ruling = self._judge(order)
        if joined is not None and ruling.answer in (GuardAnswer.GO, GuardAnswer.WAIT):
            self._end_former(joined, order)
        asked = self._store.new_record(order)
        kept = self._store.apply(asked, _ACTS[ruling.answer], ruling.code, detail=ruling.detail)
        if kept.open:
            self._take(order)
        stored = await self._store.records.written(order.id)
        kept = self._store.book.get(order.id) or kept
        if kept.open and not stored and not order.beside:
            kept = self._store.end(kept, OrderEvent.FAIL, "broadcast.unrecorded")
        return self._store.receipt(kept)

    async def stop(self, zones: Collection[str], actor: Actor) -> tuple[ReceiptEventData, ...]:
        """Silence those zones (all, if none is named): everything below the emergency.

        An order that has not begun and whose hour lies ahead is left; `cancel` ends it.
        """
        where, moment = self.house.speakers(zones), ClockReading.now(self._clock)
        halted = [
            self._scheduler.halt(kept, actor)
            for kept in self._store.book.open()
            if not kept.order.class_.urgent
            and (not zones or where & self.house.speakers(kept.order.zones))
            and (kept.turn or kept.airings or not self._ahead(moment, kept.order))
        ]
        self._scheduler.settle()
        for kept in halted:
            await self._store.records.written(kept.order.id)
        return tuple(self._store.receipt(kept) for kept in halted)

    async def cancel(self, order_id: str, actor: Actor) -> ReceiptEventData:
        """Stop one order, an emergency too; only the fire input itself ends what it began.

        A sound that lost its record by a kill is stopped by its id, too.
        """
        kept, orphans = self._store.book.get(order_id), self._scheduler.orphans.values()
        classes = {orphan.cls for orphan in orphans if order_id_of(orphan.id) == order_id}
        if kept is not None:
            classes.add(kept.order.class_)
        if OrderClass.FIRE in classes and actor.kind != "system":
            raise CommandRefused("broadcast.fire-goes-on")
        if self._silence_orphans([order_id]) and kept is None:
            self._scheduler.settle()
            await self._superseded.add([order_id])  # it does not play if it comes again
            return ReceiptEventData(order_id, OrderState.STOPPED.value, "broadcast.by-hand")
        kept = self._store.book.require(order_id)
        if kept.open:
            kept = self._scheduler.halt(kept, actor)
            self._scheduler.settle()
            await self._store.records.written(order_id)
        return self._store.receipt(kept)

    async def supersede(self, ids: Collection[str], actor: Actor) -> None:
        """End these because something newer replaces them; refuse those that come only now."""
        for kept in map(self._store.book.get, ids):
            if kept is not None and kept.open:
                self._scheduler.halt(kept, actor, "broadcast.superseded")
        self._silence_orphans(ids)
        self._scheduler.settle()
        await self._superseded.add(ids)

    def end_orphaned_fire(self) -> None:
        """End fire alarms without a record: no fire input is active."""
        if self._scheduler.silence_orphans(lambda orphan: orphan.cls is OrderClass.FIRE):
            self._scheduler.settle()

    def _silence_orphans(self, ids: Container[str]) -> bool:
        return self._scheduler.silence_orphans(
            lambda orphan: order_id_of(orphan.id) in ids and orphan.cls is not OrderClass.FIRE
        )

    async def feed_live(self, order_id: str, pcm: bytes) -> bool:
        """Feed a microphone's sound; False once the order does not play any more."""
        kept = self._store.book.get(order_id)
        if kept is None or kept.state is not OrderState.PLAYING:
            return kept is not None and kept.open
        for programme in kept.programmes:
            await self._engine.feed_live(programme, pcm)
        return True

    async def end_live(self, order_id: str) -> None:
        """End a microphone's sound; what it heard is played to its end."""
        kept = self._store.book.get(order_id)
        if kept is not None and kept.state is OrderState.PLAYING:
            for programme in kept.programmes:
                await self._engine.end_live(programme)

    def fail_order(self, order_id: str, code: str) -> None:
        """End an order whose microphone failed."""
        kept = self._store.book.get(order_id)
        if kept is not None and kept.open:
            self._playout.silence(kept)
            self._store.end(kept, OrderEvent.FAIL, code)
            self._scheduler.settle()

    def orders(self) -> tuple[OrderRecord, ...]:
        """All known orders, the newest first."""
        return tuple(reversed(tuple(self._store.book)))

    def get(self, order_id: str) -> OrderRecord | None:
        return self._store.book.get(order_id)

    def require(self, order_id: str) -> OrderRecord:
        """Get an order; UsageError if it is unknown."""
        return self._store.book.require(order_id)

    async def heard_state(self, order_id: str) -> OrderState | None:
        """How it was heard in this boot, also if a kill took its record.

        `FINISHED` if some of its words were, `DROPPED` if only its siren was.
        """
        how = await self._playout.fetch_heard(order_id)
        if how is None:
            return None
        return OrderState.DROPPED if how == SIREN_ONLY else OrderState.FINISHED

    def playing_in(self, zone: str) -> tuple[OrderRecord, ...]:
        """What plays at that zone's loudspeakers, the most urgent first."""
        where = self.house.speakers([zone])
        found = [
            kept
            for kept in self._store.book.playing()
            if any(where.intersection(airing.at) for airing in kept.airings)
        ]
        return tuple(sorted(found, key=lambda kept: -kept.order.class_))

    def unrecorded_sounds(self) -> tuple[Contender, ...]:
        """Emergencies that play and lost their record by a kill: their orders are unknown."""
        return tuple(self._scheduler.orphans.values())

    def unheard_emergencies(self) -> list[OrderRecord]:
        """Emergencies that recently reached no loudspeaker, and were not ordered again since."""
        found: list[OrderRecord] = []
        newer: set[tuple[Content, tuple[str, ...]]] = set()
        for kept in self.orders():
            order = kept.order
            if not order.class_.urgent or kept.boot != self._clock.boot:
                continue
            lately = self._clock.now_ns() - kept.since_ns < UNHEARD_S * S
            same = (order.content, order.zones)
            if kept.why == "broadcast.reached-nobody" and not kept.open and lately:
                found += [kept] if same not in newer else []
            newer.add(same)
        return found

    def receipt(self, kept: OrderRecord) -> ReceiptEventData:
        """The receipt of what has become of it so far."""
        return self._store.receipt(kept)

    def _judge(self, order: Order) -> Ruling:
        if order.id in self._superseded:
            return Ruling(GuardAnswer.REFUSE, "broadcast.superseded")
        ahead = partial(self._ahead, ClockReading.now(self._clock))
        if self._store.book.is_full(order, self._clock, ahead):
            return Ruling(GuardAnswer.REFUSE, "broadcast.too-many")
        return guard.judge_order(order, self.house, ClockReading.now(self._clock), self._clock.boot)

    def _ahead(self, moment: ClockReading, order: Order) -> bool:
        """Whether its hour, or the end of quiet hours, has yet to come."""
        ruling = guard.judge_start(order, self.house, moment, self._clock.boot, seconds=0.0)
        return ruling.answer is GuardAnswer.WAIT

    def _take(self, order: Order) -> None:
        """Accept it: end older orders that it replaces, and render it."""
        for older in map(self._store.book.get, order.supersedes):
            if older is not None and older.open:
                self._scheduler.halt(older, order.actor, "broadcast.superseded")
        self._silence_orphans(order.supersedes)
        self._reconciler.claim(self._store.book.require(order.id))
        self._preparation.request(order.id)

    def _end_former(self, kept: OrderRecord, order: Order) -> None:
        """End the order before, which is done and still open, because it was pressed again."""
        if self._recovery.is_dormant(kept) and not kept.had:  # it need not wait for the time
            self._scheduler.halt(kept, order.actor, "broadcast.superseded")
        else:
            self._playout.silence(kept)
            self._outcomes.expire(kept)

    def _done(self, kept: OrderRecord) -> bool:
        """Whether a press of the same thing is a new order: this one is not about to be heard.

        A loudspeaker has had it whole and is silent again, or its time is up and the audio process
        has not reported it yet.
        """
        over = bool(kept.had) or kept.order.expires.passed(self._clock)
        return over or self._recovery.is_dormant(kept)

    def is_current(self, kept: OrderRecord) -> bool:
        """Whether it is to be heard now; not if it only waits for what takes nothing."""
        return kept.open and not self._outcomes.is_spent(kept)

    def _settle(self) -> None:
        self._scheduler.settle()

    def _next_s(self) -> float | None:
        """Seconds until something may change by itself."""
        now = ClockReading(self._store.clock.now_ns())
        left = [
            max(MOMENT_S, guard.remaining_s(kept.order.expires, now, kept.boot))
            for kept in self._store.book.open()
            if self._scheduler.may_expire(kept)
        ]
        left += [max(MOMENT_S, rest_s) for rest_s in self._outcomes.retry_delays_s()]
        if any(True for _ in self._store.book.open()):
            left.append(LOOK_EVERY_S)
        return min(left, default=None)

    def reconcile(self, state: messages.AudioState) -> None:
        """Compare with what the audio process plays, and correct what we believe."""
        self.monitor.reconcile(state)
        self._reconciler.reconcile(state)
        self._silence_orphans(self._superseded)
