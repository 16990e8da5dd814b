"""Requests in the running station: the engine between presses, the journal and the effects.

press ─► core ─┬─► a call rings (it waits for nothing) ─► its record
└─► journal ─► a car is asked for, a sentence is said
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.audit import Actor
from gateway.clock import Clock
from gateway.errors import JournalError, StateConflict, Unavailable
from gateway.event import Event
from gateway.faults import OnFault, contain, log_fault
from gateway.health import RefusalVitals
from gateway.journal import Journal, StateChange, has_stored_row, load_state, start_id
from gateway.places import Places
from gateway.rules.duty import DutyRoster
from kiosk.requests.catalogue import KioskService
from kiosk.requests.contacts import (
    ContactStore,
    erase_attachments,
    erase_on_failure,
    mask_contact,
    seal_attachments,
)
from kiosk.requests.engine import (
    HEAD,
    ROOM,
    RequestCounters,
    RequestEngine,
    decode_request_row,
    recover_counters,
)
from kiosk.requests.events import request_event
from kiosk.requests.options import KioskSettings
from kiosk.requests.outside import OutsideContext, OutsideRoute
from kiosk.requests.repository import MANY, RequestEffect, RequestOutcome, RingEffect, SpeakEffect
from kiosk.requests.request import (
    NOTHING,
    Contact,
    Press,
    Request,
    RequestAction,
    RequestTime,
    VoiceNote,
)
from kiosk.requests.request_type import TypeFlag
from kiosk.requests.rules import RequestRules
from kiosk.requests.staff_bell import StaffBell
from kiosk.runtime.effects import EffectRunner, OutsideClients
from kiosk.runtime.screen_heartbeats import ScreenHeartbeats
from kiosk.speech.announcer import Announcer
from kiosk.speech.sentences import KioskSpeaker, SpokenSentence

log = logging.getLogger(__name__)

# How often time is let pass: while somebody waits, and while nobody does.
TICK_S, IDLE_S = 1.0, 30.0

# So much lived time may be lost with the power, while anything is open.
CHECKPOINT_S = 900.0

# So often it is looked whether what was said was also heard.
LISTENING_S = 5.0

RESIDENT = Actor("resident")


class _Waiting(NamedTuple):
    """An outcome on its way into the journal, the effects that wait for it, and its waiters."""

    outcome: RequestOutcome
    events: tuple[Event, ...]
    later: tuple[RequestEffect, ...]
    stored: asyncio.Future[None]


class RequestService:
    """Call `load` once, then `run`; everything else may be called at any time after `load`."""

    def __init__(
        self,
        plan: KioskSettings,
        services: Mapping[str, KioskService],
        journal: Journal,
        clock: Clock,
        *,
        station: str,
        places: Places,
        duty: DutyRoster,
        routes: Mapping[str, OutsideRoute],
        people: ContactStore,
        speaker: KioskSpeaker,
        bell: StaffBell,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`routes` are the ways of asking outside, by name."""
        ids = start_id(journal.epoch, clock.boot, clock.now_ns())
        clients = OutsideClients(
            OutsideContext(
                plan.services, services, routes, people, clock, station, plan.phone, places.spoken
            )
        )
        self.engine = RequestEngine(
            plan, services, places, duty, epoch=journal.epoch, ids=ids, outside=clients.client
        )
        self.plan = plan
        self.services = services
        self.places = places
        self._lost = 0
        self._lost_ns: int | None = None
        self._on_fault = on_fault
        self._journal, self._clock = journal, clock
        self._people = people
        self.announcer = Announcer(
            self.engine, plan, clock, speaker, take=self._take, moment=self.now
        )
        self.effects = EffectRunner(
            self.engine,
            self.announcer,
            clients,
            people,
            bell,
            take=self._take,
            moment=self.now,
            on_fault=on_fault,
        )
        self._offset_ns = 0
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._turned = asyncio.Event()
        self._listeners: list[Callable[[Request], None]] = []
        self.screens = ScreenHeartbeats(frozenset(plan.kiosks), clock)
        self.languages = self.announcer.languages
        self.phones = self.announcer.phones

    async def load(self) -> None:
        """Restore the requests of before the restart."""
        lost = await has_stored_row(self._journal, ROOM, HEAD)
        kept: dict[str, Any] = await load_state(self._journal, ROOM, decode_request_row)
        head = kept.pop(HEAD, None)
        if head is None:
            head = (
                recover_counters(kept.values(), self._clock.now_ns()) if lost else RequestCounters()
            )
        since_ns = head.at_ns if head.boot == self._clock.boot else self._clock.now_ns()
        self._offset_ns = head.lived_ns - since_ns
        self._take(self.engine.restore(kept.values(), head, self.now()))

    def now(self) -> RequestTime:
        """The present moment of the requests."""
        stamps = self._clock.stamp()
        return RequestTime(stamps, stamps.at_ns + self._offset_ns)

    async def submit_press(
        self, press: Press, actor: Actor = RESIDENT, note: VoiceNote | None = None
    ) -> Request:
        """Submit a press; returns once it is recorded, a call at once. UsageError, Unavailable.

        A work order that cannot be recorded does not exist (JournalError). `note` is what they
        have said about it.
        """
        moment = self.now()  # sealing and storing take of the time that a ride has
        contact, press = press.contact, msgspec.structs.replace(press, contact=None)
        service = self.engine.effective_service(press)
        urgent = service.type.has_flag(TypeFlag.CALLS_STAFF)
        if service.type.has_flag(TypeFlag.NEEDS_DISK) and self._journal.volatile:
            raise Unavailable("requests.volatile")
        known = self.engine.repository.find_by_press(press.press) is not None
        given = NOTHING
        if not (known or urgent):
            given = await seal_attachments(self._people, contact, note, service.keep_days)
        request, outcome = self.engine.record_press(press, actor, moment, given)
        stored = self._take(outcome)
        if not urgent:
            async with erase_on_failure(self._people, given):
                await asyncio.shield(stored)
        elif contact is not None and not request.person:
            token = await self._people.seal_contact(contact, service.keep_days)
            self._take(self.engine.attach_contact(request.id, token, mask_contact(contact)))
        if given.person != request.person or given.voice != request.voice:
            await erase_attachments(self._people, given)  # it was a second press of the same thing
        return self.engine.repository.requests.get(request.id, request)

    async def attach_contact(self, request_id: str, contact: Contact) -> None:
        """Attach a contact to an open request. UsageError if it has ended or has one."""
        request = self.engine.get_request(request_id)
        if request.ended or request.person:
            raise StateConflict("requests.not-now", act="leave", state=request.state)
        service = self.services[request.service]
        token = await self._people.seal_contact(contact, service.keep_days)
        self._take(self.engine.attach_contact(request_id, token, mask_contact(contact)))

    async def apply_action(self, request_id: str, deed: RequestAction, who: Actor) -> Request:
        """Apply an action; returns once it is recorded. UsageError if it is not allowed now."""
        stored = self._take(self.engine.apply_action(request_id, deed, who, self.now()))
        await asyncio.shield(stored)
        return self.engine.repository.requests[request_id]

    async def apply_command(self, type_: str, do: Callable[[Any, RequestTime], None]) -> None:
        """Run a command against the rules of that type; returns once it is recorded."""
        await asyncio.shield(self._take(self.engine.apply_command(type_, do, self.now())))

    async def close_requests(self, request_ids: Collection[str], who: Actor) -> None:
        """Close the requests that staff may put away; the others stay as they are."""
        await asyncio.shield(self._take(self.engine.close_requests(request_ids, who, self.now())))

    async def repeat_sentence(self, request_id: str, *, louder: bool = False) -> SpokenSentence:
        """Say the sentence of a request once more. UsageError if there is no such request."""
        return await self.announcer.repeat(self.engine.get_request(request_id), louder=louder)

    def sentence(self, request: Request, language: str | None = None) -> SpokenSentence:
        """The sentence of a request, which is also its caption."""
        return self.announcer.sentence(request, language)

    @property
    def is_audible(self) -> bool:
        """Whether the last sentence could be played."""
        return self.announcer.is_audible

    @property
    def overload_count(self) -> int:
        """The number of open requests if it is so high that staff are warned, else 0."""
        count = sum(1 for _ in self.engine.repository.open_requests())
        return count if count >= MANY else 0

    def all_requests(self) -> list[Request]:
        """All stored requests, oldest first."""
        return list(self.engine.repository)

    def service_rules(self, service: str) -> RequestRules:
        """The rules of the type of that service."""
        return self.engine.rules(self.services[service].family)

    @property
    def network_away(self) -> bool:
        """Whether a service depends on somebody outside who cannot be reached now."""
        return any(self.service_rules(name).is_network_away(name) for name in self._offered())

    @property
    def all_possible(self) -> bool:
        """Whether every service in use could be carried out now."""
        return all(self.service_rules(name).is_possible(name) for name in self._offered())

    def _offered(self) -> list[str]:
        used = self.plan.types_in_use(self.services)
        return [name for name, service in self.services.items() if service.family in used]

    def add_listener(self, listener: Callable[[Request], None]) -> None:
        """Call `listener` with every request that changes state."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Run the clock and write outcomes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            group.create_task(self._write())

    async def stop(self) -> None:
        """Write the remaining outcomes; no effect starts any more."""
        self.effects.cancel()
        self._take(RequestOutcome([], {}, []))
        while self._waiting:
            await self._write_some(begin=False)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        checkpoint_s = loop.time() + CHECKPOINT_S
        while True:
            outcome = self._passed()
            if not outcome.empty or (
                loop.time() >= checkpoint_s and self.engine.repository.requests
            ):
                checkpoint_s = loop.time() + CHECKPOINT_S
                self._take(outcome)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rests_s()):
                    await self._turned.wait()
            self._turned.clear()

    def _rests_s(self) -> float:
        if self.engine.busy:
            return TICK_S
        return LISTENING_S if self.announcer.busy else IDLE_S

    def _passed(self) -> RequestOutcome:
        """The edge: a failing tick is counted, and the next one catches up."""
        try:
            self.announcer.retry_lost()
            return self.engine.tick(self.now())
        except Exception as error:  # noqa: BLE001  # see above
            self._on_fault("kiosk.tick", error)
            return RequestOutcome([], {}, [])

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write_some()

    def _take(self, outcome: RequestOutcome) -> asyncio.Future[None]:
        """Start urgent effects now and queue the rest; the future is done once it is stored."""
        stamps = self._clock.stamp()
        later: list[RequestEffect] = []
        for effect in outcome.effects:
            if self._is_urgent(effect):
                self.effects.start_effect(effect)
            else:
                later.append(effect)
        events = tuple(request_event(turn, stamps) for turn in outcome.turns)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stored.add_done_callback(_heard_of)
        self._waiting.append(_Waiting(outcome, events, tuple(later), stored))
        self._wake.set()
        if outcome.turns:
            self._turned.set()
        for turn in outcome.turns:
            for listener in self._listeners:
                contain(self._on_fault, "kiosk.listener", listener, turn.request)
        return stored

    @property
    def refusals(self) -> RefusalVitals:
        """The number of request events that the journal refused."""
        return RefusalVitals("kiosk", self._lost, self._lost_ns, lost=self._lost)

    def _is_urgent(self, effect: RequestEffect) -> bool:
        if isinstance(effect, SpeakEffect):
            request = self.engine.repository.requests.get(effect.id)
            return request is not None and request.type.has_flag(TypeFlag.CALLS_STAFF)
        return isinstance(effect, RingEffect)

    async def _write_some(self, *, begin: bool = True) -> None:
        """Commit the next outcome, then start the effects that waited for it."""
        waiting = self._waiting[0]
        states = [StateChange(ROOM, key, body) for key, body in waiting.outcome.keep.items()]
        head = msgspec.msgpack.encode(self.engine.counters(self.now()))
        states.append(StateChange(ROOM, HEAD, head))
        error: JournalError | None = None
        try:
            await self._journal.append(waiting.events, states)
        except JournalError as failed:
            # An I/O error has told the station through `journal.fatal`; calls go on in memory.
            error = failed
            log.error("%d events of requests could not be stored: %s", len(waiting.events), failed)  # noqa: TRY400  # said whole
        except Exception as failed:  # noqa: BLE001  # the edge: what cannot be written costs itself alone
            error = JournalError("web.failed")
            self._on_fault("kiosk.record", failed)
        self._waiting.popleft()
        self._conclude(waiting, error, begin=begin)

    def _conclude(self, waiting: _Waiting, error: JournalError | None, *, begin: bool) -> None:
        if error is not None:
            self._lost += len(waiting.events)
            self._lost_ns = self._clock.now_ns()
            self.engine.discard_unstored(waiting.outcome)
        if not waiting.stored.done():
            if error is None:
                waiting.stored.set_result(None)
            else:
                waiting.stored.set_exception(error)
        for effect in waiting.later if begin else ():
            self.effects.start_effect(effect, recorded=error is None)


def _heard_of(stored: asyncio.Future[None]) -> None:
    """Retrieve an error that nobody awaits; it was logged."""
    if not stored.cancelled():
        stored.exception()
