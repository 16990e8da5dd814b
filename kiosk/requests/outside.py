"""Asking somebody outside about a request: now or never, past every queue."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gateway.clock import Clock
from gateway.faults import OnFault
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.contract import QueryRefused, QueryReply, QueryUnanswered, Uplink
from gateway.upstream.uplinks.kind import OpenUplink
from kiosk.requests.catalogue import KioskService
from kiosk.requests.contacts import ContactStore
from kiosk.requests.repository import QueryEffect
from kiosk.requests.request import Request

OutsideAnswer = QueryReply | QueryRefused | QueryUnanswered


class OutsideRoute(Protocol):
    """A way to one who is asked, or to the one of several that is asked at present."""

    @property
    def holder(self) -> str:
        """Who would be asked now; kept with the request, which nobody else hears of."""

    @property
    def open(self) -> bool:
        """Whether it can be asked now, as far as is known without asking."""

    async def ask(self, message: bytes, deadline_ns: int, holder: str) -> OutsideAnswer:
        """One question to `holder`, now or never; answers by CLOCK_BOOTTIME `deadline_ns`.

        Refused as `requests.no-road` where the settings have no such holder any more.
        """


class OpenedRoute(NamedTuple):
    """A route of the running station: what keeps it going, and what closes it."""

    route: OutsideRoute
    run: Callable[[], Coroutine[Any, Any, None]] | None = None
    close: Callable[[], Coroutine[Any, Any, None]] | None = None


class PlatformLines(Protocol):
    """The uplinks, as far as somebody may be asked through them."""

    @property
    def names(self) -> Sequence[str]:
        """Of all that the settings have, in their order."""

    def connection(self, name: str) -> tuple[Uplink, Sender] | None:
        """The uplink of that name, if it is open."""


class RouteContext(NamedTuple):
    """What the routes of a type may use.

    `options` are those of its services by id. `lines` are looked at anew each time, for the
    settings may change; `open_uplink` opens an uplink of the type's own.
    """

    options: Mapping[str, Any]
    lines: Callable[[], PlatformLines]
    clock: Clock
    station: str
    keys: Path
    on_fault: OnFault
    open_uplink: OpenUplink


class OutsideContext(NamedTuple):
    """What a type may use to ask outside. `spoken(place)` is how a place is called."""

    options: Mapping[str, Any]
    services: Mapping[str, KioskService]
    routes: Mapping[str, OutsideRoute]
    people: ContactStore
    clock: Clock
    station: str
    phone: str
    spoken: Callable[[str], str]


class OutsideClient(Protocol):
    """Whoever is asked about the requests of one type: the `OUTSIDE` of its `outside.py`."""

    async def ask(self, query: QueryEffect, request: Request | None) -> Any:
        """Put the question; returns what the type's rules take as an answer."""

    def answer_unrecorded(self, query: QueryEffect) -> Any | None:
        """The answer to a question that must not be put, since its press was not recorded.

        None if it is to be put all the same.
        """

    def answer_failed(self, query: QueryEffect) -> Any:
        """The answer where asking broke down."""


class _Nobody:
    """Of a type that asks nobody."""

    async def ask(self, query: QueryEffect, request: Request | None) -> Any:
        """A type that asks declares whom."""
        raise NotImplementedError(query)

    def answer_unrecorded(self, query: QueryEffect) -> Any | None:
        """There is no question."""
        del query
        return None

    def answer_failed(self, query: QueryEffect) -> Any:
        """There is no question."""
        del query


NOBODY: OutsideClient = _Nobody()
