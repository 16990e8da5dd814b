"""Puts an order's sound on the loudspeakers: what the engine is told, and nothing of orders' lives.

What fails while something is being stopped or lowered is only noted: the audio process ends every
sound by itself, and says what it plays to whoever comes back.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from broadcast import guard
from broadcast.arbiter import DUCK_DB
from broadcast.book import Kept
from broadcast.engine.wire import Programme
from broadcast.guard import House
from broadcast.ladder import length_s
from broadcast.order import Live, Order
from broadcast.ports import Engine, Made
from broadcast.quiet import Moment
from gateway.errors import StationError

_log = logging.getLogger(__name__)

CUT = "cut"
"""Why the engine stops what is to have another turn."""

STOPPED = "stopped"


class Stage:
    """One engine; its tasks end with `close`."""

    def __init__(self, engine: Engine, house: House, page: Callable[[Order], None]) -> None:
        """For the zones of that house; `page` opens the microphone of an order, if it is ours."""
        self._engine = engine
        self._page = page
        self._house = house
        self._low: dict[str, Kept] = {}
        self._doing: set[asyncio.Task[None]] = set()
        self._failing = False

    def lasts_s(self, kept: Kept, made: Made, moment: Moment) -> float:
        """How long the order will sound, all rounds of it."""
        rounds = guard.rounds(kept.order, made.seconds, moment, kept.boot, made.gap_s)
        return length_s(made.parts, rounds, made.gap_s)

    def programme(self, kept: Kept, made: Made, moment: Moment) -> Programme:
        """What the engine is given."""
        order = kept.order
        lasts_s = self.lasts_s(kept, made, moment)
        return Programme(
            id=kept.programme,
            zones=self._zones(order),
            files=tuple(part.file for part in made.parts),
            rank=int(order.class_),
            gain_db=guard.level_db(order, self._house),
            repeat=guard.rounds(order, made.seconds, moment, kept.boot, made.gap_s),
            gap_s=made.gap_s,
            expires_ns=guard.until_ns(order, self._house, moment, lasts_s),
            urgent=order.class_.urgent,
        )

    def _zones(self, order: Order) -> tuple[str, ...]:
        """Its own; where a loudspeaker of theirs is left out, the others one by one."""
        heard = guard.heard_on(order, self._house)
        if heard == self._house.speakers(order.zones):
            return order.zones
        return tuple(f"speaker:{speaker}" for speaker in sorted(heard))

    async def begin(self, kept: Kept, programme: Programme, still: Callable[[], bool]) -> bool:
        """Sound it; False if it is not wanted any more when the engine has read it."""
        if isinstance(kept.order.content, Live):
            await self._engine.live_open(programme)
            if kept.order.content.microphone:
                self._page(kept.order)
            return True
        await self._engine.prepare(programme)
        if not still():
            self.cut(programme.id)
            return False
        await self._engine.play(programme.id, kept.frame)
        return True

    async def sounds(self, programme: str) -> bool:
        """Whether it is being heard now."""
        return await self.heard(programme) == "playing"

    async def heard(self, programme: str) -> str | None:
        """How it ended once it was heard in this boot, as far back as the audio process remembers.

        `playing` while it sounds; None if it never did.
        """
        state = await self._engine.state()
        ended = (each.how for each in state.ended if each.id == programme and each.frames)
        sounds = any(each.id == programme and each.state != "ready" for each in state.programmes)
        return next(ended, "playing" if sounds else None)

    def cut(self, programme: str, why: str = STOPPED) -> None:
        """Fade it out; nobody waits for that."""
        self._low.pop(programme, None)
        self.do(self._engine.stop(programme, why=why))

    def lower(self, low: dict[str, Kept]) -> None:
        """These are to be low from now on, by programme, and no others."""
        for name in low.keys() - self._low.keys():
            self._level(name, low[name], DUCK_DB)
        for name in self._low.keys() - low.keys():
            self._level(name, self._low[name], 0.0)
        self._low = low

    def _level(self, name: str, kept: Kept, db: float) -> None:
        for zone in kept.order.zones:
            self.do(self._engine.level(name, zone, db))

    def do(self, doing: Coroutine[Any, Any, None]) -> None:
        """Let it happen beside everything else."""
        task = asyncio.get_running_loop().create_task(self._noted(doing))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def close(self) -> None:
        """Begin nothing more; what sounds goes on to its own end."""
        for task in self._doing:
            task.cancel()
        if self._doing:
            await asyncio.wait(set(self._doing))

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
