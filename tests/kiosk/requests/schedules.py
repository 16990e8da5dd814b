"""Random schedules of taps, replies, drops, restarts, reboots, clock jumps and delays to 6 h.

Each runs the real room over a real journal core in virtual time, against dispatchers behind a bad
wire, and is then given time and a whole network. What must hold at the end and throughout is in
`faults`.
"""

import asyncio
import random
from collections import Counter

from gateway.audit import Actor
from gateway.errors import UsageError
from kiosk.request_types.ride.dispatch import RideStatus
from kiosk.requests.request import PRESSES_MAX, Car, RequestAction
from kiosk.speech.sentences import build_sentence
from tests.kiosk.requests.harness import FakeDispatcher, Station, now_s, plan, told
from tests.sim.loop import run

CAR, ANOTHER = Car("京BT3642", "黄绿色", "", 4), Car("京AD81906")
ACCEPT_S = 20.0
PAUSES_S = (0.0, 0.01, 0.4, 2.0, 15.0, 25.0, 190.0, 2000.0)
PAUSED = (4, 4, 4, 4, 4, 4, 4, 1)
DELAYS_S = (0.01, 0.3, 5.0, 25.0, 200.0, 3600.0, 6 * 3600.0)
STAFF, RESIDENT = Actor("staff", "0217"), Actor("resident")


class Schedule:
    """One random life of a station."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.neighbours = random.Random(f"neighbours {seed}")
        self.pressed: dict[str, str] = {}
        self.pressed_s: dict[str, float] = {}
        self.carried: set[str] = set()
        self.doubled = 0

    async def play(self) -> list[str]:
        rng = self.rng
        names = rng.choice((("platform",), ("platform", "dispatcher"), ("platform", "desk")))
        self.roads = {name: FakeDispatcher() for name in names if name != "desk"}
        self.made = await Station(plan(*names), **self.roads).start()
        for _ in range(rng.randint(3, 14)):
            await self.step()
            self._count_doubles()
            await asyncio.sleep(*rng.choices(PAUSES_S, PAUSED))
            self._count_doubles()
        await self._heal()
        found = self.faults()
        await self.made.die()
        return found

    async def step(self) -> None:
        rng = self.rng
        await rng.choices(
            (
                *(self.tap, self.weather, self.drive, self.fail),
                *(self.clock, self.deed, self.repair, self.disk, self.settings),
            ),
            (6, 4, 5, 3, 1, 3, 1, 1, 1),
        )[0]()

    async def tap(self) -> None:
        """One finger, or a shaking one; some presses are repeated with their id."""
        for _ in range(self.rng.choice((1, 1, 1, 10))):
            known = list(self.pressed)[-PRESSES_MAX:]  # as many as a request remembers
            again = known and self.rng.random() < 0.2
            press = self.rng.choice(known) if again else f"s{len(self.pressed)}"
            service = "ride" if self.rng.random() < 0.9 else "staff"
            # A neighbour wants a car of their own, whoever waits for another.
            another = service == "ride" and self.neighbours.random() < 0.15
            await self._press(press, service, another=another)

    async def repair(self) -> None:
        await self._press(f"s{len(self.pressed)}", "repair", what="water")

    async def _press(self, press: str, service: str, **fields: str | bool) -> None:
        at_s = now_s()
        made = await self.made.press(service, press, **fields)
        self.pressed_s.setdefault(made.id, at_s)
        if self.pressed.setdefault(press, made.id) != made.id and made.ended is False:
            self.doubled += 1

    async def weather(self) -> None:
        road = self.rng.choice(list(self.roads.values()))
        road.open = self.rng.random() < 0.8
        road.mood = self.rng.choice(("searching", "searching", "assigned", "none"))
        road.lag_s, road.back_s = self.rng.choice(DELAYS_S), self.rng.choice(DELAYS_S)
        road.loses_asks = self.rng.random() < 0.15
        road.loses_answers = self.rng.random() < 0.15

    async def drive(self) -> None:
        """A driver does something, at the dispatcher's; now and then the platform says so."""
        name, road = self.rng.choice(list(self.roads.items()))
        for ride in sorted(road.live):
            state = self.rng.choice(("assigned", "arrived", "boarded", "driver-cancelled"))
            road.rides[ride] = RideStatus(state, CAR)
            if self.rng.random() < 0.5:
                try:
                    await told(self.made.room, name, ride, road.rides[ride])
                except UsageError:
                    continue  # a request that was never committed, or was forgotten

    async def fail(self) -> None:
        # A call waits for no disk: it rings, and its record is on its way. Whoever pulls the plug
        # within that one commit takes the record, and the finger's next press is a new call.
        waiting = {key for one in self.made.room._waiting for key in one.outcome.keep}
        unrecorded = {key for key in waiting if key.startswith("call-")}
        self.pressed = {press: id_ for press, id_ in self.pressed.items() if id_ not in unrecorded}
        if self.rng.random() < 0.5:
            await self.made.restart()
        else:
            await self.made.reboot(self.rng.choice((5.0, 60.0, 7200.0)))

    async def clock(self) -> None:
        """Somebody sets the wall clock a year off; nothing here goes by it."""
        kernel = self.made.clock.kernel
        kernel.set_wall(kernel.true_ns + self.rng.choice((-1, 1)) * 365 * 86_400 * 10**9)
        self.made.clock.poll()

    async def disk(self) -> None:
        """A worn card: a commit may take longer than a ride has time."""
        self.made.take_for_a_commit(self.rng.choice((0.002, 1.0, 30.0)))

    async def settings(self) -> None:
        """Somebody takes a road's platform out of the settings, or puts it back."""
        road = self.rng.choice(list(self.roads.values()))
        road.gone = not road.gone
        road.holder = self.rng.choice(("district", "city"))

    async def deed(self) -> None:
        open_ones = [one for one in self.made.room.all_requests() if not one.ended]
        if not open_ones:
            return
        one = self.rng.choice(open_ones)
        who = self.rng.choice((STAFF, RESIDENT))
        allowed = one.type.staff if who is STAFF else one.type.resident
        acts = sorted(act for act in allowed if one.type.table.after(one.state, act))
        if acts:
            act = self.rng.choice(acts)
            car = self.rng.choice((None, CAR, ANOTHER)) if one.family == "ride" else None
            try:
                await self.made.room.apply_action(one.id, RequestAction(act=act, car=car), who)
            except UsageError:
                return  # it has moved meanwhile
            known = None if one.ride is None else one.ride.car
            if act == "leave":
                self.carried.add(one.ride_id)
            if act == "board" and known is not None and car in (None, known):
                self.carried.add(one.ride_id)

    async def _heal(self) -> None:
        """A whole network, and time enough for everything that is owed."""
        self.made.take_for_a_commit(0.002)
        for road in self.roads.values():
            road.open, road.loses_asks, road.loses_answers = True, False, False
            road.gone = False
            road.lag_s = road.back_s = 0.05
        for pause_s in (30, 7 * 3600, 60):
            await self._settle()
            await asyncio.sleep(pause_s)
            self._count_doubles()

    async def _settle(self) -> None:
        """Whoever has a car gets in, and staff close what rings."""
        waited_for = {one.ride_id for one in self.made.room.all_requests() if not one.ended}
        for road in self.roads.values():
            for ride in road.live & waited_for:
                road.rides[ride] = RideStatus("boarded", CAR)
        for one in self.made.room.all_requests():
            act = "close" if one.family == "call" else "cancel"
            at_desk = one.ride is not None and one.ride.road == "desk"
            if (one.family == "call" or at_desk) and not self.made.of(one).ended:
                await self.made.room.apply_action(one.id, RequestAction(act=act), STAFF)

    def _count_doubles(self) -> None:
        """Rides of one press that live at the same time; a second search is the same press."""
        live = Counter(
            ride.rpartition("-")[0] for road in self.roads.values() for ride in road.live
        )
        self.doubled += sum(1 for count in live.values() if count > 1)

    def faults(self) -> list[str]:
        """What went wrong in all of it."""
        room, found = self.made.room, []
        asked = [q for road in self.roads.values() for _, q in road.asked]
        requests = [q for q in asked if q["kind"] == "ride.request"]
        if any(q["press_age_ms"] > ACCEPT_S * 1000 for q in requests) or self._late():
            found.append("a ride was asked after its deadline")
        sent = Counter((q["id"]) for road in self.roads.values() for _, q in road.asked
                       if q["kind"] == "ride.request")  # fmt: skip
        if any(count > len(self.roads) for count in sent.values()) or self.doubled:
            found.append("a ride was asked twice, or lived twice")
        live = {ride for road in self.roads.values() for ride in road.live}
        believed = {one.ride_id for one in room.all_requests() if not one.ended}
        # The one ride that a dispatcher may hold without the station: staff have seen the person
        # get into the very car that it had named, and it has not said so itself yet.
        if live - believed - self.carried:
            found.append("a dispatcher holds a ride that the station has given up")
        kept = room.engine.repository.requests
        if lost := [one for one in set(self.pressed.values()) if one not in kept]:
            found.append(f"lost: {lost}")
        if hanging := [one.state for one in kept.values() if one.family == "ride"
                       and not one.ended]:  # fmt: skip
            found.append(f"hanging: {hanging}")
        found += self._unsaid()
        return found

    def _late(self) -> bool:
        """Whether a first search reached a road later than its press allows, by the true time."""
        return any(
            at_s - self.pressed_s[question["id"].rpartition("-")[0]] > ACCEPT_S
            for road in self.roads.values()
            for at_s, question in road.asked
            if question["kind"] == "ride.request" and question["id"].endswith("-1")
        )

    def _unsaid(self) -> list[str]:
        """Every ride's end has been spoken, in its own words."""
        captions = set(self.made.speaker.captions)
        phones = {"": self.made.plan.phone, "ride": self.made.plan.services["ride"].phone or ""}
        return [
            f"unsaid: {one.state}"
            for one in self.made.room.all_requests()
            if one.family == "ride" and build_sentence(one, "zh", phones).caption not in captions
        ]


def broken(seeds: range) -> dict[int, list[str]]:
    """The seeds whose schedules came to harm, and to which."""
    found = {}
    for seed in seeds:
        faults = run(Schedule(seed).play(), start_s=1000.0)
        if faults:
            found[seed] = faults
    return found
