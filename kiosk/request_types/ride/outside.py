"""Puts the question of a ride to a route: now or never, and never a moment after its deadline."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.errors import StationError
from gateway.upstream.uplinks.contract import QueryRefused, QueryUnanswered
from kiosk.request_types.ride.dispatch import (
    EXPIRED,
    NO_ROAD,
    UNSTORED,
    DispatchQuery,
    DispatchQuestion,
    RideStatus,
    read_answer,
)
from kiosk.request_types.ride.options import RideOptions
from kiosk.requests.outside import OutsideContext
from kiosk.requests.repository import QueryEffect
from kiosk.requests.request import Request

_KIND_OF: Mapping[str, Any] = {"status": "ride.status", "cancel": "ride.cancel"}


class DispatchClient:
    """Asks for one station; personal fields are joined here, and nowhere before."""

    def __init__(self, context: OutsideContext) -> None:
        self.routes = context.routes
        self._context = context

    async def ask(
        self, query: QueryEffect, request: Request | None
    ) -> RideStatus | QueryRefused | QueryUnanswered:
        """What the route says; it is not asked a moment after the deadline."""
        query = cast(DispatchQuery, query)
        route = self.routes.get(query.road)
        if route is None:
            return QueryRefused(NO_ROAD)
        question = await self._question(query, request)
        if question is None or self._is_late(query):
            return QueryRefused(EXPIRED)
        try:
            message = msgspec.json.encode(question)
            answer = await route.ask(message, query.deadline.at_ns, query.holder)
        except StationError as error:
            return QueryUnanswered(error.code)
        return read_answer(answer)

    def answer_unrecorded(self, query: QueryEffect) -> QueryRefused | None:
        """A press that is not recorded calls no car; other questions do no harm."""
        return QueryRefused(UNSTORED) if cast(DispatchQuery, query).kind == "request" else None

    def answer_failed(self, query: QueryEffect) -> QueryUnanswered:
        """It may have been taken."""
        del query
        return QueryUnanswered("web.failed")

    def _is_late(self, query: DispatchQuery) -> bool:
        """Whether storing and unsealing have taken all the time there was."""
        return query.deadline.passed(self._context.clock)

    async def _question(
        self, query: DispatchQuery, request: Request | None
    ) -> DispatchQuestion | None:
        context, contact = self._context, None
        if request is not None and request.person and query.kind != "cancel":
            contact = await context.people.recall_contact(
                request.person
            )  # maybe said after the press
        if query.kind != "request":
            kind = _KIND_OF[query.kind]
            return DispatchQuestion(
                kind=kind, id=query.ride, station=context.station, contact=contact
            )
        if request is None:
            return None
        options = context.options.get(request.service, RideOptions())
        return DispatchQuestion(
            kind="ride.request",
            id=query.ride,
            station=context.station,
            ttl_s=options.accept_within_s,
            press_age_ms=(context.clock.now_ns() - query.began_ns) // 1_000_000,
            place=request.place,
            place_name=context.spoken(request.place),
            phone=context.phone,
            contact=contact,
        )


OUTSIDE = DispatchClient
