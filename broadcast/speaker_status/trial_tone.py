"""A test tone on one loudspeaker, for a person who stands beside it.

The guard is asked as for an order, so that a test wakes nobody at night. The tone itself is no
order, because nobody is informed, and so may play next to a person's ear, at that level. The audit
records who tested which loudspeaker.
"""

import itertools

from broadcast.audio_protocol.messages import Programme
from broadcast.audio_protocol.speaker_options import SpeakerOptions
from broadcast.clips.store import ClipStore
from broadcast.order import Authority, ClipContent, Order, OrderClass
from broadcast.policy import guard
from broadcast.policy.guard import GuardAnswer, ZoneMap
from broadcast.policy.quiet_hours import ClockReading
from broadcast.ports import AudioPort
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.errors import CommandRefused, NotFound

# Three short tones: distinct from street noise, and over before anybody wonders.
CHIME, TIMES, GAP_S = "beep", 3, 0.4

# After this time nobody listens for the tone any more.
WITHIN_S = 10.0


class TrialTone:
    """Plays test tones on single loudspeakers."""

    def __init__(
        self,
        speakers: dict[str, SpeakerOptions],
        house: ZoneMap,
        clock: Clock,
        engine: AudioPort,
        shelf: ClipStore,
    ) -> None:
        self._speakers = speakers
        self._house = house
        self._clock = clock
        self._engine = engine
        self._shelf = shelf
        self._numbers = itertools.count(clock.now_ns())

    async def beep(self, speaker: str, who: Actor) -> None:
        """Play it; CommandRefused with the guard's reason, Unavailable without an audio process."""
        if speaker not in self._speakers:
            raise NotFound("setup.no-speaker", speaker=speaker[:40])
        clip = await self._shelf.chime(CHIME)
        order = Order(
            id=f"test-{next(self._numbers)}",
            source="setup",
            zones=self._speakers[speaker].zones,
            class_=OrderClass.SERVICE,
            authority=Authority.PRESS,
            actor=who,
            content=ClipContent(clip.sha),
            expires=self._clock.deadline(WITHIN_S),
        )
        moment, boot = ClockReading.now(self._clock), self._clock.boot
        ruling = guard.judge_start(order, self._house, moment, boot, clip.seconds * TIMES)
        if ruling.answer is not GuardAnswer.GO:
            raise CommandRefused(ruling.code or "broadcast.failed", **ruling.detail)
        programme = Programme(
            id=order.id,
            zones=(f"speaker:{speaker}",),
            files=(str(clip.path),),
            rank=OrderClass.NOTICE,
            repeat=TIMES,
            gap_s=GAP_S,
            gain_db=guard.level_db(order, self._house),
            expires_ns=order.expires.at_ns,
        )
        await self._engine.prepare(programme)
        await self._engine.play(programme.id)
