"""What follows from a change of a request: a sentence, a ring, a question, an erasure."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.errors import StationError
from gateway.faults import OnFault
from gateway.tasks import TaskSet
from kiosk.requests.contacts import ContactStore
from kiosk.requests.engine import RequestEngine
from kiosk.requests.outside import NOBODY, OutsideClient, OutsideContext
from kiosk.requests.repository import (
    EraseEffect,
    QueryEffect,
    RequestEffect,
    RequestOutcome,
    RingEffect,
    SpeakEffect,
)
from kiosk.requests.request import RequestTime
from kiosk.requests.request_type import TYPES, RequestType
from kiosk.requests.staff_bell import StaffBell
from kiosk.speech.announcer import Announcer

log = logging.getLogger(__name__)

EFFECTS_MAX = 500

# Where a fault of each is counted.
_EDGES = {
    SpeakEffect: "kiosk.say",
    RingEffect: "kiosk.ring",
    QueryEffect: "kiosk.ask",
    EraseEffect: "kiosk.erase",
}


class OutsideClients:
    """Who is asked outside, by type; opened when a type is first used."""

    def __init__(self, context: OutsideContext) -> None:
        self._context = context
        self._clients: dict[str, OutsideClient] = {}

    def __getitem__(self, name: str) -> OutsideClient:
        return self._clients[name]

    def client(self, type_: RequestType) -> OutsideClient:
        """The client of that type, the same each time."""
        if type_.name not in self._clients:
            part = TYPES.load_part(type_.name, "outside")
            self._clients[type_.name] = NOBODY if part is None else part.OUTSIDE(self._context)
        return self._clients[type_.name]


class EffectRunner:
    """Carries effects out beside each other; one that breaks ends alone."""

    def __init__(
        self,
        core: RequestEngine,
        announcer: Announcer,
        clients: OutsideClients,
        people: ContactStore,
        bell: StaffBell,
        *,
        take: Callable[[RequestOutcome], object],
        moment: Callable[[], RequestTime],
        on_fault: OnFault,
    ) -> None:
        """`take` is handed what becomes of a request by an effect."""
        self.clients = clients
        self.running = TaskSet()
        self._core, self._announcer = core, announcer
        self._people, self._bell = people, bell
        self._take, self._moment = take, moment
        self._on_fault = on_fault

    def start_effect(self, effect: RequestEffect, *, recorded: bool = True) -> None:
        """Start it; a question that needs its press `recorded` is answered where it is not."""
        if not recorded and isinstance(effect, QueryEffect):
            answer = self.clients[effect.family].answer_unrecorded(effect)
            if answer is not None:
                self._answer(effect, answer)
                return
        if len(self.running) >= EFFECTS_MAX and not isinstance(effect, RingEffect):
            self._on_fault("kiosk.effect", OverflowError())
            return
        self.running.start(self._run(effect))

    def cancel(self) -> None:
        """End what is under way; nothing is begun any more."""
        self.running.cancel()

    async def _run(self, effect: RequestEffect) -> None:
        """The edge: an effect that breaks ends alone; a question without an answer has failed."""
        try:
            await self._carry_out(effect)
        except Exception as error:  # noqa: BLE001  # see above
            kind = QueryEffect if isinstance(effect, QueryEffect) else type(effect)
            self._on_fault(_EDGES[kind], error)
            if isinstance(effect, QueryEffect):
                self._answer(effect, self.clients[effect.family].answer_failed(effect))

    def _carry_out(self, effect: RequestEffect) -> Coroutine[Any, Any, None]:
        if isinstance(effect, SpeakEffect):
            return self._announcer.announce(effect.id)
        if isinstance(effect, RingEffect):
            return self._ring(effect)
        if isinstance(effect, EraseEffect):
            return self._people.erase(effect.person)
        return self._ask(effect)

    async def _ring(self, ring: RingEffect) -> None:
        reached: tuple[str, ...] = ()
        try:
            reached = await self._bell.ring(ring.request, ring.to, ring.by)
        except StationError as error:
            log.warning("%s could not be called: %s", ring.to, error)
        except Exception as error:  # noqa: BLE001  # the edge: the next step is taken all the same
            self._on_fault("kiosk.ring", error)
        if ring.step:
            self._take(self._core.record_ring(ring, reached, self._moment()))

    async def _ask(self, query: QueryEffect) -> None:
        request = self._core.repository.requests.get(query.id)
        self._answer(query, await self.clients[query.family].ask(query, request))

    def _answer(self, query: QueryEffect, answer: Any) -> None:
        self._take(self._core.record_answer(query, answer, self._moment()))
