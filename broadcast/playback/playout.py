"""Commands the audio process; knows nothing of the states of orders.

What fails while something is stopped or ducked is only logged: the audio process ends every sound
by itself, and reports what it plays when the connection is back.
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

# Every loudspeaker is also a zone of its own, with this prefix.
OWN = "speaker:"


class Cue(NamedTuple):
    """Where an airing is to play, now that its files are read, and which programmes it replaces."""

    at: frozenset[str]
    replaces: tuple[str, ...] = ()


def speaker_zones(speakers: Iterable[str]) -> tuple[str, ...]:
    """The zones that name these loudspeakers one by one."""
    return tuple(f"{OWN}{speaker}" for speaker in sorted(speakers))


class Playout:
    """The playout; its tasks end with `close`."""

    def __init__(self, engine: AudioPort, house: ZoneMap, page: Callable[[Order], None]) -> None:
        """`page` opens the microphone of an order, if it is one of the station's."""
        self._engine = engine
        self._page = page
        self._house = house
        self._low: dict[str, OrderRecord] = {}
        self._doubted: dict[str, OrderRecord] = {}
        self._doing = TaskSet()
        self._failing = False

    def lasts_s(self, kept: OrderRecord, made: RenderedOrder, moment: ClockReading) -> float:
        """How long all rounds of the order will last."""
        rounds = guard.rounds(kept.order, made.seconds, moment, kept.boot, made.gap_s)
        return length_s(made.parts, rounds, made.gap_s)

    def programme(
        self, kept: OrderRecord, airing: Airing, made: RenderedOrder, moment: ClockReading
    ) -> Programme:
        """The programme for the audio process."""
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
        """Play it; False if it is not wanted any more once its files are read."""
        content = kept.order.content
        if isinstance(content, LiveContent):
            await self._engine.open_live(programme)
        else:
            await self._engine.prepare(programme)
        if programme.id in self._low:  # it was not known when it was ducked
            for zone in kept.order.zones:
                await self._engine.set_level(programme.id, zone, DUCK_DB)
        now = cue()
        if now is None:
            self.cut(programme.id)
            return False
        if gone := self.speakers(programme.zones) - now.at:  # cut off while its files were read
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
        """Names for exactly these loudspeakers, the zones of the order first.

        If a command takes no such list, the order's zones: it is then stopped at the others.
        """
        inside = [zone for zone in zones if self._house.speakers((zone,)) <= at]
        named = (*inside, *self._named(at - self._house.speakers(inside)))
        return named if len(named) <= ZONES_MAX else tuple(zones)

    def _named(self, at: frozenset[str]) -> tuple[str, ...]:
        """These loudspeakers: by whole zones, which a listener may have opened, then one by one."""
        zones = self._house.zones.values()
        inside = [zone.id for zone in zones if zone.speakers and zone.speakers <= at]
        return (*inside, *speaker_zones(at - self._house.speakers(inside)))

    async def state(self) -> AudioState:
        """What the audio process plays, and how recent programmes ended."""
        return await self._engine.fetch_state()

    async def fetch_ended(self, programme: str) -> EndedProgramme | None:
        """How it ended if it was heard in this boot, as far back as the audio process remembers.

        `playing` while it plays; None if it never did.
        """
        state = await self._engine.fetch_state()
        for each in state.programmes:
            if each.id == programme and each.state != "ready":
                return EndedProgramme(programme, PLAYING, each.frame)
        return next((each for each in state.ended if each.id == programme and each.frames), None)

    async def fetch_heard(self, order_id: str) -> str | None:
        """How the words of an order were last heard in this boot, be it at one loudspeaker.

        Of several airings the one that came furthest; `SIREN_ONLY` if only its siren was heard,
        `playing` while it plays, None if nothing of it ever did.
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
        """Add loudspeakers to a programme that plays."""
        for zones in zone_batches(self._named(frozenset(at))):
            self.start(self._engine.play(programme, zones=zones))

    def cut(self, programme: str, why: str = STOPPED, at: Collection[str] = ()) -> None:
        """Fade a programme out, everywhere or at these loudspeakers, without waiting for it."""
        if at:
            for zones in zone_batches(self._named(frozenset(at))):
                self.start(self._engine.stop(programme, zones, why))
            return
        self._low.pop(programme, None)
        self.start(self._engine.stop(programme, why=why))

    def duck(self, low: dict[str, OrderRecord]) -> None:
        """Duck these programmes, and no others."""
        doubted, self._doubted = self._doubted, {}
        for name, kept in low.items():
            if name not in self._low or name in doubted:
                self._level(name, kept, DUCK_DB)
        for name, kept in (self._low | doubted).items():
            if name not in low:
                self._level(name, kept, 0.0)
        self._low = low

    def doubt(self, sounding: Mapping[str, OrderRecord]) -> None:
        """Send the levels of these programmes anew: it is unknown how loud they are."""
        self._doubted |= sounding

    def _level(self, name: str, kept: OrderRecord, db: float) -> None:
        for zone in kept.order.zones:
            self.start(self._engine.set_level(name, zone, db))

    def start(self, doing: Coroutine[Any, Any, None]) -> None:
        """Run a command in the background."""
        task = self._doing.start(self._noted(doing))
        task.add_done_callback(lambda _: doing.close())  # cancelled before it had begun

    async def close(self) -> None:
        """Begin nothing more; what plays goes on to its own end."""
        self._doing.cancel()
        await self._doing.wait()

    def silence(self, kept: OrderRecord, why: str = STOPPED) -> None:
        """Fade out all airings of the order."""
        for programme in kept.programmes:
            self.cut(programme, why)

    async def _noted(self, doing: Coroutine[Any, Any, None]) -> None:
        """Log a failure once, and its end once."""
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
