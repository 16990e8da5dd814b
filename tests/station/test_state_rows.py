"""No row of the state ends a start, whatever it has become; the siren and call-staff still work."""

import asyncio
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from broadcast.material.presets import Presets
from broadcast.order import Authority, OrderClass, TextContent
from broadcast.orders.repository import OrderRecord
from broadcast.orders.schedules import Schedules
from broadcast.orders.transitions import OrderState
from broadcast.playback.service import BroadcastService
from broadcast.speaker_status.self_tests import DailySelfTests
from broadcast.speaker_status.zone_volume import ZoneVolumes
from gateway.access import Access
from gateway.access.fallback_copy import FallbackCopy
from gateway.audit import AuditLog
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.clock import Deadline
from gateway.doctor.transitions import FindingReporter as DoctorTeller
from gateway.event import Lane
from gateway.intake import Intake
from gateway.intake.contact_inputs import WiredInput
from gateway.intake.intake import IntakeDevice
from gateway.journal import Journal, StateChange
from gateway.journal.core import JournalCore
from gateway.journal.positions import FollowerPositions, zero_positions
from gateway.journal.stored_state import SET_ASIDE, SET_ASIDE_MAX, SetAsideRow, list_set_aside
from gateway.journal.writer import InlineShell
from gateway.reconfigure.journal_log import ChangeReporter as SettingsTeller
from gateway.reconfigure.records import ChangeRecord
from gateway.rules.service import RuleService
from gateway.setup.acceptance import AcceptanceRecords
from gateway.station.meter_counts import MeterCounts
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.inbox import Inbox
from kiosk.requests.catalogue import load_services
from kiosk.requests.request import Press
from kiosk.runtime.service import RequestService
from tests.broadcast.playback.fake_audio import FakeEngine, FakeStudio
from tests.broadcast.policy.zones import HOUSE, order
from tests.kiosk.requests.harness import DUTY, PLACES, Desk, FakeDispatcher, FakePeople, Loud
from tests.kiosk.requests.harness import plan as kiosk_plan
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.sim.journal import SMALL, STATION
from tests.sim.loop import run as simulate
from tests.station.state_rows import BOOT, PLAN, Row, damaged, sound_rows

SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
ROWS = 100_000
DEVICES = [
    IntakeDevice("di-b3", "b3", 1.0, inputs=(WiredInput(point="input-1", id="smoke", place="b3"),))
]


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy of the accounts is written by a thread, which virtual time does not know."""

    async def keep(_spare: FallbackCopy, _rows: object) -> None:
        return

    monkeypatch.setattr(FallbackCopy, "write", keep)


class Hand:
    """Does what a linkage wants."""

    def __init__(self) -> None:
        self.did: list[str] = []

    async def handle(self, task: object) -> None:
        self.did.append(str(task))


class Started:
    """Every room that keeps state, over one journal, with everything around it stood in for."""

    def __init__(self, journal: Journal, clock: SimulatedClock, folder: Path) -> None:
        self.journal, self.clock, self.folder = journal, clock, folder
        self.told: list[tuple[str, str]] = []
        journal.on_set_aside = lambda where, why: self.told.append((where, why))
        world = SimpleNamespace(clock=clock, boots=0)
        self.engine = FakeEngine(world, lambda _: 5.0)  # type: ignore[arg-type]  # as much as it needs
        self.orders = BroadcastService(journal, clock, HOUSE, self.engine, FakeStudio())
        self.desk, self.hand = Desk(), Hand()
        self.requests = RequestService(
            kiosk_plan(), load_services(), journal, clock, station=STATION, places=PLACES,
            duty=DUTY,
            routes={"platform": FakeDispatcher()}, people=FakePeople(), speaker=Loud(),
            bell=self.desk,
        )  # fmt: skip
        self.rules = RuleService(PLAN, journal, clock, doers={"announce": self.hand})
        calendar = Calendar("Asia/Shanghai", {})
        self.presets, self.volumes = Presets(journal, {}), ZoneVolumes(journal)
        self.schedules = Schedules(journal, clock, "Asia/Shanghai", calendar)
        self.tests = DailySelfTests(journal, clock, self.engine, HOUSE.quiet, ("card",), hours=None)
        self.intake = Intake(journal, clock, DEVICES)
        self.records = AcceptanceRecords(journal, clock)
        self.counts = MeterCounts(SimpleNamespace(devices=()), journal, clock)  # type: ignore[arg-type]
        keys = SimpleNamespace(key=None, prepare=lambda: None)
        self.inbox = Inbox(
            "district", journal, clock, station=STATION, kinds=[ping_command(clock)],
            keys=keys,  # type: ignore[arg-type]  # nothing is signed here
        )  # fmt: skip
        self.access: Access | None = None
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """As the station does: every room takes back what it knew, then lives for a while."""
        ledger = await AuditLog.open(self.journal, self.clock)
        self.access = await Access.open(self.journal, ledger, self.clock, self.folder)
        for room in (self.presets, self.schedules, self.tests, self.volumes, self.orders,
                     self.requests, self.records, self.inbox, self.rules, self.counts):  # fmt: skip
            await room.load()
        await self.intake.resume()
        await DoctorTeller(self.journal, self.clock)([])
        await SettingsTeller(self.journal, self.clock)([ChangeRecord(4, "d", "kept", "staff:0217")])
        self._running = [asyncio.ensure_future(each.run()) for each in
                         (self.orders, self.requests, self.rules)]  # fmt: skip
        async with asyncio.TaskGroup() as acting:
            await self.inbox.resume(acting)
        self.schedules.all()
        self.access.book.rows_to_evict("zhang", "")
        await self.schedules.due()
        await asyncio.sleep(2)

    async def serves(self) -> None:
        """The siren sounds, and staff are called."""
        await self.calls_staff()
        await self.sounds()

    async def calls_staff(self) -> None:
        rung = len(self.desk.rung)
        press = Press(press="now", kiosk="yard", service="staff")
        request = await self.requests.submit_press(press)
        await asyncio.sleep(1)
        assert request.family == "call"
        assert len(self.desk.rung) > rung

    async def sounds(self) -> None:
        fire = order(
            id=self.orders.new_id(), source="key.fire", zones=("hall",), class_=OrderClass.FIRE,
            authority=Authority.FIRE_INPUT, actor=Actor("system", "key.fire"),
            content=TextContent("火警"),
            expires=Deadline(self.clock.boot, self.clock.now_ns() + 60 * 10**9),
        )  # fmt: skip
        await self.orders.place(fire)
        await asyncio.sleep(1)
        kept = self.orders.require(fire.id)
        assert kept.state is OrderState.PLAYING, kept
        assert {name.partition("~")[0] for name in self.engine.sounding} >= {fire.id}

    async def stop(self) -> None:
        """Raises what ended a room."""
        await self.orders.close()
        assert self.access is not None
        self.access.close()
        for task in self._running:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.rules.stop()
        await self.requests.stop()


async def started(rows: Sequence[Row], folder: Path) -> Started:
    """A start on these rows."""
    loop = asyncio.get_running_loop()
    kernel = SimulatedKernel(boottime=lambda: round(loop.time() * 1e9))
    clock = SimulatedClock(kernel, boot=BOOT)
    core = JournalCore(None, station=STATION, options=SMALL, clock=clock)
    journal = Journal(core, InlineShell(0.0), station=STATION, options=SMALL, clock=clock)
    journal.volatile = False
    changes = [StateChange(row.room, row.key, row.body) for row in rows]
    await journal.append([], changes)
    made = Started(journal, clock, folder)
    await made.start()
    return made


async def lived(rows: Sequence[Row], folder: Path) -> Started:
    made = await started(rows, folder)
    await made.serves()
    await made.stop()
    return made


def test_sound_rows_are_all_taken_back(tmp_path: Path) -> None:
    made = simulate(lived(sound_rows(), tmp_path))
    assert made.told == []
    kept = made.orders.get("order-00000000-4")
    assert isinstance(kept, OrderRecord)
    assert made.rules.core.alarms.book.open
    assert made.presets.get("water").text == "停水了"
    assert made.access is not None
    assert made.access.claimed


async def kept_after(rows: Sequence[Row], folder: Path) -> tuple[list, dict, dict]:
    made = await started(rows, folder)
    aside = await made.journal.load(SET_ASIDE)
    left = {row.key: await made.journal.load(row.room) for row in rows}
    await made.stop()
    return made.told, aside, left


def test_a_bad_row_is_told_once_kept_aside_and_not_met_again(tmp_path: Path) -> None:
    row = Row("broadcast-presets", "water", b'[{"preset":3}]')
    told, aside, left = simulate(kept_after([row], tmp_path))
    assert told == [("state.broadcast-presets", "ValidationError")]
    assert list(aside) == ["broadcast-presets/water"]
    assert left["water"] == {}


def test_what_is_set_aside_is_shown_without_people(tmp_path: Path) -> None:
    rows = [Row("access", "account/0217", b"?0217"), Row("setup", "di.fire", b"?" * 3_000)]

    async def shown() -> tuple[SetAsideRow, ...]:
        made = await started(rows, tmp_path)
        found = await list_set_aside(made.journal)
        await made.stop()
        return found

    account, record = simulate(shown())
    assert (account.room, account.key, account.body) == ("access", "account", "")
    assert (record.key, record.cut, len(record.body)) == ("di.fire", True, 1024)


def test_rows_set_aside_are_bounded(tmp_path: Path) -> None:
    rows = [Row("setup", f"d.{n}", b"?") for n in range(2 * SET_ASIDE_MAX)]
    told, aside, left = simulate(kept_after(rows, tmp_path))
    assert len(told) == 2 * SET_ASIDE_MAX
    assert len(aside) == SET_ASIDE_MAX
    assert left["d.0"] == {}


def test_a_later_releases_fields_are_passed_over(tmp_path: Path) -> None:
    body = '[{"preset":{"name":"停水","text":"a","pitch":3},"by":{"kind":"staff"},"new":1}]'
    row = Row("broadcast-presets", "water", body.encode())
    made = simulate(lived([row], tmp_path))
    assert made.told == []
    assert made.presets.get("water").text == "a"


def test_a_lost_head_gives_no_number_twice(tmp_path: Path) -> None:
    rows = [row if row.key != "head" else row._replace(body=b"?") for row in sound_rows()]

    async def numbers() -> tuple[str, set[str]]:
        made = await started(rows, tmp_path)
        known = {kept.order.id for kept in made.orders.orders()}
        number = made.orders.new_id()
        await made.serves()
        await made.stop()
        return number, known

    number, known = simulate(numbers())
    assert known
    assert int(number.rpartition("-")[2]) > 7
    assert number not in known


def issued(made: Started) -> tuple[int, ...]:
    """How far the numbers of orders, requests, alarms and tasks have come."""
    rules = made.rules.core
    counts = (made.requests.engine.repository.opened, rules.alarms.book.issued, rules._tasks)
    return (int(made.orders.new_id().rpartition("-")[2]), *counts)


def test_no_id_is_given_again_though_a_kill_took_the_record_of_the_first(tmp_path: Path) -> None:
    """What sounds or calls staff does so beside its record: only the sound may be left of it."""

    async def ids() -> list[str]:
        given, first = [], await started([], tmp_path)
        for _ in range(3):
            await first.stop()
            await asyncio.sleep(0.5)
            first = Started(first.journal, first.clock, tmp_path)
            await first.start()
            rules, requests = first.rules.core, first.requests.engine.repository
            given += [first.orders.new_id(), rules._number(), rules.alarms.book.next_id()]
            given.append(f"call-{requests._start}-{requests.opened + 1}")
        await first.stop()
        return given

    given = simulate(ids())
    assert [one.partition("-")[0] for one in given[:4]] == ["order", "task", "alarm", "call"]
    assert len(set(given)) == len(given)
    assert all(re.fullmatch(r"[a-z]+-[0-9a-f]{8}-[0-9]+", one) for one in given)


@pytest.mark.parametrize("body", [b"?", b"{}", b"\x80"])
def test_a_lost_head_stays_lost_until_another_is_kept(tmp_path: Path, body: bytes) -> None:
    """The row is gone from its room after the first start; that is no fresh station's room."""
    heads = [Row(room, "head", body) for room in ("broadcast", "requests", "rules")]

    async def twice() -> list[Started]:
        first = await started(heads, tmp_path)
        await first.stop()
        again = Started(first.journal, first.clock, tmp_path)
        await again.start()
        await again.stop()
        return [first, again]

    first, again = simulate(twice())
    assert sorted(where for where, _ in first.told) == [
        "state.broadcast", "state.requests", "state.rules"
    ]  # fmt: skip
    assert again.told == []
    assert min(issued(first)) > 0
    assert min(map(int.__sub__, issued(again), issued(first))) >= 0


@pytest.mark.parametrize("body", [b"?", b"[]", b'{"alarm":-1}', b'{"alarm":9}', b'{"alarm":"x"}'])
def test_a_position_that_cannot_be_one_is_before_everything(body: bytes) -> None:
    heads = dict.fromkeys(Lane, 5)
    positions = FollowerPositions({"follower/district": body}, ["district"], heads)
    assert positions["district"] == zero_positions()
    assert positions.names() == ["district"]


def fuzzed(rows: int, folder: Path, seed: int) -> tuple[int, int, int]:
    """So many rows in starts of a few dozen: rows, starts, and how many were set aside."""
    rng = random.Random(seed)
    seen = starts = aside = 0
    while seen < rows:
        number = rng.randrange(2**32)
        mine = random.Random(number)
        some = [damaged(row, mine) for row in sound_rows() if mine.random() < 0.9]
        try:
            made = simulate(lived(some, folder))
        except BaseException:
            print(f"start {number} was lost")
            raise
        seen, starts, aside = seen + len(some), starts + 1, aside + len(made.told)
    return seen, starts, aside


def test_no_row_stops_a_start(tmp_path: Path) -> None:
    seen, _, aside = fuzzed(200, tmp_path, SEED)
    assert seen >= 200
    assert aside > 50


@pytest.mark.proof
def test_no_row_of_many_stops_a_start(tmp_path: Path) -> None:
    seen, starts, aside = fuzzed(round(ROWS * SHARE), tmp_path, SEED)
    print(f"{seen} damaged rows in {starts} starts: {aside} set aside, 0 starts lost (seed {SEED})")
    assert seen >= ROWS * SHARE
