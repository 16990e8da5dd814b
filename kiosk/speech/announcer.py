"""What is said of requests in the running station: every state once, and again where it was cut.

A sentence counts as said as soon as the broadcast has taken it. What cut it off afterwards, or lost
it, is learnt from the speaker; while it is still true it is said once more.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import StationError
from kiosk.requests.engine import RequestEngine
from kiosk.requests.options import KioskSettings
from kiosk.requests.repository import RequestOutcome
from kiosk.requests.request import Request, RequestTime, S
from kiosk.requests.request_type import TypeFlag
from kiosk.speech.sentences import (
    CLASS_PROMPT,
    CLASS_SERVICE,
    SAY_WITHIN_S,
    KioskSpeaker,
    SpokenSentence,
    build_sentence,
)

log = logging.getLogger(__name__)

SAY_AGAIN_S = 2.0
# Between two tries to say what was cut off; each time twice as long.
CUT_AGAIN_S, CUT_AGAIN_S_MAX = 5.0, 300.0

# How a ride or a call has ended still matters to whoever stands there for so long.
ENDED_S = 600.0


class _Again(NamedTuple):
    """What was cut off, and when it is tried again; None: it is being tried."""

    cue: str
    wait_s: float
    due_ns: int | None


class Announcer:
    """The voice of one station's requests."""

    def __init__(
        self,
        core: RequestEngine,
        plan: KioskSettings,
        clock: Clock,
        speaker: KioskSpeaker,
        *,
        take: Callable[[RequestOutcome], object],
        moment: Callable[[], RequestTime],
    ) -> None:
        """`take` is handed what becomes of a request by being said."""
        self._core, self._plan, self._clock = core, plan, clock
        self._speaker, self._take, self._moment = speaker, take, moment
        self._saying: set[str] = set()
        self._again: dict[str, _Again] = {}
        self._said_ns: int | None = None
        self.unsaid = 0
        self.is_audible = True
        # Spoken at a kiosk while somebody there has chosen another.
        self.languages: dict[str, str] = {}

        self.phones = {"": plan.phone}
        for rules in core.all_rules:
            for service in core.services_by_type(rules.type.name):
                self.phones |= rules.phones(service)

    @property
    def busy(self) -> bool:
        """Whether something was said so lately that its end may still matter."""
        said_ns = self._said_ns
        return said_ns is not None and self._clock.now_ns() - said_ns < ENDED_S * S

    def sentence(self, request: Request, language: str | None = None) -> SpokenSentence:
        """What there is to say of it now, and to show under it."""
        spoken = self.languages.get(request.kiosk, self._plan.language)
        return build_sentence(request, language or spoken, self.phones)

    async def repeat(self, request: Request, *, louder: bool = False) -> SpokenSentence:
        """Say it once more; where it cannot be heard its caption is there, and `heard` says so."""
        said = self.sentence(request)
        try:
            await self._aloud(request, said, CLASS_PROMPT, louder=louder)
        except StationError as error:
            log.warning("%s could not be said again: %s", request.id, error)
        return said

    async def announce(self, request_id: str) -> None:
        """Say what it is now, and what it becomes meanwhile; nothing twice."""
        if request_id in self._saying:
            return
        self._saying.add(request_id)
        try:
            while (request := self._unsaid(request_id)) is not None:
                cue = request.cue
                if await self._spoken(request):
                    self._take(self._core.mark_spoken(request_id, cue))
        finally:
            self._saying.discard(request_id)

    def retry_lost(self) -> None:
        """Let what was cut off, or lost with the audio process, be said again while it is true."""
        now_ns = self._clock.now_ns()
        for request_id in self._speaker.drain_cut_off():
            request = self._core.repository.requests.get(request_id)
            if request is not None and request.said == request.cue:
                before = self._again.get(request_id)
                if before is None or before.cue != request.cue:
                    self._again[request_id] = _Again(request.cue, CUT_AGAIN_S, now_ns)
                elif before.due_ns is None:
                    wait_s = min(2 * before.wait_s, CUT_AGAIN_S_MAX)
                    due_ns = now_ns + round(wait_s * S)
                    self._again[request_id] = _Again(request.cue, wait_s, due_ns)
        for request_id, again in list(self._again.items()):
            request = self._core.repository.requests.get(request_id)
            if request is None or request.cue != again.cue or not self._matters(request):
                del self._again[request_id]
            elif again.due_ns is not None and again.due_ns <= now_ns:
                self._again[request_id] = again._replace(due_ns=None)
                self._take(self._core.mark_unspoken(request_id))

    def _unsaid(self, request_id: str) -> Request | None:
        request = self._core.repository.requests.get(request_id)
        if request is None or request.quiet or request.cue == request.said:
            return None
        return request

    def _matters(self, request: Request) -> bool:
        """Whether it is true still, and of use to somebody who hears it only now."""
        age_s = (self._moment().lived_ns - request.since_ns) / S
        if not request.type.has_flag(TypeFlag.AWAITED):
            return age_s <= SAY_WITHIN_S
        return age_s <= ENDED_S if request.ended else True

    async def _spoken(self, request: Request) -> bool:
        """Whether that is settled: said, or of no use to anybody any more."""
        if request.kiosk not in self._plan.kiosks:
            return True
        class_ = CLASS_SERVICE if request.state in request.type.loud else CLASS_PROMPT
        try:
            await self._aloud(request, self.sentence(request), class_)
        except StationError as error:
            if not self._matters(request):
                self.unsaid += 1
                log.warning("%s could not be said: %s", request.id, error)
                return True
            await asyncio.sleep(SAY_AGAIN_S)
            return False
        return True

    async def _aloud(
        self, request: Request, said: SpokenSentence, class_: int, *, louder: bool = False
    ) -> None:
        """In its kiosk's zone; `heard` is whether that can be."""
        kiosk = self._plan.kiosks.get(request.kiosk)
        if kiosk is None:
            return
        self.is_audible = False
        until = self._clock.deadline(SAY_WITHIN_S)
        self.is_audible = await self._speaker.say(
            said, kiosk.zone, class_, until, about=request.id, louder=louder
        )
        self._said_ns = self._clock.now_ns()
