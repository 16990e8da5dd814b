"""A lively station and staff who forget, over months: what is asked, answered and left open.

The core alone, in time that leaps. A hundred requests a day come at two kiosks; a sensor reports a
leak every ten minutes; a call may ring unheard and an order may lie for ever.
"""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.audit import Actor
from gateway.errors import Unavailable
from gateway.event import Timestamps
from gateway.upstream.uplinks.contract import QueryRefused, QueryUnanswered
from kiosk.request_types.ride.dispatch import RideStatus
from kiosk.requests.catalogue import load_services
from kiosk.requests.engine import RequestEngine, allowed_actions, closing_event
from kiosk.requests.repository import (
    ENDED_MAX,
    QueryEffect,
    RequestOutcome,
    RingEffect,
    SpeakEffect,
)
from kiosk.requests.request import Car, Press, Request, RequestAction, RequestTime, S
from kiosk.requests.request_type import OPEN_MAX
from tests.kiosk.requests.harness import DUTY, PLACES, plan

A_DAY = 100
DAY_S, STEP_S = 86_400, 300
CAR = Car("京BT3642", "黄绿色", "", 4)
STAFF, RESIDENT, LEAK = Actor("staff", "0217"), Actor("resident"), Actor("linkage", "leak-b3")
WHATS = tuple(one.id for one in load_services()["repair"].what)
# Two kiosks, their dangers at every place, and the calls that rides have made.
CALLS_MAX = 40


class Road:
    """A dispatcher that is there, or not."""

    open, holder = True, "district"


class Year:
    """One station's life; `alert` staff close what is over when they are warned, others never."""

    def __init__(self, seed: int, *, alert: bool) -> None:
        self.rng = random.Random(seed)
        self.alert = alert
        self.road = Road()
        self.routes = {"platform": self.road}
        self.core = RequestEngine(
            plan("platform", "desk"), load_services(), PLACES, DUTY, epoch=f"{seed:016x}",
            outside=lambda _: self,
        )  # fmt: skip
        self.at_s = 1000.0
        self.kept: dict[str, int] = {}
        self.made = self.refused = 0
        self.wrong: list[str] = []
        self.most: Counter[str] = Counter()
        self._later: list[tuple[float, str, str]] = []

    @property
    def moment(self) -> RequestTime:
        at_ns = round(self.at_s * S)
        return RequestTime(Timestamps("b", at_ns, at_ns), at_ns)

    def live(self, days: int) -> "Year":
        for _ in range(days):
            begins_s = self.at_s
            times = sorted(self.rng.uniform(7, 21) * 3600 for _ in range(A_DAY))
            leaks = [t * 600.0 for t in range(144)] if self.rng.random() < 0.3 else []
            due = sorted([*((t, "press") for t in times), *((t, "leak") for t in leaks)])
            for after_s, what in due:
                self._until(begins_s + after_s)
                self._press() if what == "press" else self._leak()
                self._look()
            self._until(begins_s + DAY_S)
            self._staff()
            self._look()
        return self

    def _until(self, at_s: float) -> None:
        while self.at_s < at_s:
            self.at_s = min(at_s, self.at_s + (STEP_S if self.core.busy else 1800))
            self._take(self.core.tick(self.moment))
            due = [one for one in self._later if one[0] <= self.at_s]
            self._later = [one for one in self._later if one[0] > self.at_s]
            for _, request_id, act in due:
                self._act(request_id, act)

    def _act(self, request_id: str, act: str) -> None:
        request = self.core.repository.requests.get(request_id)
        who = RESIDENT if act in ("praise", "complain", "come", "leave") else STAFF
        if request is None or act not in allowed_actions(request, staff=who is STAFF):
            return
        rating = {"praise": "good", "complain": "bad"}.get(act)
        deed = RequestAction(act=act, rating=rating, car=CAR if act == "assign" else None)
        self._take(self.core.apply_action(request_id, deed, who, self.moment))

    def _soon(self, request: Request, act: str, share: float, mean_s: float) -> None:
        if self.rng.random() < share:
            at_s = self.at_s + self.rng.expovariate(1 / mean_s)
            self._later.append((at_s, request.id, act))

    def _press(self) -> None:
        rng = self.rng
        self.made += 1
        kiosk = rng.choice(("hall", "yard"))
        service = rng.choices(("ride", "staff", "repair"), (5, 3, 2))[0]
        what = rng.choice(WHATS) if service == "repair" else ""
        where = rng.choice((None, "hall", "b3")) if what else None
        self.road.open = rng.random() < 0.9
        press = Press(press=f"p{self.made}", kiosk=kiosk, service=service, what=what, where=where,
                      another=service == "ride" and rng.random() < 0.7)  # fmt: skip
        request = self._asked(press, RESIDENT)
        if request is None:
            return
        if request.family == "call":
            self._soon(request, "answer", 0.8, 240)
            self._soon(request, "come", 0.2, 400)
            self._soon(request, "close", 0.2, 900)
        elif request.family == "ride":
            self._soon(request, "assign", 0.5, 40)
            self._soon(request, "arrive", 0.4, 500)
            self._soon(request, "leave", 0.3, 700)
        else:
            self._soon(request, "receive", 0.7, 7200)
            self._soon(request, "finish", 0.9, 2 * DAY_S)
            self._soon(request, "praise", 0.2, 3 * DAY_S)
            self._soon(request, "complain", 0.05, 3 * DAY_S)

    def _leak(self) -> None:
        self.made += 1
        press = Press(press=f"t{self.made}", kiosk="", service="repair", what="other", where="b3")
        request = self._asked(press, LEAK)
        if request is not None:
            self._soon(request, "finish", 0.01, DAY_S)

    def _asked(self, press: Press, who: Actor) -> Request | None:
        works = sum(1 for _ in self.core.repository.open_requests(family="work"))
        try:
            request, outcome = self.core.record_press(press, who, self.moment)
        except Unavailable as error:
            self.refused += 1
            if self.core.effective_service(press).family != "work" or works < OPEN_MAX:
                self.wrong.append(f"{press.service} was refused: {error} with {works} orders open")
            return None
        self._take(outcome)
        return request

    def _staff(self) -> None:
        """In the evening somebody sees the warning, and puts away what is over or oldest."""
        many = sum(1 for _ in self.core.repository.open_requests())
        if self.alert and many >= 200:
            over = sorted(filter(closing_event, self.core.repository), key=lambda one: one.since_ns)
            self._take(self.core.close_requests([one.id for one in over[:100]], STAFF, self.moment))

    def _take(self, outcome: RequestOutcome) -> None:
        """As the room would: kept, said, rung and asked."""
        for key, body in outcome.keep.items():
            if body is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = len(body)
        for effect in outcome.effects:
            if isinstance(effect, SpeakEffect):
                request = self.core.repository.requests.get(effect.id)
                if request is not None:
                    self._take(self.core.mark_spoken(effect.id, request.cue))
            elif isinstance(effect, RingEffect) and effect.step:
                self._take(self.core.record_ring(effect, effect.by, self.moment))
            elif isinstance(effect, QueryEffect):
                self._take(self.core.record_answer(effect, self._answer(effect), self.moment))

    def _answer(self, ask: Any) -> RideStatus | QueryRefused | QueryUnanswered:
        if not self.road.open:
            return QueryRefused("upstream.unreachable")
        if ask.kind == "cancel":
            return RideStatus("cancelled")
        states = ("searching", "assigned", "arrived", "boarded", "none")
        if ask.kind == "request":
            return self.rng.choices(
                (RideStatus("searching"), RideStatus("none"), QueryUnanswered("x")), (8, 1, 1)
            )[0]
        state = self.rng.choices(states, (6, 3, 2, 1, 1))[0]
        return RideStatus(state, CAR if state in ("assigned", "arrived") else None)

    def _look(self) -> None:
        """What is bounded, after every press and at the end of every day."""
        book, rides = self.core.repository, self.core.rules("ride")
        alive = Counter(one.family for one in book.open_requests())
        owed = sum(1 for one in book if one.ended and one.owed)
        found = {
            "requests": len(book.requests), "state rows": len(self.kept),
            "state kB": sum(self.kept.values()) // 1000, "works": alive["work"],
            "rides": alive["ride"], "calls": alive["call"], "owed": owed,
            "asked": len(rides.questions),
            "ringing": len(self.core.rules("call")._ringing),
        }  # fmt: skip
        for name, count in found.items():
            self.most[name] = max(self.most[name], count)
        bounds = {
            "works": OPEN_MAX, "rides": OPEN_MAX, "calls": CALLS_MAX, "ringing": CALLS_MAX,
            "requests": 2 * OPEN_MAX + CALLS_MAX + ENDED_MAX + 2 * A_DAY,
            "state rows": 2 * OPEN_MAX + CALLS_MAX + ENDED_MAX + 2 * A_DAY,
            "state kB": 1000, "asked": 4 * (OPEN_MAX + 2 * A_DAY),
        }  # fmt: skip
        self.wrong += [f"{name}: {found[name]}" for name, most in bounds.items()
                       if found[name] > most]  # fmt: skip


def lived(seeds: Iterable[int], days: int) -> list[Year]:
    """So many stations; every second one has staff who never close anything."""
    return [Year(seed, alert=seed % 2 == 0).live(days) for seed in seeds]
