"""Says aloud what stands on a kiosk's page: of no use to anybody but whoever stands before it."""

import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import StationError
from gateway.tasks import TaskSet
from kiosk.requests.request import S
from kiosk.speech.sentences import CLASS_PROMPT, KioskSpeaker, SpokenSentence

log = logging.getLogger(__name__)

# A page's sentence is for whoever stands before that page.
SAY_WITHIN_S = 20.0

LOUDER_WITHIN_S = 15.0


class PageVoice:
    """The voice of one kiosk's pages."""

    def __init__(
        self, kiosk: str, zone: str, speaker: KioskSpeaker, clock: Clock, hushed: Callable[[], bool]
    ) -> None:
        """`hushed`: a microphone is open, and would hear whatever is said."""
        self._kiosk, self._zone = kiosk, zone
        self._speaker, self._clock, self._hushed = speaker, clock, hushed
        self._told_ns = -round(LOUDER_WITHIN_S * S)
        self._speaking = TaskSet()

    def say(self, sentence: SpokenSentence, *, louder: bool = False) -> None:
        """Say it beside whatever goes on."""
        self._speaking.start(self._unless_hushed(sentence, louder=louder))

    def repeat(self, sentence: SpokenSentence) -> None:
        """Once more; louder for whoever asks again at once."""
        now_ns = self._clock.now_ns()
        self.say(sentence, louder=now_ns - self._told_ns < LOUDER_WITHIN_S * S)
        self._told_ns = now_ns

    async def speak(self, sentence: SpokenSentence, *, louder: bool = False) -> None:
        """Say it, microphone or not; returns when the broadcast has taken it."""
        until = self._clock.deadline(SAY_WITHIN_S)
        say, zone = self._speaker.say, self._zone
        try:
            await say(sentence, zone, CLASS_PROMPT, until, about=self._kiosk, louder=louder)
        except StationError as error:
            log.warning("kiosk %s says nothing: %s", self._kiosk, error)

    async def _unless_hushed(self, sentence: SpokenSentence, *, louder: bool) -> None:
        if not self._hushed():
            await self.speak(sentence, louder=louder)
