"""Random schedules over the engine for any type of request, and what must hold at every step."""

import random
from typing import Any

import msgspec

from gateway.audit import Actor
from gateway.errors import StateConflict, Unavailable
from gateway.event import Timestamps
from gateway.web.i18n import CATALOGUES
from kiosk.desk.forms import available_forms
from kiosk.desk.row import RequestRow, row_text, state_badge
from kiosk.requests.catalogue import KioskService, load_services
from kiosk.requests.engine import RequestEngine, allowed_actions, closing_event
from kiosk.requests.events import request_event
from kiosk.requests.options import KioskOptions, KioskSettings
from kiosk.requests.outside import OutsideContext
from kiosk.requests.repository import (
    REPLY,
    QueryEffect,
    RequestOutcome,
    RingEffect,
    SpeakEffect,
    decode_request,
)
from kiosk.requests.request import Car, Press, Request, RequestAction, RequestTime, S
from kiosk.requests.request_type import TYPES, TypeFlag
from kiosk.runtime.effects import OutsideClients
from kiosk.screen.context import RenderContext
from kiosk.screen.model import PanelLayout
from kiosk.screen.render import render_screen
from kiosk.screen.session import KioskSession
from kiosk.speech.sentences import LANGUAGES, build_sentence, phone_for
from tests.kiosk.requests.harness import DUTY, PLACES

RESIDENT, STAFF = Actor("resident"), Actor("staff", "0217")
CAR = Car("京BT3642", "黄绿色", "", 4)
STEPS = 25
JUMPS_S = (1.0, 40.0, 400.0, 4_000.0, 90_000.0)


class Route:
    """A way to somebody outside that is open, or not."""

    open, holder = True, "district"


class Schedule:
    """One station with one kiosk, and one type of request on it."""

    def __init__(self, type_: str, seed: int) -> None:
        self.rng = random.Random(f"{type_}-{seed}")
        self.type = TYPES[type_]
        services = load_services()
        self.service: KioskService = next(one for one in services.values() if one.family == type_)
        offered = tuple(dict.fromkeys((self.service.id, "staff")))
        kiosk = KioskOptions(zone="hall", place="hall", services=offered)
        self.settings = KioskSettings(kiosks={"hall": kiosk}, phone="010-64700000")
        self.route = Route()
        self.at_s, self.boot = 1000.0, "b1"
        self.kept: dict[str, bytes] = {}
        self.presses = 0
        self.engine = self._started()

    @property
    def now(self) -> RequestTime:
        at_ns = round(self.at_s * S)
        return RequestTime(Timestamps(self.boot, at_ns, at_ns), at_ns)

    def play(self) -> None:
        """Press, then whatever comes."""
        self._press()
        steps = (self._press, self._act, self._act, self._wait, self._wait, self._switch)
        for _ in range(STEPS):
            self.rng.choice((*steps, self._restart, self._do_what_is_not_allowed))()

    def _started(self) -> RequestEngine:
        services = load_services()
        context = OutsideContext(
            options=self.settings.services,
            services=services,
            routes={"platform": self.route},
            people=None,  # type: ignore[arg-type]  # nobody is really asked
            clock=None,  # type: ignore[arg-type]  # as above
            station="s",
            phone="",
            spoken=str,
        )
        self.clients = OutsideClients(context)
        return RequestEngine(
            self.settings, services, PLACES, DUTY,
            epoch="0123456789abcdef", outside=self.clients.client,
        )  # fmt: skip

    def _press(self) -> None:
        self.presses += 1
        pictures = [one.id for one in self.service.what]
        what = self.rng.choice(pictures) if pictures else ""
        press = Press(press=f"p{self.presses}", kiosk="hall", service=self.service.id, what=what)
        try:
            request, outcome = self.engine.record_press(press, RESIDENT, self.now)
        except Unavailable:
            return
        rings = any(isinstance(one, RingEffect) for one in outcome.effects)
        new = request.presses[:1] == (press.press,)
        if new and request.type.has_flag(TypeFlag.CALLS_STAFF):
            assert rings, "a call for staff rings at once"
        self._take(outcome)

    def _act(self) -> None:
        request, who = self._any(), self.rng.choice((RESIDENT, STAFF))
        allowed = [] if request is None else allowed_actions(request, staff=who is STAFF)
        if request is None or not allowed:
            return
        act = self.rng.choice(allowed)
        car = CAR if request.type.has_flag(TypeFlag.DISPATCHED) else None
        action = RequestAction(act=act, car=car, reply="马上到" if act == REPLY else "")
        outcome = self.engine.apply_action(request.id, action, who, self.now)
        assert outcome.turns, f"{act} was allowed in {request.state} and did nothing"
        self._take(outcome)

    def _do_what_is_not_allowed(self) -> None:
        request, who = self._any(), self.rng.choice((RESIDENT, STAFF))
        if request is None:
            return
        allowed = allowed_actions(request, staff=who is STAFF)
        events = [str(event) for event in request.type.table.events]
        for act in ("no-such-act", *(event for event in events if event not in allowed)):
            try:
                self.engine.apply_action(request.id, RequestAction(act=act), who, self.now)
            except StateConflict:
                continue
            raise AssertionError(f"{who.kind} may not {act} in {request.state}")

    def _wait(self) -> None:
        self.at_s += self.rng.choice(JUMPS_S)
        self._take(self.engine.tick(self.now))

    def _switch(self) -> None:
        self.route.open = not self.route.open

    def _restart(self) -> None:
        """The process, or the machine: what is kept is read back as it was."""
        if self.rng.random() < 0.5:
            self.boot = f"b{self.rng.randrange(10**6)}"
        before = {one.id: one for one in self.engine.repository}
        kept = [decode_request(key, body) for key, body in self.kept.items()]
        assert {one.id: one for one in kept} == before, "what is kept is what is known"
        head = self.engine.counters(self.now)
        self.engine = self._started()
        self._take(self.engine.restore(kept, head, self.now))

    def _any(self) -> Request | None:
        known = list(self.engine.repository)
        return self.rng.choice(known) if known else None

    def _take(self, outcome: RequestOutcome) -> None:
        """As the service would: kept, said, rung and asked; looked at after all of it."""
        for key, body in outcome.keep.items():
            self.kept.pop(key, None)
            if body is not None:
                self.kept[key] = body
        for turn in outcome.turns:
            _check_transition(turn)
        for effect in outcome.effects:
            self._carry_out(effect)
        for request in self.engine.repository:
            self._look(request)

    def _carry_out(self, effect: Any) -> None:
        if isinstance(effect, SpeakEffect):
            said = self.engine.repository.requests.get(effect.id)
            if said is not None:
                self._take(self.engine.mark_spoken(effect.id, said.cue))
        elif isinstance(effect, RingEffect) and effect.step:
            self._take(self.engine.record_ring(effect, effect.by, self.now))
        elif isinstance(effect, QueryEffect):
            client = self.clients[effect.family]
            answer = client.answer_unrecorded(effect) if self.rng.random() < 0.5 else None
            self._take(
                self.engine.record_answer(effect, answer or client.answer_failed(effect), self.now)
            )

    def _look(self, request: Request) -> None:
        """What people hear and see of it: every state has words, a screen and a row."""
        for language in LANGUAGES:
            sentence = build_sentence(request, language, {"": self.settings.phone})
            assert sentence.caption, request.state
        language, shape = self.rng.choice(LANGUAGES), self.rng.choice(("tall", "wide"))
        screen = render_screen(self._context(request, language, shape))
        assert screen.caption == build_sentence(request, language, self._phones).caption
        pressed = [key.press for key in (*screen.keys, *screen.foot)]
        acts = {press.removeprefix("act:") for press in pressed if press.startswith("act:")}
        assert acts <= set(allowed_actions(request, staff=False)), (request.state, acts)
        words = CATALOGUES[language]
        service = load_services()[request.service]
        due = self.engine.rules(request.family).next_due(request)
        row = RequestRow(request, service, self.now, due)
        for text in (state_badge(request, words)[2], row_text(row, words, "张三"), screen.head):
            assert text, request.state
            assert not text.startswith(("board.", "kiosk.")), f"{text} has no words"
        for form in available_forms(request):
            code = f"board.do-{request.family}-{form.act}"
            assert words(code) != code
        if closing_event(request):
            assert not request.ended or request.type.table.allowed(request.state)

    @property
    def _phones(self) -> dict[str, str]:
        return {"": self.settings.phone}

    def _context(self, request: Request, language: str, shape: str) -> RenderContext:
        services = load_services()
        return RenderContext(
            session=KioskSession(
                page="request", service=request.service, request=request.id, language=language,
                large=self.rng.random() < 0.5,
            ),
            words=CATALOGUES[language],
            sheet=PanelLayout(shape),
            kiosk=self.settings.kiosks["hall"],
            services=services,
            places=PLACES,
            requests=tuple(reversed(list(self.engine.repository))),
            said=lambda one: build_sentence(one, language, self._phones).caption,
            dial=lambda one: phone_for(one, self._phones),
            away=(),
            possible=lambda one: self.engine.rules(services[one].family).is_possible(one),
            phones=self._phones,
            name="试验站",
            clock="14:05",
            date="",
            weekday=1,
            now=round(self.at_s),
            night=False,
        )  # fmt: skip


def _check_transition(turn: Any) -> None:
    """Its table allows it, and the feed can tell it."""
    request, table = turn.request, turn.request.type.table
    if turn.act == "press":
        assert request.state == str(table.start)
    elif turn.act != REPLY:
        assert table.after(turn.was, turn.act) == request.state, (turn.was, turn.act)
    stamps = Timestamps("b", 0, 0)
    assert msgspec.json.encode(request_event(turn, stamps).data)
