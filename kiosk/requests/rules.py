"""The rules of one type of request: their base class and what they may use. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gateway.audit import Actor
from gateway.rules.duty import DutyRoster
from kiosk.requests.catalogue import KioskService
from kiosk.requests.outside import NOBODY, OutsideClient
from kiosk.requests.repository import KEEP_ENDED_S, QueryEffect, RequestRepository, RingEffect
from kiosk.requests.request import Press, Request, RequestAction, RequestTime
from kiosk.requests.request_type import RequestType


class RuleContext(NamedTuple):
    """What the rules of a type may use.

    `options` are the `[service.<id>]` of the settings by id. `duty` says who is told in which
    order. Rules ask nobody outside: they look at `outside` only for whether it can be asked.
    """

    book: RequestRepository
    services: Mapping[str, KioskService]
    options: Mapping[str, Any]
    duty: DutyRoster
    outside: OutsideClient = NOBODY


class RequestDue(NamedTuple):
    """The next target (`stage`) and its deadline in accumulated uptime."""

    stage: str
    at_ns: int


class RequestRules:
    """People move a request as its table allows; a type overrides what else happens to it.

    Every method is called with the present moment; none blocks. What follows from a change is an
    effect put into the book.
    """

    def __init__(self, type_: RequestType, context: RuleContext) -> None:
        self.type = type_
        self.repository = context.book
        self.services = context.services
        self._options = context.options
        self.duty = context.duty
        self.outside = context.outside

    def options(self, service: str) -> Any:
        """The settings of that service."""
        found = self._options.get(service)
        return self.type.options() if found is None else found

    def initial_fields(
        self, service: KioskService, press: Press, place: str, moment: RequestTime, *, danger: bool
    ) -> dict[str, Any]:
        """Fields of a request that is being opened; `danger`: by a picture that means danger."""
        del service, press, place, moment, danger
        return {}

    def start_request(self, request: Request, moment: RequestTime) -> Request:
        """Start a request that was just opened; returns it as it is then."""
        del moment
        return request

    def find_same(
        self, service: KioskService, press: Press, place: str, actor: Actor
    ) -> Request | None:
        """An open request that this press repeats, beyond the rules that hold for every type."""
        del service, press, place, actor
        return None

    def repeat_press(self, request: Request, moment: RequestTime) -> Request:
        """Handle another press for an open request."""
        del moment
        return request

    def apply_action(
        self,
        request: Request,
        deed: RequestAction,
        moment: RequestTime,
        who: Actor,
        fields: dict[str, Any],
    ) -> None:
        """Apply an action that the table allows, with the fields that go with it."""
        self.repository.apply_event(request, deed.act, moment, actor=who, **fields)

    def record_ring(self, ring: RingEffect, reached: tuple[str, ...], moment: RequestTime) -> None:
        """Record a step of the duty; `reached` are the channels that took it."""

    def record_answer(self, query: QueryEffect, answer: Any, moment: RequestTime) -> None:
        """Apply the answer to a query."""

    def resume(self, moment: RequestTime) -> None:
        """Resume after a restart; the repository holds the stored requests."""

    def tick(self, moment: RequestTime) -> None:
        """Let time pass; called at least every 30 s, every second while `AWAITED` ones are open."""

    def next_due(self, request: Request) -> RequestDue | None:
        """The next target of the request, if it has one."""
        del request
        return None

    def keep_s(self, request: Request) -> float:
        """Seconds for which the request is kept after its end."""
        del request
        return KEEP_ENDED_S

    def forget_others(self, kept: Collection[str]) -> None:
        """Forget everything about requests that are not among these."""

    def is_possible(self, service: str) -> bool:
        """Whether a press for that service could be carried out now."""
        del service
        return True

    def is_network_away(self, service: str) -> bool:
        """Whether that service depends on somebody outside who cannot be reached now."""
        del service
        return False

    def phones(self, service: str) -> Mapping[str, str]:
        """Numbers to dial instead of the station's, by service or by picture."""
        del service
        return {}
