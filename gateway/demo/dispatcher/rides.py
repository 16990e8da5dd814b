"""The dispatcher's rides: what is answered to which question, and what becomes of a ride. Pure."""

import enum
from typing import Any, NamedTuple

RIDES_MAX = 500


class DispatcherMode(enum.Enum):
    """How it behaves: `late` takes a ride and says so too late; `silent` never answers."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    SILENT = "silent"
    LATE = "late"


CARS = (
    {"plate": "京BT3642", "colour": "黄绿色", "brand": "北京现代", "minutes": 4},
    {"plate": "京AD81906", "colour": "蓝色", "brand": "比亚迪", "minutes": 7},
)
LIVE = ("searching", "assigned", "arrived")


class RideQuery(NamedTuple):
    """A question as it came in."""

    at_s: float
    kind: str
    ride: str
    press_age_ms: int


class RideBook:
    """Every ride it has ever heard of; `none` and `cancelled` stand for ever."""

    def __init__(self) -> None:
        self.mood = DispatcherMode.ACCEPTS
        self.rides: dict[str, dict[str, Any]] = {}
        # Whom the driver looks for, by ride: the last four of what they gave.
        self.passengers: dict[str, str] = {}

        self.asked: list[RideQuery] = []

    def answer(self, question: dict[str, Any], at_s: float) -> dict[str, Any] | None:
        """The answer; None for a question that it does not understand."""
        kind, ride = question.get("kind"), question.get("id")
        if kind == "ping":
            return {"answer": "pong"}
        if not isinstance(ride, str) or not isinstance(kind, str):
            return None
        self._make_room()
        self.asked = [
            *self.asked[1 - RIDES_MAX :],
            RideQuery(at_s, kind, ride, int(question.get("press_age_ms", 0))),
        ]
        self._know(ride, question.get("contact"))
        if kind == "ride.request":
            return self._requested(ride, question)
        if kind == "ride.status":
            return self.rides.setdefault(ride, {"state": "none"})
        return self._cancelled(ride) if kind == "ride.cancel" else None

    def drive(self, ride: str, state: str) -> bool:
        """A driver takes it, arrives, leaves with or without the person; False if it is over."""
        known = self.rides.get(ride)
        if known is None or known["state"] not in LIVE:
            return False
        known["state"] = state
        if state == "assigned":
            known["car"] = CARS[len(ride) % len(CARS)]
        return True

    def live(self) -> list[str]:
        """Rides for which a car is coming or being looked for."""
        return [ride for ride, known in self.rides.items() if known["state"] in LIVE]

    def _know(self, ride: str, contact: Any) -> None:
        given = contact.values() if isinstance(contact, dict) else ()
        shown = next((each[-4:] for each in given if isinstance(each, str)), "")
        if shown:
            self.passengers[ride] = shown
        live = {ride, *self.live()}
        self.passengers = {one: who for one, who in self.passengers.items() if one in live}

    def _make_room(self) -> None:
        """Forget the oldest ride that is over, where there are too many."""
        if len(self.rides) >= RIDES_MAX:
            over = (ride for ride, known in self.rides.items() if known["state"] not in LIVE)
            self.rides.pop(next(over, next(iter(self.rides))))

    def _requested(self, ride: str, question: dict[str, Any]) -> dict[str, Any]:
        too_old = question.get("press_age_ms", 0) > question.get("ttl_s", 0) * 1000
        if self.mood is DispatcherMode.REFUSES or too_old:
            return self.rides.setdefault(ride, {"state": "none"})
        return self.rides.setdefault(ride, {"state": "searching"})

    def _cancelled(self, ride: str) -> dict[str, Any]:
        known = self.rides.get(ride, {"state": ""})
        if known["state"] not in ("cancelled", "boarded"):
            known = {"state": "cancelled", "was": known["state"]}
            self.rides[ride] = known
        return known
