"""Counts over a restart, and what becomes of them when a meter was replaced."""

import asyncio
import json

import pytest

from drivers.contract import CounterReplacement, Device, Point, PollResult, Quality, Reading, Sample
from drivers.counters import Counters
from gateway.audit import AuditLog
from gateway.audit.act_history import read_act_page
from gateway.errors import JournalFull, Unavailable, UsageError
from gateway.event import Lane
from gateway.intake import Intake
from gateway.intake.intake import IntakeDevice as Known
from gateway.journal import StateChange
from gateway.station.absent_bus import AbsentBus
from gateway.station.meter_counts import ROOM, MeterCounts, MeterReplacement, meter_replaced
from gateway.upstream.inbox.command import Mandate
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import simulated

ENERGY = Point(id="energy", address=0, type="u32", counter=True, decimals=2, scale=0.01)
POWER = Point(id="power", address=2)
METER = Device(id="em-b3", family="modbus", address="1", points=(ENERGY, POWER))
OTHER = Device(id="di-b3", family="modbus", address="9", points=(POWER,))


class Line:
    """A bus as far as its counters go."""

    def __init__(self) -> None:
        self._of = {METER.id: Counters(), OTHER.id: Counters()}

    def counters(self, device: str) -> Counters | None:
        return self._of.get(device)

    def accept_counter(self, device: str, point: str) -> None:
        self._of[device].accept_replacement(point)


class Wiring:
    """A field with one bus."""

    def __init__(self, *devices: Device) -> None:
        self.devices = list(devices)
        self.line = Line()

    def find_device(self, device_id: str):
        found = [each for each in self.devices if each.id == device_id]
        return (self.line, found[0]) if found else None

    def read(self, count: int, now_s: float) -> Quality:
        counters = self.line.counters(METER.id)
        assert counters is not None
        return counters.judge(Sample(ENERGY, count / 100, Quality.GOOD, count, 1 << 32), now_s)


@simulated
async def test_a_count_outlives_a_restart_as_a_witness() -> None:
    journal, clock = simulated_journal(), loop_clock()
    before = Wiring(METER, OTHER)
    counts = MeterCounts(before, journal, clock)
    await counts.load()
    assert [before.read(123_456, 1.0), before.read(123_456, 1.1)] == [
        Quality.OUT_OF_RANGE,
        Quality.GOOD,
    ]
    await counts.save()
    kept = await journal.load(ROOM)
    assert list(kept) == ["em-b3"]
    await counts.save()
    assert await journal.load(ROOM) == kept

    after = Wiring(METER)
    await MeterCounts(after, journal, clock).load()
    assert after.read(80_000_000, 100.0) is Quality.OUT_OF_RANGE
    assert [after.read(123_500, 100.1 + n / 10) for n in range(2)] == [
        Quality.OUT_OF_RANGE,
        Quality.GOOD,
    ]


@simulated
async def test_a_device_at_another_address_or_gone_takes_nothing_over() -> None:
    journal, clock = simulated_journal(), loop_clock()
    before = Wiring(METER)
    counts = MeterCounts(before, journal, clock)
    before.read(500, 1.0), before.read(500, 1.1)
    await counts.save()
    moved = Wiring(Device(id="em-b3", family="modbus", address="2", points=(ENERGY,)))
    await MeterCounts(moved, journal, clock).load()
    assert moved.line.counters("em-b3").marks() == {}
    gone = MeterCounts(Wiring(OTHER), journal, clock)
    await gone.load()
    await gone.save()
    assert await journal.load(ROOM) == {}


@simulated
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b'{"family":1}',
        b'{"family":"modbus","address":"1","counts":{"e":3}}',
        b"[" * 5000,
    ],
)
async def test_a_row_that_makes_no_sense_is_set_aside(body) -> None:
    journal, clock = simulated_journal(), loop_clock()
    await journal.append((), [StateChange(ROOM, "em-b3", body)])
    faults = []
    wiring = Wiring(METER)
    journal.on_set_aside = lambda where, _: faults.append(where)
    counts = MeterCounts(wiring, journal, clock)
    await counts.load()
    assert faults == ["state.counters"]
    assert wiring.read(7, 1.0) is Quality.OUT_OF_RANGE
    assert wiring.read(7, 1.1) is Quality.GOOD
    await counts.save()
    assert json.loads((await journal.load(ROOM))["em-b3"])["counts"]["energy"]["count"] == 7


@simulated
@pytest.mark.parametrize("count", [0, 1 << 32, (1 << 63) - 1, 1 << 63, 1.5, 3.4e38])
async def test_whatever_was_counted_can_be_read_back(count) -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring, faults = Wiring(METER), []
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(count, 1.0), wiring.read(count, 1.1)
    await counts.save()
    journal.on_set_aside = lambda where, _: faults.append(where)
    later = Wiring(METER)
    await MeterCounts(later, journal, clock).load()
    kept = [mark.count for mark in later.line.counters("em-b3").marks().values()]
    assert kept == ([count] if count < 1 << 63 else [])
    assert faults == []


@simulated
async def test_a_bus_that_could_not_be_built_takes_no_count_away() -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER)
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(7, 1.0), wiring.read(7, 1.1)
    await counts.save()
    kept = await journal.load(ROOM)
    absent = Wiring(METER)
    absent.line = AbsentBus("meters", ["em-b3"])
    later = MeterCounts(absent, journal, clock)
    await later.load()
    await later.save()
    assert await journal.load(ROOM) == kept
    with pytest.raises(Unavailable):
        later.accept_replacement("em-b3")


@simulated
async def test_what_somebody_said_outlives_a_restart_before_the_new_meter_is_read() -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER)
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(500, 1.0), wiring.read(500, 1.1)
    counts.accept_replacement("em-b3")
    await counts.save()
    later = Wiring(METER)
    await MeterCounts(later, journal, clock).load()
    assert [later.read(3, 2.0), later.read(3, 2.1)] == [Quality.OUT_OF_RANGE, Quality.GOOD]
    told = (CounterReplacement("energy", 5.0, 0.03, by_person=True),)
    assert later.line.counters("em-b3").pop_replacements() == told


@pytest.mark.parametrize("said", [True, False])
@simulated
async def test_another_meter_is_told_once_though_the_process_is_killed_right_after(said) -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER)
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(500, 1.0), wiring.read(500, 1.1)
    await counts.save()
    running = asyncio.create_task(counts.run())
    if said:
        counts.accept_replacement("em-b3")
        await asyncio.sleep(1.0)
    for at_s in (2.0, 2.1, 1000.0):
        wiring.read(3, at_s)
    replaced = wiring.line.counters("em-b3").pop_replacements()
    assert [each.by_person for each in replaced] == [said]
    counts.handle_poll(PollResult("em-b3", 0, 0, (), replaced=replaced))
    await asyncio.sleep(1.0)
    running.cancel()  # and nothing is kept at a stop
    later = Wiring(METER)
    await MeterCounts(later, journal, clock).load()
    for at_s in (1050.0, 1050.1, 2000.0):
        later.read(4, at_s)
    assert later.line.counters("em-b3").pop_replacements() == ()


@pytest.mark.parametrize("back", [500_003, 500_200])
@simulated
async def test_a_meter_that_returns_after_a_restart_is_known(back) -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER)
    counts = MeterCounts(wiring, journal, clock)
    for at_s, count in ((1.0, 500_000), (1.1, 500_000), (2.0, 0), (2.1, 0), (1000.0, 0)):
        wiring.read(count, at_s)
    await counts.save()
    later = Wiring(METER)
    await MeterCounts(later, journal, clock).load()
    assert [later.read(back, 1100.0), later.read(back, 1100.1)][-1] is Quality.GOOD
    told = (CounterReplacement("energy", 0.0, back / 100, by_person=False, resumes=5000.0),)
    assert later.line.counters("em-b3").pop_replacements() == told


@simulated
async def test_a_disk_that_refuses_costs_nothing_but_the_row(monkeypatch) -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER)
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(7, 1.0), wiring.read(7, 1.1)

    async def full(*_):
        raise JournalFull("journal.full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        await counts.save()
    assert await journal.load(ROOM) == {}
    await counts.save()
    assert list(await journal.load(ROOM)) == ["em-b3"]


@simulated
async def test_the_platform_says_that_a_meter_was_replaced() -> None:
    journal, clock = simulated_journal(), loop_clock()
    wiring = Wiring(METER, OTHER)
    counts = MeterCounts(wiring, journal, clock)
    wiring.read(500, 1.0), wiring.read(500, 1.1)
    await counts.save()
    ledger = await AuditLog.open(journal, clock)
    kind = meter_replaced(counts, ledger, "district")
    assert kind.name == "device.replaced"
    mandate = Mandate("id", clock.deadline(60))
    assert await kind.act(MeterReplacement("em-b3"), mandate) == {"points": ("energy",)}
    act = (await read_act_page(journal, 0, 1)).acts[0].act
    assert (act.what, act.on, act.who.kind, act.who.id) == (
        "meter/replaced", "em-b3", "platform", "district",
    )  # fmt: skip
    assert [wiring.read(3, 2.0), wiring.read(3, 2.1)] == [Quality.OUT_OF_RANGE, Quality.GOOD]
    assert wiring.line.counters("em-b3").pop_replacements() == (
        CounterReplacement("energy", 5.0, 0.03, by_person=True),
    )
    for wrong in (
        MeterReplacement("di-b3"),
        MeterReplacement("nobody"),
        MeterReplacement("em-b3", "power"),
    ):
        with pytest.raises(UsageError):
            await kind.act(wrong, mandate)


@simulated
async def test_a_meter_that_is_back_is_told_with_the_value_it_goes_on_from() -> None:
    journal, clock = simulated_journal(), loop_clock()
    intake = Intake(journal, clock, [Known("em-b3", "b3", 15.0)])
    replaced = (CounterReplacement("energy", 0.0, 1234.58, by_person=False, resumes=1234.56),)
    told: list[tuple[str, str]] = []
    intake.on_replaced = lambda device, point: told.append((device, point))
    intake.handle_poll(PollResult("em-b3", 0, 0, (), replaced=replaced))
    assert told == [("em-b3", "energy")]
    await intake.drain()
    (entry,) = await journal.read(Lane.SERVICE, 0)
    assert json.loads(b"{" + entry.body)["data"] == {
        "point": "energy", "old": 0.0, "new": 1234.58, "found_by": "station", "resumes": 1234.56,
    }  # fmt: skip


@simulated
async def test_another_meter_is_told_before_its_first_reading() -> None:
    journal, clock = simulated_journal(), loop_clock()
    intake = Intake(journal, clock, [Known("em-b3", "b3", 15.0)])
    reading = Reading("em-b3", "energy", 0.07, "kW.h", Quality.GOOD, 0)
    replaced = (CounterReplacement("energy", 1234.56, 0.07, by_person=False),)
    intake.handle_poll(PollResult("em-b3", 0, 0, (reading,), replaced=replaced))
    await intake.drain()
    (entry,) = await journal.read(Lane.SERVICE, 0)
    told = json.loads(b"{" + entry.body)
    assert told["type"] == "cn.yizhan.field.meter-replaced.v1"
    assert (told["place"], told["data"]) == (
        "b3", {"point": "energy", "old": 1234.56, "new": 0.07, "found_by": "station"},
    )  # fmt: skip
