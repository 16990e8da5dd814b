"""One night as it may go, from one seed: orders of everybody, clocks that lie within their bounds,
stops, kills, power cuts; and what must hold whatever happens.
"""

import asyncio
import random
from collections.abc import Iterator
from typing import NamedTuple

from broadcast.order import Authority, LiveContent, Order, OrderClass, TextContent
from broadcast.orders.transitions import OVER, OrderState
from broadcast.policy.quiet_hours import S
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.clock import Deadline
from gateway.event import Trust
from tests.broadcast.playback.fake_audio import Heard, World
from tests.broadcast.policy.zones import HOUSE
from tests.sim import loop

MIDNIGHT_NS = 1_790_006_400 * S  # 2026-09-22 00:00 in Shanghai
CALENDAR = Calendar("Asia/Shanghai", {})
QUIET_FROM_S, QUIET_TO_S = 21.5 * 3600, 7 * 3600
EDGES_S = (QUIET_FROM_S, QUIET_TO_S, 12 * 3600)
STREET = frozenset({"horn-b3", "horn-b5"})
BOUNDS_S = {Trust.PERSON: 90.0, Trust.PLATFORM: 0.5, Trust.METER: 60.0}

RIGHTS = [
    (Authority.PRESS, "staff"),
    (Authority.PRESS, "staff"),
    (Authority.PRESS, "schedule"),
    (Authority.PRESS, "schedule"),
    (Authority.SIGNATURE, "platform"),
    (Authority.LINKAGE, "linkage"),
    (Authority.PRESS, "resident"),
    (Authority.PRESS, "platform"),
    (Authority.SIGNATURE, "platform"),
    (Authority.PRESS, "staff"),
]


class Placed(NamedTuple):
    """An order, and what must be known to judge what became of it."""

    order: Order
    boot: int
    at_s: float
    lives_s: float
    valid_emergency: bool


class Night:
    """Runs it; `faults` says what must not have been."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.shared = seed % 2 == 1
        self.placed: list[Placed] = []
        self.stopped: set[str] = set()
        self.outages: list[tuple[float, float]] = []
        self.untrusted: list[tuple[float, float]] = []
        self.faults: list[str] = []
        self.receipts: dict[str, str] = {}

    async def live(self) -> None:
        """The whole of it."""
        rng = self.rng
        begins_s = rng.choice(EDGES_S) - rng.uniform(-600, 1800)
        true_ns = MIDNIGHT_NS + round(begins_s * S)
        around = self.around = World(true_ns, drift_ppm=rng.uniform(-45, 45))
        self._lost_s: float | None = self._now()
        if rng.random() < 0.8:
            self._learn()
        await around.start()
        for _ in range(rng.randrange(15, 35)):
            await asyncio.sleep(rng.choice((0, 0.003, 0.3, 5, 60, 200)) * rng.random())
            await rng.choices(
                (self._order, self._again, self._stop, self._kill, self._cut, self._tell),
                (14, 2, 1, 2, 0.5, 1),
            )[0]()
        await asyncio.sleep(3_700)
        self._judge()
        await around.close()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _learn(self) -> None:
        source = self.rng.choice(list(BOUNDS_S))
        bound_s = BOUNDS_S[source]
        said_ns = self.around.true_ns() + round(self.rng.uniform(-bound_s, bound_s) * S)
        self.around.clock.learn(source, said_ns, round(bound_s * S))
        if self._lost_s is not None and self.around.clock.status().trust is not Trust.NONE:
            self.untrusted.append((self._lost_s, self._now()))
            self._lost_s = None

    async def _tell(self) -> None:
        self._learn()

    async def _order(self) -> None:
        rng, around = self.rng, self.around
        name = f"o-{len(self.placed)}"
        authority, kind = rng.choice(RIGHTS)
        cls = rng.choice(list(OrderClass))
        lives_s = rng.choice((0, 3, 30, 300, 3_000))
        clock = around.clock
        boot = clock.boot if rng.random() < 0.95 else "f" * 16
        around.studio.seconds[name] = rng.choice((2.0, 12.0, 40.0, 290.0))
        around.studio.makes_s = rng.choice((0.0, 0.05, 3.0))
        around.engine.lag_s = rng.choice((0.001, 0.02, 0.4))
        now_ns = clock.now_ns()
        placed = Order(
            id=name,
            source="night",
            zones=self._zones(),
            class_=cls,
            authority=authority,
            actor=Actor(kind, rng.choice(("smoke", "x"))),
            content=LiveContent() if cls is OrderClass.LIVE else TextContent("请注意"),
            expires=Deadline(boot, now_ns + round(lives_s * S)),
            not_before=Deadline(boot, now_ns + 20 * S) if rng.random() < 0.1 else None,
            repeat=rng.choice((1, 1, 3)),
            joins=rng.choice(("", "", "key.a")),
        )
        valid = (
            cls is OrderClass.EMERGENCY
            and may_emergency(placed)
            and bool(HOUSE.speakers(placed.zones))
            and lives_s > 0
            and boot == clock.boot
            and around.room._store.book.find_joined(placed) is None
        )
        self.placed.append(Placed(placed, around.boots, self._now(), lives_s, valid))
        receipt = await around.room.place(placed)
        self.receipts[name] = receipt.state
        if valid and receipt.state in {"refused", "dropped"}:
            self.faults.append(f"{name}: a valid emergency was {receipt.state}")

    def _zones(self) -> tuple[str, ...]:
        """In every other night what is said indoors is heard on shared horns, too."""
        of_all = ("all", "b3", "b5", "b5", "hall", "hall", "lift", "mute")
        zones = tuple(self.rng.sample(of_all, self.rng.choice((1, 2))))
        if not self.shared:
            return zones
        inside = self.rng.choice(("office", "stairs"))
        return tuple(dict.fromkeys(inside if zone == "hall" else zone for zone in zones))

    async def _again(self) -> None:
        if self.placed:
            await self.around.room.place(self.rng.choice(self.placed).order)

    async def _stop(self) -> None:
        zones = self.rng.choice(((), ("all",), ("hall",)))
        self.stopped |= {r.of for r in await self.around.room.stop(zones, Actor("staff", "1"))}
        if self.placed and self.rng.random() < 0.2:
            of = self.rng.choice(self.placed).order.id
            if self.around.room._store.book.get(of) is not None:
                await self.around.room.cancel(of, Actor("system", "key.fire"))
                self.stopped.add(of)

    async def _kill(self) -> None:
        began_s = self._now()
        await self.around.kill()
        await asyncio.sleep(self.rng.choice((0.1, 2, 60)))
        await self.around.start()
        self.outages.append((began_s, self._now()))

    async def _cut(self) -> None:
        began_s = self._now()
        await self.around.reboot()
        if self._lost_s is None:
            self._lost_s = self._now()
        await self.around.start()
        self.outages.append((began_s, self._now()))

    def _judge(self) -> None:
        if self._lost_s is not None:
            self.untrusted.append((self._lost_s, self._now()))
        orders = {placed.order.id: placed for placed in self.placed}
        for heard in self.around.engine.heard:
            placed = orders[heard.programme.id.partition("~")[0]]
            self.faults += self._wrong(placed, heard)
        for placed in self.placed:
            self.faults += self._untrue(placed)

    def _wrong(self, placed: Placed, heard: Heard) -> Iterator[str]:
        """Why this must not have been heard so."""
        order, where = placed.order, heard_at(heard)
        what = f"{order.id} ({order.class_.word}, {order.actor.kind}, {order.zones})"
        if heard.boot != placed.boot or heard.began_ns >= order.expires.at_ns:
            yield f"{what}: heard after its expiry"
        if order.expires.boot != f"{placed.boot + 1:016x}":
            yield f"{what}: heard though its deadline is of another boot"
        if not order.class_.urgent:
            if where & STREET and self._by_night(heard):
                yield f"{what}: heard in quiet hours at {sorted(where & STREET)}"
            if "lift" in where and not concerned(order):
                yield f"{what}: heard in the lift, which it does not concern"
            if order.actor.kind == "schedule" and self._untimed(heard.began_s):
                yield f"{what}: scheduled, on an untrusted clock"
        if "lift" in order.zones and not order.class_.urgent and heard.programme.gain_db > -10:
            yield f"{what}: loud where it is near"

    def _by_night(self, heard: Heard) -> bool:
        at_s, step_s = heard.began_s, max(0.05, (heard.ended_s - heard.began_s) / 50)
        while at_s < heard.ended_s:
            second = CALENDAR.local(self.around.true_ns(at_s)).second
            if second >= QUIET_FROM_S or second < QUIET_TO_S:
                return True
            at_s += step_s
        return False

    def _untimed(self, at_s: float) -> bool:
        return any(since_s < at_s < until_s for since_s, until_s in self.untrusted)

    def _untrue(self, placed: Placed) -> Iterator[str]:
        """What the station says of it, against what was heard."""
        order, name = placed.order, placed.order.id
        turns = [h for h in self.around.engine.heard if h.programme.id.partition("~")[0] == name]
        kept = self.around.room._store.book.get(name)
        if not order.class_.urgent:
            names = [h.programme.id for h in turns]
            if len(names) != len(set(names)):
                yield f"{name}: heard twice"
            for speaker in HOUSE.speakers(order.zones):
                there = [h for h in turns if speaker in h.took]
                if any(h.how != "cut" and speaker in h.whole for h in there[:-1]):
                    yield f"{name}: heard again at {speaker} though nothing had cut it off"
        if kept is None:
            if turns:
                yield f"{name}: heard and not known"
            return
        if kept.state not in OVER:
            yield f"{name}: left {kept.state.value}"
        finished = any(h.how == "finished" for h in turns)
        if kept.state is OrderState.FINISHED and not finished:
            yield f"{name}: said to be finished, and was not"
        if placed.valid_emergency and not turns and self._must_have_been_heard(placed):
            yield f"{name}: a valid emergency was never heard ({kept.state.value}, {kept.why})"

    def _must_have_been_heard(self, placed: Placed) -> bool:
        """There was time enough: no stop, no outage, ten seconds to live, nothing as urgent."""
        order, until_s = placed.order, placed.at_s + 10
        if order.id in self.stopped or order.not_before is not None or placed.lives_s <= 10:
            return False
        if self._outsounded(placed):
            return False
        return not any(
            since_s < until_s and ended_s > placed.at_s for since_s, ended_s in self.outages
        )

    def _outsounded(self, placed: Placed) -> bool:
        """Other emergencies had one of its loudspeakers until its time was up."""
        where, ends_s = HOUSE.speakers(placed.order.zones), placed.at_s + placed.lives_s
        return any(
            heard.programme.urgent
            and heard.began_s < ends_s <= heard.ended_s
            and bool(where & HOUSE.speakers(heard.programme.zones))
            for heard in self.around.engine.heard
        )


def may_emergency(order: Order) -> bool:
    """Whether whoever ordered may use class 8, written down once more."""
    right = (order.authority, order.actor.kind)
    if right == (Authority.LINKAGE, "linkage"):
        return order.actor.id == "smoke"
    return right in {(Authority.PRESS, "staff"), (Authority.SIGNATURE, "platform")}


def heard_at(heard: Heard) -> frozenset[str]:
    """The loudspeakers of a programme, by zones or one by one."""
    zones = heard.programme.zones
    named = {zone.removeprefix("speaker:") for zone in zones if zone.startswith("speaker:")}
    return HOUSE.speakers(zones) | named


def concerned(order: Order) -> bool:
    """Whether whoever stands in a lift hears it there: it is their own, for no alarm is here."""
    return (
        order.class_ in {OrderClass.PROMPT, OrderClass.SERVICE} and order.actor.kind != "platform"
    )


def night(seed: int) -> Night:
    """That night, lived."""
    made = Night(seed)
    loop.run(made.live())
    return made
