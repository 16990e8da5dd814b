"""What moves the requests of one type: the rules' base, and what they may use. Pure."""

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
    """What is promised next (`stage`), and until when in lived time."""

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
        """What that service is set to."""
        found = self._options.get(service)
        return self.type.options() if found is None else found

    def initial_fields(
        self, service: KioskService, press: Press, place: str, moment: RequestTime, *, danger: bool
    ) -> dict[str, Any]:
        """Fields of a request that is being opened; `danger`: by a picture that means danger."""
        del service, press, place, moment, danger
        return {}

    def start_request(self, request: Request, moment: RequestTime) -> Request:
        """The request that was only now opened, after what it sets off."""
        del moment
        return request

    def find_same(
        self, service: KioskService, press: Press, place: str, actor: Actor
    ) -> Request | None:
        """The open request that this press only repeats, by more than the kiosk's own rules."""
        del service, press, place, actor
        return None

    def repeat_press(self, request: Request, moment: RequestTime) -> Request:
        """The person has pressed for it once more."""
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
        """A person does something with it that its table allows; `fields` go with it."""
        self.repository.apply_event(request, deed.act, moment, actor=who, **fields)

    def record_ring(self, ring: RingEffect, reached: tuple[str, ...], moment: RequestTime) -> None:
        """A step of the duty has been taken; `reached` are the channels that took it."""

    def record_answer(self, query: QueryEffect, answer: Any, moment: RequestTime) -> None:
        """Who was asked outside has answered."""

    def resume(self, moment: RequestTime) -> None:
        """The station has started again, and these requests were kept."""

    def tick(self, moment: RequestTime) -> None:
        """Let time pass."""

    def next_due(self, request: Request) -> RequestDue | None:
        """What is promised of it next; None where nothing is."""
        del request
        return None

    def keep_s(self, request: Request) -> float:
        """How long after its end it is kept."""
        del request
        return KEEP_ENDED_S

    def forget_others(self, kept: Collection[str]) -> None:
        """Remember nothing of requests that are not among these."""

    def is_possible(self, service: str) -> bool:
        """Whether a press for that service could lead anywhere now."""
        del service
        return True

    def is_network_away(self, service: str) -> bool:
        """Whether that service needs somebody outside, and none of them can be reached now."""
        del service
        return False

    def phones(self, service: str) -> Mapping[str, str]:
        """Numbers to dial instead of the station's, by service or by picture."""
        del service
        return {}
