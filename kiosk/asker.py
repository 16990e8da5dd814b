"""Puts the question of a ride to a road: now or never, and never a moment after its deadline."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.clock import Clock
from gateway.errors import StationError
from gateway.upstream.uplinks.contract import Refused, Unknown
from kiosk.book import Ask
from kiosk.dispatch import EXPIRED, NO_ROAD, Answer, Question, Road
from kiosk.options import Plan
from kiosk.people import People
from kiosk.request import Request

_KIND_OF: Mapping[str, Any] = {"status": "ride.status", "cancel": "ride.cancel"}


class Asker:
    """Of one station; personal fields are joined here, and nowhere before."""

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        people: People,
        roads: Mapping[str, Road],
        *,
        station: str,
        spoken: Callable[[str], str],
    ) -> None:
        """`spoken(place)` is how a place is called."""
        self._plan = plan
        self._clock = clock
        self._people = people
        self._roads = roads
        self._station = station
        self._spoken = spoken

    async def answer(self, ask: Ask, request: Request | None) -> Answer:
        """What the road says; it is not asked a moment after the deadline."""
        road = self._roads.get(ask.road)
        if road is None:
            return Refused(NO_ROAD)
        question = await self._question(ask, request)
        if question is None or self._is_late(ask):
            return Refused(EXPIRED)
        try:
            message = msgspec.json.encode(question)
            return await road.ask(message, ask.deadline.at_ns, ask.holder)
        except StationError as error:
            return Unknown(error.code)

    def _is_late(self, ask: Ask) -> bool:
        """Whether storing and unsealing have taken all the time there was."""
        return ask.deadline.passed(self._clock)

    async def _question(self, ask: Ask, request: Request | None) -> Question | None:
        contact = None
        if request is not None and request.person and ask.kind != "cancel":
            contact = await self._people.recall(request.person)  # it may be said after the press
        if ask.kind != "request":
            kind = _KIND_OF[ask.kind]
            return Question(kind=kind, id=ask.ride, station=self._station, contact=contact)
        if request is None:
            return None
        return Question(
            kind="ride.request",
            id=ask.ride,
            station=self._station,
            ttl_s=self._plan.ride.accept_within_s,
            press_age_ms=(self._clock.now_ns() - ask.began_ns) // 1_000_000,
            place=request.place,
            place_name=self._spoken(request.place),
            phone=self._plan.phone,
            contact=contact,
        )
