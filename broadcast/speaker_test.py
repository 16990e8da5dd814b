"""A test tone on one loudspeaker, for whoever stands beside it and listens.

The guard is asked about the hour as for whoever stands there: a test wakes nobody at night. It is
no order, for nobody is told anything, and so may sound next to an ear, at that level; who tested
which speaker stands in the audit.
"""

import itertools

from broadcast import guard
from broadcast.engine.wire import Programme
from broadcast.guard import Answer, House
from broadcast.order import Authority, Class, Clip, Order
from broadcast.ports import Engine
from broadcast.prepare.shelf import Shelf
from broadcast.quiet import Moment
from broadcast.speakers.options import SpeakerOptions
from gateway.audit.events import Who
from gateway.clock import Clock
from gateway.errors import CommandRefused, NotFound

# Three short tones: told from the street's noise, and over before anybody asks what it is.
CHIME, TIMES, GAP_S = "beep", 3, 0.4

# A tone that comes later than this finds nobody listening any more.
WITHIN_S = 10.0


class SpeakerTest:
    """The loudspeakers, one by one."""

    def __init__(
        self,
        speakers: dict[str, SpeakerOptions],
        house: House,
        clock: Clock,
        engine: Engine,
        shelf: Shelf,
    ) -> None:
        """Over that engine."""
        self._speakers = speakers
        self._house = house
        self._clock = clock
        self._engine = engine
        self._shelf = shelf
        self._numbers = itertools.count(clock.now_ns())

    async def beep(self, speaker: str, who: Who) -> None:
        """Sound it; CommandRefused with the guard's reason, Unavailable without an engine."""
        if speaker not in self._speakers:
            raise NotFound("setup.no-speaker", speaker=speaker[:40])
        clip = await self._shelf.chime(CHIME)
        order = Order(
            id=f"test-{next(self._numbers)}",
            source="setup",
            zones=self._speakers[speaker].zones,
            class_=Class.SERVICE,
            authority=Authority.PRESS,
            actor=who,
            content=Clip(clip.sha),
            expires=self._clock.deadline(WITHIN_S),
        )
        moment, boot = Moment.now(self._clock), self._clock.boot
        ruling = guard.begin(order, self._house, moment, boot, clip.seconds * TIMES)
        if ruling.answer is not Answer.GO:
            raise CommandRefused(ruling.code or "broadcast.failed", **ruling.detail)
        programme = Programme(
            id=order.id,
            zones=(f"speaker:{speaker}",),
            files=(str(clip.path),),
            rank=Class.NOTICE,
            repeat=TIMES,
            gap_s=GAP_S,
            gain_db=guard.level_db(order, self._house),
            expires_ns=order.expires.at_ns,
        )
        await self._engine.prepare(programme)
        await self._engine.play(programme.id)
