"""What moves a wish beside people: staff are told once where nobody takes it."""

from kiosk.request_types.wish.type import WishEvent

from gateway.rules.duty import DESK
from kiosk.requests.repository import RingEffect
from kiosk.requests.request import RequestTime, S
from kiosk.requests.rules import RequestRules


class WishRules(RequestRules):
    """The wishes in the repository."""

    def tick(self, moment: RequestTime) -> None:
        """Tell staff, once, of each wish that waits for too long."""
        for request in self.repository.open_requests(family=self.type.name):
            late_s = self.options(request.service).remind_after_s
            waited_s = (moment.lived_ns - request.since_ns) / S
            if request.untaken and not request.late and waited_s >= late_s:
                told = (DESK, (DESK,))
                moved = self.repository.apply_event(
                    request, WishEvent.OVERDUE, moment, told=told, late="take"
                )
                if moved is not None:
                    self.repository.add_effect(RingEffect(moved, DESK, (DESK,)))


RULES = WishRules
