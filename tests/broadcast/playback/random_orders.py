"""Two or three orders over zones that share horns, from one seed, while everything goes wrong.

Gateways are killed in the first twenty seconds, the power is cut, horns come late and fail, the
settings change, the audio process is full; and what must hold at each horn whatever happens.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

from broadcast.order import Authority, LiveContent, Order, OrderClass, TextContent
from broadcast.orders.transitions import OVER, OrderState
from broadcast.policy.guard import ZoneMap
from broadcast.policy.quiet_hours import QuietHours, S
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.event import Trust
from tests.broadcast.playback.fake_audio import Heard, Voice, World
from tests.broadcast.policy.zones import _zone
from tests.sim import loop

NOON_NS = 1_790_049_600 * S
PLACES = frozenset({"grid"})
ZONES = {
    zone.id: zone
    for zone in (
        _zone("all", "community", PLACES, "a", "b", "c", "d"),
        _zone("b3", "community", PLACES, "a", "b"),
        _zone("b5", "community", PLACES, "b", "c"),
        _zone("gate", "community", PLACES, "c", "d"),
        _zone("tower", "community", PLACES, "d"),
        _zone("hall", "indoors", PLACES, "hall"),
    )
}
HOUSE = ZoneMap(ZONES, QuietHours(None, Calendar("Asia/Shanghai", {})), frozenset({"smoke"}))

CLASSES = (
    *[OrderClass.EMERGENCY] * 5, OrderClass.FIRE, OrderClass.FIRE, OrderClass.LIVE,
    OrderClass.URGENT, OrderClass.SERVICE,
    OrderClass.NOTICE, OrderClass.BACKGROUND,
)  # fmt: skip
# A horn may stand idle so long before an emergency that is owed there begins.
SLACK_S = 6.0

# … so long where a horn took nothing: the next attempt waits up to half a minute.
RESTED_S = 45.0

FADE_S = 0.06


class Placed(NamedTuple):
    """An order, when it was given, and until when it lives."""

    order: Order
    at_s: float
    until_s: float
    lasts_s: float
    makes_s: float
    platform: bool


class Scramble:
    """Runs it; `faults` says what must not have been."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.placed: dict[str, Placed] = {}
        self.numbers: list[str] = []
        self.stopped: set[str] = set()
        self.lost: set[str] = set()
        self.dead: list[tuple[float, float]] = []
        self.deaf: dict[str, list[tuple[float, float]]] = {}
        self.gone: set[str] = set()
        self.cuts = 0
        self.faults: list[str] = []

    async def live(self) -> None:
        """The whole of it."""
        rng = self.rng
        around = self.around = World(NOON_NS, drift_ppm=rng.uniform(-45, 45), house=HOUSE)
        self._broken: dict[str, float] = {}
        self._told()
        around.engine.lag_s = rng.choice((0.005, 0.02, 0.2))
        around.studio.makes_s = rng.choice((0.0, 0.05, 1.5, 4.0))
        if rng.random() < 0.3:
            for horn in rng.sample(("a", "b", "c", "d"), rng.choice((1, 2, 4))):
                self._break(horn)
        await around.start()
        doing = [self._order] * rng.choice((2, 3)) + rng.choices(
            (
                self._kill,
                self._cut,
                self._horn,
                self._settings,
                self._full,
                self._stop,
                self._again,
            ),
            (5, 1, 3, 1, 1, 0.5, 1),
            k=rng.randrange(5),
        )
        at = sorted((rng.uniform(0, 20) ** 1.0 if n else 0.0, n, do) for n, do in enumerate(doing))
        began_s = self._now()
        for at_s, _, do in at:
            await asyncio.sleep(max(0.0, began_s + at_s - self._now()))
            await do()
        await asyncio.sleep(rng.uniform(20, 60))
        for horn in list(self._broken):
            self._mend(horn)
        await asyncio.sleep(
            max(0.0, max(p.until_s for p in self.placed.values()) - self._now()) + 90
        )
        self._judge()
        await around.close()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _told(self) -> None:
        self.around.clock.learn(Trust.NTP, self.around.true_ns(), S // 100)

    async def _order(self) -> None:
        rng, around = self.rng, self.around
        name = around.room.new_id()
        self.numbers.append(name)
        cls = rng.choice(CLASSES)
        platform = cls is OrderClass.EMERGENCY and rng.random() < 0.4
        authority, kind = Authority.PRESS, "staff"
        if cls is OrderClass.FIRE:
            authority, kind = Authority.FIRE_INPUT, "system"
        elif platform:
            authority, kind = Authority.SIGNATURE, "platform"
        lives_s = rng.choice((40, 120, 400) if cls.urgent else (20, 120))
        zones = rng.sample(tuple(ZONES), rng.choice((1, 1, 2)))
        lasts_s = rng.choice((5.0, 18.0, 35.0))
        around.studio.seconds[name] = lasts_s
        order = Order(
            id=name, source="scramble", zones=tuple(zones), class_=cls, authority=authority,
            actor=Actor(kind, "x"), content=LiveContent() if cls is OrderClass.LIVE else
            TextContent("请注意"),
            expires=around.clock.deadline(lives_s),
        )  # fmt: skip
        self.placed[name] = Placed(
            order, self._now(), self._now() + lives_s, lasts_s, around.studio.makes_s, platform
        )
        if not set(zones) <= around.house.zones.keys():
            self.lost.add(name)  # refused: a zone of it is not there
        ordering = asyncio.ensure_future(around.room.place(order))
        await asyncio.wait({ordering}, timeout=rng.choice((0.0, 0.01, 3.0)))
        if not ordering.done():
            ordering.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _again(self) -> None:
        """A platform hands it out again; a person presses again: the same order."""
        if self.placed:
            placed = self.rng.choice(list(self.placed.values()))
            if placed.order.expires.boot == self.around.clock.boot:
                await self.around.room.place(placed.order)

    async def _stop(self) -> None:
        if self.placed:
            name = self.rng.choice(list(self.placed))
            if self.around.room.get(name) is not None:
                await self.around.room.cancel(name, Actor("system", "key.fire"))
                self.stopped.add(name)

    async def _kill(self, *, house: ZoneMap | None = None) -> None:
        began_s = self._now()
        await self.around.kill()
        await asyncio.sleep(self.rng.choice((0.05, 0.5, 4.0, 12.0)))
        if house is not None:
            self.around.house = house
        await self.around.start()
        await self._handed_out_again()
        self.dead.append((began_s, self._now()))

    async def _handed_out_again(self) -> None:
        """A platform hands out what was not answered; who pressed sees that nothing came of it."""
        for name, placed in self.placed.items():
            if self.around.room.get(name) is None:
                alive = placed.order.expires.boot == self.around.clock.boot
                if placed.platform and alive:
                    await self.around.room.place(placed.order)
                else:
                    self.lost.add(name)

    async def _cut(self) -> None:
        began_s = self._now()
        self.cuts += 1
        self.lost |= {n for n, p in self.placed.items() if p.order.expires.wall_ns is None}
        await self.around.reboot()
        await self.around.start()
        await self._handed_out_again()
        if self.rng.random() < 0.8:
            await asyncio.sleep(self.rng.choice((0.1, 5.0, 30.0)))
            self._told()
        else:
            self.lost |= set(self.placed)
        self.dead.append((began_s, self._now()))

    async def _horn(self) -> None:
        horn = self.rng.choice(("a", "b", "c", "d", "hall"))
        if horn in self._broken:
            self._mend(horn)
        else:
            self._break(horn)

    def _break(self, horn: str) -> None:
        self._broken[horn] = self._now()
        self.around.engine.breaks(horn)

    def _mend(self, horn: str) -> None:
        self.deaf.setdefault(horn, []).append((self._broken.pop(horn), self._now()))
        self.around.engine.mends(horn)

    async def _settings(self) -> None:
        """A zone leaves the settings."""
        zone = self.rng.choice(tuple(ZONES))
        self.gone.add(zone)
        zones = {name: each for name, each in self.around.house.zones.items() if name != zone}
        await self._kill(house=self.around.house._replace(zones=zones))

    async def _full(self) -> None:
        began_s = self._now()
        self.around.engine.full = True
        await asyncio.sleep(self.rng.uniform(0.5, 8))
        self.around.engine.full = False
        self.dead.append((began_s, self._now()))

    def _judge(self) -> None:
        if len(set(self.numbers)) != len(self.numbers):
            self.faults.append(f"an id was given twice: {self.numbers}")
        self.faults += self._together()
        for name, placed in self.placed.items():
            self.faults += self._untrue(name, placed)
            if placed.order.class_.urgent and name not in self.stopped | self.lost:
                self.faults += self._unheard(name, placed)

    def _of(self, name: str) -> list[Heard]:
        return [h for h in self.around.engine.heard if h.programme.id.partition("~")[0] == name]

    def _together(self) -> Iterator[str]:
        """Two voices at one horn."""
        by: dict[str, list[Voice]] = {}
        for voice in self.around.engine.voices:
            if voice.programme.rank > OrderClass.BACKGROUND:
                by.setdefault(voice.speaker, []).append(voice)
        for speaker, voices in by.items():
            voices.sort(key=lambda voice: voice.began_s)
            for one, other in itertools.pairwise(voices):
                if other.began_s < one.ended_s - FADE_S:
                    yield f"{speaker}: {one.programme.id} and {other.programme.id} together"

    def _untrue(self, name: str, placed: Placed) -> Iterator[str]:
        kept, turns = self.around.room.get(name), self._of(name)
        words = [h for h in turns if not h.programme.id.endswith("~0")]
        if kept is None:
            if name not in self.lost:
                yield f"{name}: not known any more"
            return
        said = f"{name} ({placed.order.class_.word}): {kept.state.value}, {kept.why}"
        if kept.state not in OVER:
            yield f"{said}: left open"
        if kept.state is OrderState.FINISHED and not any(h.took for h in words):
            yield f"{said}: nobody has heard it"
        heard = any(h.took for h in turns)
        if (
            placed.order.class_.urgent
            and kept.state is OrderState.EXPIRED
            and heard
            and not self.cuts
        ):
            yield f"{said}: it was heard"
        if kept.why == "broadcast.reached-nobody" and heard:
            yield f"{said}: it was heard"
        if not placed.order.class_.urgent:
            for speaker in HOUSE.speakers(HOUSE.zones):
                if sum(speaker in h.whole for h in words) > 1:
                    yield f"{said}: heard twice at {speaker}"

    def _unheard(self, name: str, placed: Placed) -> Iterator[str]:
        """An emergency that a horn did not sound whole, though it stood idle and there was time."""
        zones = [zone for zone in placed.order.zones if zone not in self.gone]
        horns = HOUSE.speakers([z for z in zones if z in HOUSE.zones])
        whole = frozenset().union(
            *(h.whole for h in self._of(name) if not h.programme.id.endswith("~0"))
        )
        kept = self.around.room.get(name)
        for horn in sorted(horns - whole):
            idle_s = self._idle_s(horn, placed)
            slack_s = RESTED_S if self.deaf else SLACK_S
            if idle_s > slack_s + placed.makes_s:
                state = kept and (kept.state.value, kept.why, kept.had, kept.lost)
                yield f"{name}: not heard at {horn}, idle for {idle_s:.1f} s ({state})"

    def _idle_s(self, horn: str, placed: Placed) -> float:
        """How long that horn sounded nothing as urgent, while it worked and there was time."""
        taken = [
            (voice.began_s, voice.ended_s)
            for voice in self.around.engine.voices
            if voice.speaker == horn and voice.programme.urgent
        ]
        taken += [(since_s, until_s + 1) for since_s, until_s in self.dead]
        taken += self.deaf.get(horn, [])
        at_s, longest_s = placed.at_s, 0.0
        ends_s = placed.until_s - placed.lasts_s - 1
        for since_s, until_s in sorted(taken):
            longest_s = max(longest_s, min(since_s, ends_s) - at_s)
            at_s = max(at_s, until_s)
        return max(longest_s, ends_s - at_s)


def scramble(seed: int) -> Scramble:
    """That scramble, lived."""
    made = Scramble(seed)
    loop.run(made.live())
    return made
