"""Puts an order's sound on the loudspeakers: what the engine is told, and nothing of orders' lives.

What fails while something is being stopped or lowered is only noted: the audio process ends every
sound by itself, and says what it plays to whoever comes back.
"""

import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from broadcast.audio_protocol.messages import (
    CUT,
    ZONES_MAX,
    AudioState,
    EndedProgramme,
    Programme,
    zone_batches,
)
from broadcast.material.sequence import RenderedOrder, length_s
from broadcast.order import LiveContent, Order
from broadcast.orders.repository import SIREN, Airing, OrderRecord, order_id_of
from broadcast.policy import guard
from broadcast.policy.arbiter import DUCK_DB
from broadcast.policy.guard import ZoneMap
from broadcast.policy.quiet_hours import ClockReading
from broadcast.ports import AudioPort
from gateway.errors import StationError
from gateway.tasks import TaskSet

_log = logging.getLogger(__name__)

STOPPED = "stopped"

FINISHED = "finished"
PLAYING = "playing"
SIREN_ONLY = "siren"

# Every loudspeaker is also a zone of its own, of that name.
OWN = "speaker:"


class Cue(NamedTuple):
    """Where an airing is to sound, now that the engine has read it, and what it takes over from."""

    at: frozenset[str]
    replaces: tuple[str, ...] = ()


def speaker_zones(speakers: Iterable[str]) -> tuple[str, ...]:
    """The zones that are these loudspeakers."""
    return tuple(f"{OWN}{speaker}" for speaker in sorted(speakers))


class Playout:
    """One engine; its tasks end with `close`."""

    def __init__(self, engine: AudioPort, house: ZoneMap, page: Callable[[Order], None]) -> None:
        """For the zones of that house; `page` opens the microphone of an order, if it is ours."""
        self._engine = engine
        self._page = page
        self._house = house
        self._low: dict[str, OrderRecord] = {}
        self._doubted: dict[str, OrderRecord] = {}
        self._doing = TaskSet()
        self._failing = False

    def lasts_s(self, kept: OrderRecord, made: RenderedOrder, moment: ClockReading) -> float:
        """How long the order will sound, all rounds of it."""
        rounds = guard.rounds(kept.order, made.seconds, moment, kept.boot, made.gap_s)
        return length_s(made.parts, rounds, made.gap_s)

    def programme(
        self, kept: OrderRecord, airing: Airing, made: RenderedOrder, moment: ClockReading
    ) -> Programme:
        """What the engine is given."""
        order = kept.order
        lasts_s = self.lasts_s(kept, made, moment)
        return Programme(
            id=airing.programme_id(order.id),
            zones=self._zones(order.zones, frozenset(airing.at)),
            files=tuple(part.file for part in made.parts),
            rank=int(order.class_),
            gain_db=guard.level_db(order, self._house),
            repeat=guard.rounds(order, made.seconds, moment, kept.boot, made.gap_s),
            gap_s=made.gap_s,
            expires_ns=guard.end_by_ns(order, self._house, moment, lasts_s),
            urgent=order.class_.urgent,
        )

    async def begin(
        self, kept: OrderRecord, programme: Programme, cue: Callable[[], Cue | None]
    ) -> bool:
        """Sound it; False if it is not wanted any more when the engine has read it."""
        content = kept.order.content
        if isinstance(content, LiveContent):
            await self._engine.open_live(programme)
        else:
            await self._engine.prepare(programme)
        if programme.id in self._low:  # it was not known when it was lowered
            for zone in kept.order.zones:
                await self._engine.set_level(programme.id, zone, DUCK_DB)
        now = cue()
        if now is None:
            self.cut(programme.id)
            return False
        if gone := self.speakers(programme.zones) - now.at:  # cut off while the engine was reading
            for zones in zone_batches(self._named(gone)):
                await self._engine.stop(programme.id, zones, CUT)
        if isinstance(content, LiveContent):
            if content.microphone:
                self._page(kept.order)
            return True
        await self._engine.play(programme.id, kept.frame, replaces=now.replaces)
        for siren in now.replaces:  # an audio process of an older release plays both
            await self._engine.stop(siren, kept.order.zones, CUT)
        return True

    def speakers(self, zones: Collection[str]) -> frozenset[str]:
        """The loudspeakers of a programme's zones."""
        alone = (zone.removeprefix(OWN) for zone in zones if zone.startswith(OWN))
        return self._house.speakers(zones).union(alone)

    def _zones(self, zones: Collection[str], at: frozenset[str]) -> tuple[str, ...]:
        """What names these loudspeakers and no other, the zones of the order first.

        Where a command takes no such list, the order's zones: it is stopped at the others.
        """
        inside = [zone for zone in zones if self._house.speakers((zone,)) <= at]
        named = (*inside, *self._named(at - self._house.speakers(inside)))
        return named if len(named) <= ZONES_MAX else tuple(zones)

    def _named(self, at: frozenset[str]) -> tuple[str, ...]:
        """These loudspeakers: by whole zones, which somebody may listen to, then one by one."""
        zones = self._house.zones.values()
        inside = [zone.id for zone in zones if zone.speakers and zone.speakers <= at]
        return (*inside, *speaker_zones(at - self._house.speakers(inside)))

    async def state(self) -> AudioState:
        """What the audio process plays, and how the latest ended."""
        return await self._engine.fetch_state()

    async def fetch_ended(self, programme: str) -> EndedProgramme | None:
        """How it ended once it was heard in this boot, as far back as the audio process remembers.

        `playing` while it sounds; None if it never did.
        """
        state = await self._engine.fetch_state()
        for each in state.programmes:
            if each.id == programme and each.state != "ready":
                return EndedProgramme(programme, PLAYING, each.frame)
        return next((each for each in state.ended if each.id == programme and each.frames), None)

    async def fetch_heard(self, order_id: str) -> str | None:
        """How what an order says was last heard in this boot, be it at one loudspeaker.

        Of several airings that which came furthest; `SIREN_ONLY` if nothing but its siren was
        heard, `playing` while it sounds, None if nothing of it ever did.
        """
        state = await self._engine.fetch_state()
        hows = {
            each.id: each.how
            for each in state.ended
            if order_id_of(each.id) == order_id and each.frames and each.speakers != ()
        }
        for each in state.programmes:
            if order_id_of(each.id) == order_id and each.state != "ready":
                hows[each.id] = PLAYING
        words = [how for name, how in hows.items() if not name.endswith(SIREN)]
        for how in (FINISHED, PLAYING, *words):
            if how in words:
                return how
        return SIREN_ONLY if hows else None

    def join(self, programme: str, at: Collection[str]) -> None:
        """Let what sounds go on at these loudspeakers, too."""
        for zones in zone_batches(self._named(frozenset(at))):
            self.start(self._engine.play(programme, zones=zones))

    def cut(self, programme: str, why: str = STOPPED, at: Collection[str] = ()) -> None:
        """Fade it out, everywhere or at these loudspeakers; nobody waits for that."""
        if at:
            for zones in zone_batches(self._named(frozenset(at))):
                self.start(self._engine.stop(programme, zones, why))
            return
        self._low.pop(programme, None)
        self.start(self._engine.stop(programme, why=why))

    def duck(self, low: dict[str, OrderRecord]) -> None:
        """These are to be low from now on, by programme, and no others."""
        doubted, self._doubted = self._doubted, {}
        for name, kept in low.items():
            if name not in self._low or name in doubted:
                self._level(name, kept, DUCK_DB)
        for name, kept in (self._low | doubted).items():
            if name not in low:
                self._level(name, kept, 0.0)
        self._low = low

    def doubt(self, sounding: Mapping[str, OrderRecord]) -> None:
        """Nobody knows how loud these are, by programme: they are told anew."""
        self._doubted |= sounding

    def _level(self, name: str, kept: OrderRecord, db: float) -> None:
        for zone in kept.order.zones:
            self.start(self._engine.set_level(name, zone, db))

    def start(self, doing: Coroutine[Any, Any, None]) -> None:
        """Let it happen beside everything else."""
        task = self._doing.start(self._noted(doing))
        task.add_done_callback(lambda _: doing.close())  # cancelled before it had begun

    async def close(self) -> None:
        """Begin nothing more; what sounds goes on to its own end."""
        self._doing.cancel()
        await self._doing.wait()

    def silence(self, kept: OrderRecord, why: str = STOPPED) -> None:
        """Fade out whatever sounds of the order."""
        for programme in kept.programmes:
            self.cut(programme, why)

    async def _noted(self, doing: Coroutine[Any, Any, None]) -> None:
        """Say that it fails once, and once that it does not any more."""
        try:
            await doing
        except StationError as error:
            if not self._failing:
                _log.warning("the audio process: %s", error)
            self._failing = True
            return
        if self._failing:
            _log.info("the audio process does as it is told again")
        self._failing = False
