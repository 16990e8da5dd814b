"""The requests of a simulated station: real engine, real journal, fake dispatchers, no threads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from gateway.calendar import Calendar
from gateway.clock import Deadline
from gateway.errors import Unavailable
from gateway.journal import Journal
from gateway.journal.core import JournalCore
from gateway.journal.writer import InlineShell
from gateway.places import PlaceOptions, Places
from gateway.rules.duty import DutyOptions, DutyRoster, EscalationStep, Shift
from gateway.upstream.uplinks.contract import QueryRefused, QueryReply, QueryUnanswered
from kiosk.request_types.ride.commands import report_status
from kiosk.request_types.ride.dispatch import NO_ROAD, TAKEN, RideStatus
from kiosk.request_types.ride.options import DispatcherOptions, RideOptions
from kiosk.request_types.work.options import WorkOptions
from kiosk.requests.catalogue import load_services
from kiosk.requests.options import KioskOptions, KioskSettings
from kiosk.requests.request import Contact, PendingCancel, Press, Request
from kiosk.requests.request_type import TYPES
from kiosk.runtime.service import RequestService
from kiosk.speech.sentences import SpokenSentence
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.sim.journal import SMALL, STATION

PLACES = Places("试验站", {"hall": PlaceOptions(name="大厅"), "b3": PlaceOptions(name="3号楼")})
DUTY = DutyRoster(
    DutyOptions(
        roster=(Shift(who="duty", by=("desk", "hall")), Shift(who="manager", by=("platform",))),
        escalate=(EscalationStep(after_s=30, to="duty"), EscalationStep(after_s=60, to="manager")),
    ),
    Calendar("Asia/Shanghai", {}),
)


def plan(*dispatch: str, **ride) -> KioskSettings:
    roads = dispatch or ("platform",)
    address = (
        {"dispatcher": DispatcherOptions(url="http://127.0.0.1:1")} if "dispatcher" in roads else {}
    )
    return KioskSettings(
        kiosks={"hall": KioskOptions(zone="hall", place="hall"), "yard": KioskOptions(zone="yard")},
        services={
            "ride": RideOptions(dispatch=roads, phone="95128", **address, **ride),
            "repair": WorkOptions(phones={"gas": "96777"}),
        },
        phone="010-64700000",
    )


async def told(
    room: RequestService, road: str, ride: str, status: RideStatus, holder: str = ""
) -> None:
    """A dispatcher says by itself how a ride stands."""
    await report_status(room, PendingCancel(road, ride, holder), status)


def limit(monkeypatch: pytest.MonkeyPatch, type_: str, most: int) -> None:
    """At most so many open requests of that type."""
    limited = msgspec.structs.replace(TYPES[type_], open_max=most)
    monkeypatch.setitem(TYPES._types, type_, limited)


def now_s() -> float:
    return asyncio.get_running_loop().time()


class FakeDispatcher:
    """A dispatcher behind a bad wire. It keeps the contract: `none` and `cancel` bind it for ever.

    `rides` by id is how each stands; `asked` is what the station sent and when. `lag_s` delays
    each way; a `lossy` way loses what is on it, and the asker hears nothing in time.
    """

    def __init__(self) -> None:
        self.open = True
        self.holder, self.gone = "", False
        self.holders: list[tuple[str, str]] = []
        self.mood = "searching"
        self.lag_s = self.back_s = 0.05
        self.loses_asks = self.loses_answers = False
        self.rides: dict[str, RideStatus] = {}
        self.dead: dict[str, str] = {}
        self.asked: list[tuple[float, dict]] = []
        self.live_max: dict[str, int] = {}
        self._arriving: set[asyncio.Task] = set()

    async def ask(
        self, message: bytes, deadline_ns: int, holder: str = ""
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        if self.gone:
            return QueryRefused(NO_ROAD)
        if not self.open:
            return QueryRefused("upstream.unreachable")
        question = msgspec.json.decode(message)
        self.holders.append((question["id"], holder))
        self.asked.append((now_s(), question))
        answer = asyncio.get_running_loop().create_future()
        if not self.loses_asks:
            arriving = asyncio.create_task(self._arrive(question, answer))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)
        try:
            async with asyncio.timeout(max(0.0, deadline_ns / 1e9 - self.boottime_s())):
                return await answer
        except TimeoutError:
            return QueryUnanswered("upstream.timeout")

    def boottime_s(self) -> float:
        return now_s()

    async def _arrive(self, question: dict, answer: asyncio.Future) -> None:
        lag_s, back_s, loses = self.lag_s, self.back_s, self.loses_answers
        await asyncio.sleep(lag_s)
        reply = self._answered(question["kind"], question["id"])
        await asyncio.sleep(back_s)
        if not answer.done() and not loses:
            answer.set_result(reply)

    def _answered(self, kind: str, ride: str) -> QueryReply | QueryRefused | QueryUnanswered:
        known = self.rides.get(ride)
        if kind == "ride.cancel":
            self.dead.setdefault(ride, "" if known is None else known.state)
            self.rides.pop(ride, None)
            return _reply(RideStatus("cancelled", was=self.dead[ride]))
        if kind == "ride.request" and known is None and ride not in self.dead:
            known = RideStatus(self.mood)
            if self.mood in TAKEN:
                self.rides[ride] = known
        if known is None:
            self.dead.setdefault(ride, "")
            known = RideStatus("none")
        return _reply(known)

    @property
    def live(self) -> set[str]:
        """The rides for which a car is coming or being looked for."""
        return {ride for ride, status in self.rides.items() if status.state in TAKEN}


def _reply(status: RideStatus) -> QueryReply:
    return QueryReply(msgspec.json.encode(status))


class FakePeople:
    """Sealed fields, without a file."""

    def __init__(self) -> None:
        self.kept: dict[str, Contact | bytes] = {}
        self.full = False

    async def seal_contact(self, contact: Contact, days: int) -> str:
        token = f"{len(self.kept):032x}"
        self.kept[token] = contact
        return token

    async def seal_voice(self, sound: bytes, days: int) -> str:
        if self.full:
            return ""
        token = f"{len(self.kept):032x}"
        self.kept[token] = sound
        return token

    async def recall_contact(self, token: str) -> Contact | None:
        found = self.kept.get(token)
        return found if isinstance(found, Contact) else None

    async def erase(self, token: str) -> None:
        self.kept.pop(token, None)


class Loud:
    """A speaker that notes what it was given; `fails` so often before it says anything.

    What those in `lost` were told was cut off before its end.
    """

    def __init__(self) -> None:
        self.said: list[tuple[float, str, str, int]] = []
        self.fails = 0
        self.lost: list[str] = []

    async def say(
        self,
        sentence: SpokenSentence,
        zone: str,
        class_: int,
        expires: Deadline,
        *,
        about: str = "",
        louder: bool = False,
    ) -> bool:
        if self.fails:
            self.fails -= 1
            raise Unavailable("requests.no-road")
        self.said.append((now_s(), sentence.caption, zone, class_))
        return True

    def drain_cut_off(self) -> list[str]:
        lost, self.lost = self.lost, []
        return lost

    @property
    def captions(self) -> list[str]:
        return [caption for _, caption, _, _ in self.said]


class Desk:
    """Who was rung, and when; a way that is `dead` reaches nobody."""

    def __init__(self) -> None:
        self.rung: list[tuple[float, str, tuple[str, ...]]] = []
        self.dead: set[str] = set()

    async def ring(self, request: Request, to: str, by: tuple[str, ...]) -> tuple[str, ...]:
        self.rung.append((now_s(), to, by))
        return tuple(way for way in by if way not in self.dead)


class Station:
    """One station over its reboots: what the journal has committed stays, the rest is lost."""

    def __init__(self, settings: KioskSettings | None = None, **roads: FakeDispatcher) -> None:
        self.plan = settings or plan()
        self.roads = roads or {"platform": FakeDispatcher()}
        self.speaker, self.desk, self.people = Loud(), Desk(), FakePeople()
        self._boots, self._born_s = 1, now_s()
        self.clock = self._booted()
        self._core = JournalCore(
            None, station=STATION, options=SMALL, clock=self.clock, retaining=()
        )
        self._running: asyncio.Task | None = None
        self._press = 0
        self.disk_s = 0.002

    @property
    def road(self) -> FakeDispatcher:
        return self.roads["platform"]

    def _booted(self) -> SimulatedClock:
        born_s = self._born_s
        kernel = SimulatedKernel(boottime=lambda: round((now_s() - born_s + 5) * 1e9))
        for road in self.roads.values():
            road.boottime_s = lambda: now_s() - born_s + 5
        return SimulatedClock(kernel, boot=f"{self._boots:016x}")

    async def start(self) -> "Station":
        self._shell = InlineShell(self.disk_s)
        self.journal = Journal(
            self._core, self._shell, station=STATION, options=SMALL, clock=self.clock
        )
        self.journal.volatile = False  # its core outlives the reboots, as a disk would
        self.room = RequestService(
            self.plan, load_services(), self.journal, self.clock, station=STATION, places=PLACES,
            duty=DUTY, routes=self.roads, people=self.people, speaker=self.speaker, bell=self.desk,
        )  # fmt: skip
        await self.room.load()
        self._running = asyncio.create_task(self.room.run())
        return self

    async def die(self) -> None:
        """Kill -9: nothing that was not committed is there any more."""
        room, running = self.room, self._running
        assert running is not None
        tasks = [running, *room.effects.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def restart(self) -> None:
        """The process, in the same boot."""
        await self.die()
        await self.start()

    async def reboot(self, off_s: float = 30) -> None:
        """Power off and on: the boot clock begins anew."""
        await self.die()
        await asyncio.sleep(off_s)
        self._boots, self._born_s = self._boots + 1, now_s()
        self.clock = self._booted()
        await self.start()

    def take_for_a_commit(self, seconds: float) -> None:
        """The disk is that slow from now on."""
        self.disk_s = self._shell._delay_s = seconds

    async def press(self, service: str, press: str = "", **fields) -> Request:
        self._press += 1
        asked = Press(press=press or f"p{self._press}", service=service,
                      kiosk=fields.pop("kiosk", "hall"), **fields)  # fmt: skip
        return await self.room.submit_press(asked)

    def of(self, request: Request) -> Request:
        return self.room.engine.repository.requests[request.id]


@contextlib.asynccontextmanager
async def station(
    settings: KioskSettings | None = None, **roads: FakeDispatcher
) -> AsyncIterator[Station]:
    made = await Station(settings, **roads).start()
    try:
        yield made
    finally:
        await made.die()
