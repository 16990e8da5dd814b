"""The bus on an emulated wire, in virtual time: whom it asks, when, and what it believes."""

import asyncio
import contextlib
import itertools
import math
from typing import Any

import msgspec
import pytest

from drivers.bus.link import StreamLink
from drivers.contract import (
    BusBusy,
    BusOverloaded,
    BusState,
    CounterReplacement,
    Device,
    LineDown,
    NoReply,
    NotWritable,
    Point,
    Quality,
    RequestRefused,
    WriteNotKept,
    WriteSpec,
    WrongUse,
)
from drivers.emulate import memory_stream
from drivers.emulate.rs485 import Rs485Line
from drivers.family import WireCost
from drivers.modbus import codec
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.scan.profile_trial import try_profile
from drivers.serial_line import SerialLine
from tests.drivers.harness import LINE, meter, run_bus, slave, word, wrong
from tests.sim.loop import simulated


@simulated
async def test_every_device_is_polled_on_its_own_grid() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1, every_s=5), meter(2, every_s=2)) as field:
        await asyncio.sleep(61)
    assert wrong(field) == []
    assert field.values("m1") == {f"r{at}": word(1, at) for at in range(20)}
    assert len(field.of("m1")) == pytest.approx(13, abs=1)
    assert len(field.of("m2")) == pytest.approx(31, abs=1)
    for period_s in field.periods_s("m2")[1:]:
        assert period_s == pytest.approx(2, abs=0.1)
    assert field.states("m1") == ["ok"]
    assert field.line_states() == ["up"]
    assert wire.counters.violations == field.bus.stats.wire.silence_broken == 0
    assert field.bus.stats.wire.silence_kept - wire.counters.frames in {
        0,
        1,
    }  # one may be under way


@simulated
async def test_rounds_of_a_second_and_more_begin_on_one_beat_and_faster_ones_are_spread() -> None:
    lines = [Rs485Line([slave(unit) for unit in range(1, 5)]) for _ in range(2)]
    slow = [meter(1, every_s=1), *(meter(unit, every_s=3) for unit in (2, 3))]
    async with run_bus(lines[0], *slow, meter(4, every_s=0.9)) as field:
        await asyncio.sleep(0.4)
        async with run_bus(lines[1], *slow) as other:
            await asyncio.sleep(30)
    late_s = [
        result.at_ns / 1e9 % 1 for each in (field, other) for unit in (1, 2, 3)
        for result in each.of(f"m{unit}")[1:]
    ]  # fmt: skip
    assert len(late_s) >= 90
    assert max(late_s) < 0.5
    assert len({round(result.at_ns / 1e9 % 1, 1) for result in field.of("m4")[3:]}) >= 9


@simulated
async def test_where_a_line_is_full_rounds_of_a_second_are_spread_over_it() -> None:
    wire = Rs485Line([slave(unit) for unit in range(1, 9)])
    async with run_bus(wire, *(meter(unit, every_s=1) for unit in range(1, 9))) as field:
        await asyncio.sleep(30)
    assert field.bus.load.share > 0.5
    for unit in range(1, 9):
        begun_s = {round((r.at_ns - r.took_ns) / 1e9 % 1, 3) for r in field.of(f"m{unit}")[2:]}
        assert begun_s == {(unit - 1) / 8 % 1}


@simulated
async def test_of_two_devices_on_one_beat_one_is_read_whole_before_the_other() -> None:
    blocks = (*range(3), *range(40, 43))  # too far apart for one request
    wire = Rs485Line([slave(unit) for unit in range(1, 5)])
    async with run_bus(wire, *(meter(unit, *blocks, every_s=2) for unit in range(1, 5))) as field:
        await asyncio.sleep(30)
    rounds = [result for result in field.results if result.at_ns / 1e9 > field.began_s + 5]
    assert len(rounds) >= 48
    for before, after in itertools.pairwise(rounds):
        assert min(reading.at_ns for reading in after.readings) > before.at_ns


@simulated
async def test_nothing_is_asked_before_a_late_window_has_passed() -> None:
    wire = Rs485Line([slave(1)])
    async with run_bus(wire, meter(1, timeout_s=1.5)) as field:
        await asyncio.sleep(1.4)
        assert wire.counters.frames == 0
        await asyncio.sleep(0.8)
    assert field.results[0].at_ns / 1e9 > field.began_s + 1.5


@simulated
async def test_a_late_reply_is_never_given_to_the_next_request() -> None:
    # Two blocks of one length, one device: nothing in a reply tells which one it answers.
    device = meter(1, 0, 1, 40, 41, every_s=5)
    for late_s in (0.0, 0.9, 1.3, 2.4, 4.5, 6.0, 11.0):
        wire = Rs485Line([slave(1)])
        wire.slaves[0].faults.late_s = late_s
        async with run_bus(wire, device) as field:
            await asyncio.sleep(200)
            wire.slaves[0].faults.late_s = 0.0
            await asyncio.sleep(500)
            assert field.values("m1") == {f"r{at}": word(1, at) for at in (0, 1, 40, 41)}
            wire.slaves[0].faults.late_s = late_s
            await asyncio.sleep(200)
        assert wrong(field) == []
        assert wire.counters.violations == 0


@simulated
async def test_a_device_that_is_only_slow_is_told_apart_from_a_dead_one() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    wire.slaves[0].faults.late_s = 1.4
    async with run_bus(wire, meter(1), meter(2)) as field:
        await asyncio.sleep(60)
    (change,) = [change for change in field.changes if getattr(change, "device", "") == "m1"]
    assert change.code == "bus.late-reply"
    assert change.data == {"took_s": pytest.approx(1.5, abs=0.06), "waited_s": 1.0}


@simulated
async def test_loss_and_return_are_each_told_once() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1), meter(2)) as field:
        await asyncio.sleep(30)
        wire.slaves[0].faults.dead = True
        await asyncio.sleep(600)
        wire.slaves[0].faults.dead = False
        await asyncio.sleep(400)
    assert field.states("m1") == ["ok", "silent", "ok"]
    assert field.states("m2") == ["ok"]
    assert field.line_states() == ["up"]
    assert field.of("m1")[-1].fault is None


@simulated
async def test_a_failed_round_says_why_and_repeats_no_value() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1, 0, 1), meter(2)) as field:
        await asyncio.sleep(12)
        wire.slaves[0].faults.dead = True
        await asyncio.sleep(6)
    last = field.of("m1")[-1]
    assert isinstance(last.fault, NoReply)
    assert [(reading.value, reading.quality) for reading in last.readings] == [
        (None, Quality.TIMEOUT)
    ] * 2


@simulated
async def test_noise_costs_a_repetition_not_a_value() -> None:
    wire = Rs485Line([slave(1)], seed=5)
    wire.slaves[0].faults.noise = 0.004
    async with run_bus(wire, meter(1, every_s=2)) as field:
        await asyncio.sleep(400)
    stats = field.bus.stats.devices["m1"]
    assert stats.crc > 20
    assert wrong(field) == []
    good = [result for result in field.of("m1") if result.fault is None]
    assert len(good) > 0.9 * len(field.of("m1"))


@simulated
async def test_garbage_around_a_reply_does_not_hide_it() -> None:
    wire = Rs485Line([slave(1)], seed=2)
    wire.slaves[0].faults.garbage = 1.0
    async with run_bus(wire, meter(1, every_s=2)) as field:
        await asyncio.sleep(200)
    assert wrong(field) == []
    assert field.bus.stats.wire.stray_bytes > 100
    assert all(result.fault is None for result in field.of("m1"))


@simulated
async def test_a_device_under_another_address_is_not_believed() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    wire.slaves[0].faults.wrong_unit = 2
    async with run_bus(wire, meter(1), meter(2)) as field:
        await asyncio.sleep(120)
    assert wrong(field) == []
    assert [reading for reading in field.believed() if reading.device == "m1"] == []
    assert field.states("m1") == ["silent"]
    assert "bus.two-answers" in {change.code for change in field.changes if change.code}


@simulated
async def test_a_refused_block_is_divided_once_and_remembered() -> None:
    image = RegisterImage({"holding": {0: 10, 1: 11, 5: 15, 6: 16}})
    wire = Rs485Line([ModbusSlave(1, image, LINE)])
    async with run_bus(wire, meter(1, 0, 1, 5, 6, every_s=2)) as field:
        await asyncio.sleep(21)
    assert field.values("m1") == {"r0": 10, "r1": 11, "r5": 15, "r6": 16}
    stats = field.bus.stats.devices["m1"]
    assert stats.exceptions == 1
    assert stats.transactions == 1 + 2 * stats.polls


@simulated
async def test_a_point_that_the_device_lacks_costs_only_itself() -> None:
    image = RegisterImage({"holding": {0: 10, 1: 11}})
    wire = Rs485Line([ModbusSlave(1, image, LINE)])
    async with run_bus(wire, meter(1, 0, 1, 2, every_s=2)) as field:
        await asyncio.sleep(20)
    assert field.values("m1") == {"r0": 10, "r1": 11, "r2": None}
    assert {reading.quality for reading in field.of("m1")[-1].readings} == {
        Quality.GOOD, Quality.EXCEPTION,
    }  # fmt: skip
    assert field.states("m1") == ["ok"]


@simulated
async def test_a_device_that_refuses_everything_is_faulty_not_silent() -> None:
    wire = Rs485Line([slave(1)])
    wire.slaves[0].faults.exception = 4
    async with run_bus(wire, meter(1)) as field:
        await asyncio.sleep(60)
        wire.slaves[0].faults.exception = None
        await asyncio.sleep(10)
    assert field.states("m1") == ["faulty", "ok"]
    (change,) = [change for change in field.changes if change.code == "modbus.exception"]
    assert change.data == {"exception": 4}


class Mute(ModbusSlave):
    """Says nothing when asked for one register, as cheap meters do for what they lack."""

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        return None if frame[2:4] == b"\0\x1e" else super().answer(frame, at_s)


@simulated
async def test_a_device_silent_on_one_block_still_gives_the_others() -> None:
    image = RegisterImage({"holding": dict(enumerate(range(60)))})
    wire = Rs485Line([Mute(1, image, LINE)])
    async with run_bus(wire, meter(1, 0, 1, 2, 30, every_s=5)) as field:
        await asyncio.sleep(120)
    assert field.values("m1") == {"r0": 0, "r1": 1, "r2": 2, "r30": None}
    assert field.states("m1") == ["ok"]


@simulated
async def test_alarm_inputs_go_before_meters() -> None:
    inputs = RegisterImage({"discrete": {0: 1, 1: 0}})
    contact = Point(id="smoke", kind="discrete", address=0, type="bool", priority=1)
    module = Device(id="di", family="modbus", address="9", points=(contact,), every_s=0.5)
    wire = Rs485Line([ModbusSlave(9, inputs, LINE), *(slave(unit) for unit in range(1, 5))])
    async with run_bus(wire, module, *(meter(unit, every_s=0.6) for unit in range(1, 5))) as field:
        await asyncio.sleep(60)
    longest_s = field.bus.load.longest_s
    for period_s in field.periods_s("di")[1:]:
        assert period_s <= 0.5 + 2 * longest_s
    assert {reading.value for result in field.of("di") for reading in result.readings} == {True}


@simulated
async def test_lines_of_different_speed_share_one_wire() -> None:
    slow = SerialLine.parse("2400 8E1")
    wire = Rs485Line([slave(1), slave(2, line=slow)])
    async with run_bus(wire, meter(1), meter(2, line=slow)) as field:
        await asyncio.sleep(120)
    assert wrong(field) == []
    assert field.states("m2") == ["ok"]
    assert wire.counters.wrong_line == wire.counters.violations == 0
    assert 40 <= field.bus.stats.wire.line_changes <= 60


@simulated
async def test_an_adapter_that_echoes_is_understood() -> None:
    wire = Rs485Line([slave(1)], echo=True)
    async with run_bus(wire, meter(1), echo=True) as field:
        await asyncio.sleep(30)
    assert wrong(field) == []
    assert len(field.of("m1")) >= 5


@simulated
async def test_a_pulled_plug_and_its_return() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1, every_s=2), meter(2, every_s=2)) as field:
        await asyncio.sleep(10.03)  # in the middle of a transaction
        wire.unplug()
        await asyncio.sleep(60)
        polls = len(field.results)
        wire.plug()
        await asyncio.sleep(30)
    assert field.line_states() == ["up", "down", "down", "up"]
    lost, missing = [change.code for change in field.changes if change.code]
    assert (lost, missing) == ("bus.line-lost", "bus.port-missing")
    assert len(field.results) > polls + 15
    assert wrong(field) == []
    assert field.states("m1") == ["ok"]


@simulated
async def test_a_pulled_plug_is_noticed_at_once_between_rounds_and_while_all_are_silent() -> None:
    wire = Rs485Line([slave(1)])
    async with run_bus(wire, meter(1, every_s=900)) as field:
        await asyncio.sleep(60)
        wire.unplug()
        await asyncio.sleep(0.1)
        assert field.line_states() == ["up", "down"]
        wire.plug()
        await asyncio.sleep(30)
        wire.slaves[0].faults.dead = True
        await asyncio.sleep(7200)  # it rests
        wire.unplug()
        await asyncio.sleep(0.1)
        assert field.line_states()[-1] == "down"


@simulated
async def test_a_port_that_is_away_for_days_is_tried_as_often_as_before_and_comes_back() -> None:
    wire = Rs485Line([slave(1)])
    wire.unplug()
    async with run_bus(wire, meter(1, every_s=2)) as field:
        await asyncio.sleep(3 * 86_400)
        wire.plug()
        await asyncio.sleep(30)
    assert field.line_states() == ["down", "up"]
    assert field.values("m1")


@simulated
async def test_a_bus_that_is_told_to_restart_starts_again() -> None:
    wire = Rs485Line([slave(1)])
    async with run_bus(wire, meter(1, every_s=2)) as field:
        await asyncio.sleep(10)
        field.bus.restart()
        await asyncio.sleep(10)
    assert field.line_states() == ["up", "down", "up"]
    assert field.bus.stats.opened == 2
    assert len(field.of("m1")) >= 8


@simulated
async def test_a_bus_whose_listener_broke_can_be_run_again() -> None:
    wire = Rs485Line([slave(1)])
    field = run_bus(wire, meter(1, every_s=2))
    sink, field.bus._sink = field.bus._sink, lambda _: 1 / 0
    with pytest.raises(ExceptionGroup):
        await field._task
    field.bus._sink = sink
    field._task = asyncio.create_task(field.bus.run())
    async with field:
        await asyncio.sleep(20)
    assert len(field.of("m1")) == pytest.approx(10, abs=1)
    assert wire.counters.frames < 14


@simulated
async def test_a_result_held_when_the_bus_was_cancelled_holds_up_none_after_it() -> None:
    wire = Rs485Line([slave(1)])
    async with run_bus(wire, meter(1, 0, 1, 2, every_s=1)) as field:
        await asyncio.sleep(1.2)  # a stranger's first answer has just come
        held = field.bus._unsure._kept
        assert held
        field._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await field._task
        before = len(field.results)
        field._task = asyncio.create_task(field.bus.run())
        await asyncio.sleep(20)
        assert sum(map(len, held.values())) <= 1
    assert field.results[before].fault is not None  # nobody has heard whether it was right
    assert len(field.results) > before + 15
    assert wrong(field) == []


@simulated
async def test_when_nobody_answers_any_more_the_port_is_opened_once_again() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1), meter(2)) as field:
        await asyncio.sleep(20)
        for each in wire.slaves:
            each.faults.dead = True
        await asyncio.sleep(3000)
    assert field.bus.stats.opened == 2
    assert field.line_states() == ["up"]
    assert field.states("m1") == ["ok", "silent"]


class Puzzling(ModbusDriver):
    """A driver with a mistake: one point upsets its decoder."""

    def plan(self, device, points, wire):
        def upset(frame):
            raise KeyError("nobody foresaw this")

        return tuple(
            msgspec.structs.replace(each, decode=upset) if each.points[0].id == "r40" else each
            for each in super().plan(device, points, wire)
        )


@simulated
async def test_a_mistake_of_a_driver_costs_one_transaction_and_is_told(monkeypatch) -> None:
    monkeypatch.setattr("drivers.bus.bus_plan.polled_driver", lambda _: Puzzling())
    told = []
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1, 0, 1, 40), meter(2)) as field:
        field.bus._exchanges._on_fault = lambda where, error: told.append((where, error))
        await asyncio.sleep(31)
    assert field.values("m1") == {"r0": word(1, 0), "r1": word(1, 1), "r40": None}
    assert field.states("m1") == field.states("m2") == ["ok"]
    assert len(field.of("m2")) >= 6
    assert {where for where, _ in told} == {"bus.b"}
    assert all(isinstance(error, KeyError) for _, error in told)
    assert len(told) == 2 * len(field.of("m1"))  # what is garbled is asked once more


class Hanging:
    """A port that takes the request and never comes back: its driver has lost itself."""

    def __init__(self, options, hangs: int) -> None:
        self._options, self.hangs = options, hangs

    def __getattr__(self, name: str):
        return getattr(self._options, name)

    async def connect(self, tap):
        link = await self._options.connect(tap)
        if self.hangs:
            self.hangs -= 1
            link.exchange = lambda *_: asyncio.Event().wait()
        return link


@simulated
async def test_a_stuck_bus_is_closed_reported_and_opened_again() -> None:
    wire = Rs485Line([slave(1)])
    async with run_bus(wire, meter(1)) as idle:
        options = Hanging(idle.bus._options, hangs=1)
    field = type(idle)(options, [meter(1)])
    async with field:
        await asyncio.sleep(60)
    assert [change.code for change in field.changes if change.code] == ["bus.stuck"]
    assert field.line_states() == ["up", "down", "up"]
    assert len(field.of("m1")) >= 5


def relay_wire(**more) -> tuple[Rs485Line, Device]:
    image = RegisterImage(
        {"holding": {0: 1, 7: 500}, "coil": {3: 0}},
        writable=[("holding", 7), ("coil", 3)],
    )
    points = (
        Point(id="mode", kind="holding", address=0),
        Point(id="limit", kind="holding", address=7, scale=0.1, decimals=1,
              writable=WriteSpec(min=0, max=100)),
        Point(id="valve", kind="coil", address=3, type="bool", writable=WriteSpec()),
    )  # fmt: skip
    device = Device(id="relay", family="modbus", address="4", points=points, **more)
    return Rs485Line([ModbusSlave(4, image, LINE)]), device


@simulated
async def test_a_write_is_read_back_before_it_is_believed() -> None:
    wire, relay = relay_wire()
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        assert (await field.bus.write("relay", "limit", 42.5)).value == 42.5
        assert (await field.bus.write("relay", "valve", True)).value is True
    assert wire.slaves[0].image.read("holding", 7, 1) == [425]
    assert wire.slaves[0].image.read("coil", 3, 1) == [1]


@simulated
async def test_a_point_that_cannot_be_read_back_is_never_good() -> None:
    image = RegisterImage({"coil": {3: 0}, "holding": {0: 1}}, writable=[("coil", 3)])
    bell = Point(
        id="bell", kind="coil", address=3, type="bool", writable=WriteSpec(read_back=False)
    )
    device = Device(id="d", family="modbus", address="4", points=(bell,))
    async with run_bus(Rs485Line([ModbusSlave(4, image, LINE)]), device) as field:
        await asyncio.sleep(3)
        reading = await field.bus.write("d", "bell", True)
    assert (reading.value, reading.quality) == (True, Quality.SUBSTITUTED)
    assert image.read("coil", 3, 1) == [1]


class Forgetful(ModbusSlave):
    """Confirms every write and keeps none."""

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        return frame if frame[1] in {5, 6} else super().answer(frame, at_s)


@simulated
async def test_a_write_that_is_not_kept_is_an_error() -> None:
    wire, relay = relay_wire()
    wire.slaves[:] = [Forgetful(4, wire.slaves[0].image, LINE)]
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        with pytest.raises(WriteNotKept) as caught:
            await field.bus.write("relay", "limit", 42.5)
    assert caught.value.data == {
        "device": "relay", "point": "limit", "wrote": 42.5, "reads": 50.0,
    }  # fmt: skip


class Tongueless(ModbusSlave):
    """Does what it is told, and its answer to a write is lost."""

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        reply = super().answer(frame, at_s)
        return None if frame[1] in {5, 6} else reply


@simulated
async def test_reading_back_settles_a_write_without_an_answer() -> None:
    wire, relay = relay_wire()
    wire.slaves[:] = [Tongueless(4, wire.slaves[0].image, LINE)]
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        assert (await field.bus.write("relay", "limit", 42.5)).value == 42.5


@simulated
async def test_writes_that_cannot_be() -> None:
    wire, relay = relay_wire()
    async with run_bus(wire, relay) as field:
        with pytest.raises(LineDown):
            await field.bus.write("relay", "limit", 1)
        await asyncio.sleep(5)
        for point, value in (("mode", 1), ("limit", 101), ("limit", "x"), ("nothing", 1)):
            with pytest.raises(NotWritable):
                await field.bus.write("relay", point, value)
        with pytest.raises(NotWritable):
            await field.bus.write("nobody", "limit", 1)
        wire.slaves[0].faults.exception = 1
        with pytest.raises(RequestRefused):
            await field.bus.write("relay", "limit", 1)
        wire.slaves[0].faults.dead = True
        with pytest.raises(NoReply):
            await field.bus.write("relay", "limit", 1)


@simulated
async def test_a_write_that_nobody_awaits_any_more_still_runs_to_its_end() -> None:
    wire, relay = relay_wire()
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        writing = asyncio.create_task(field.bus.write("relay", "limit", 42.5))
        await asyncio.sleep(0.02)
        writing.cancel()
        await asyncio.sleep(10)
    assert wire.slaves[0].image.read("holding", 7, 1) == [425]
    assert wire.counters.violations == wire.counters.collisions == 0


@simulated
async def test_only_so_many_writes_may_wait() -> None:
    wire, relay = relay_wire()
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        writes = [asyncio.create_task(field.bus.write("relay", "limit", n)) for n in range(40)]
        done = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(outcome, BusBusy) for outcome in done) == 8


@simulated
async def test_waiting_writes_are_told_when_the_line_goes_down() -> None:
    wire, relay = relay_wire()
    async with run_bus(wire, relay) as field:
        await asyncio.sleep(5)
        writes = [asyncio.create_task(field.bus.write("relay", "limit", n)) for n in range(4)]
        await asyncio.sleep(0.01)
        wire.unplug()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(outcome, LineDown) for outcome in outcomes)


@simulated
async def test_a_counter_that_goes_back_is_flagged_until_it_is_accepted() -> None:
    image = RegisterImage({"holding": {0: 0, 1: 1000}})
    energy = Point(id="e", kind="holding", address=0, type="u32", counter=True)
    device = Device(id="m", family="modbus", address="1", points=(energy,), every_s=1)
    async with run_bus(Rs485Line([ModbusSlave(1, image, LINE)]), device) as field:
        await asyncio.sleep(5)
        image.put("holding", 1, [7])
        await asyncio.sleep(5)
        flagged = field.of("m")[-1].readings[0]
        field.bus.accept_counter("m", "e")
        await asyncio.sleep(5)
    assert (flagged.value, flagged.quality) == (7, Quality.OUT_OF_RANGE)
    assert field.of("m")[-1].readings[0].quality is Quality.GOOD


@simulated
async def test_a_replaced_meter_is_taken_up_and_told_with_its_poll() -> None:
    image = RegisterImage({"holding": {0: 0, 1: 1000}})
    energy = Point(id="e", kind="holding", address=0, type="u32", counter=True)
    device = Device(id="m", family="modbus", address="1", points=(energy,), every_s=15)
    async with run_bus(Rs485Line([ModbusSlave(1, image, LINE)]), device) as field:
        await asyncio.sleep(60)
        image.put("holding", 1, [7])
        await asyncio.sleep(1200)
    polls = field.of("m")
    told = [n for n, poll in enumerate(polls) if poll.replaced]
    assert [poll.replaced for poll in polls if poll.replaced] == [
        (CounterReplacement("e", 1000, 7, by_person=False),)
    ]
    said = [(poll.readings[0].value, poll.readings[0].quality) for poll in polls[: told[0] + 1]]
    new = [each for each in said if each[0] == 7]
    assert new == [(7, Quality.OUT_OF_RANGE)] * 60 + [(7, Quality.GOOD)]
    assert said[-len(new) - 1] == (1000, Quality.GOOD)


@simulated
async def test_a_bus_without_devices_is_merely_quiet() -> None:
    async with run_bus(Rs485Line()) as field:
        await asyncio.sleep(5)
        stats = field.bus.stats
    assert field.line_states() == ["up"]
    assert (stats.wire.load, stats.wire.cycle_s, stats.transactions) == (0, 0, 0)


@simulated
async def test_a_plan_beyond_the_wire_is_refused_with_its_figures() -> None:
    with pytest.raises(BusOverloaded) as caught:
        run_bus(Rs485Line(), *(meter(unit, every_s=0.1) for unit in (1, 2)))
    assert caught.value.data["most"] == 0.8
    assert caught.value.data["planned"] == pytest.approx(1.45, abs=0.05)
    assert set(caught.value.data["devices"]) == {"m1", "m2"}


@simulated
async def test_devices_that_do_not_belong_here_are_refused() -> None:
    for bad in (
        meter(1).__class__(id="x", family="nothing", address="1", points=()),
        meter(1).__class__(id="x", family="modbus", address="A1", points=()),
        meter(1).__class__(id="x", family="modbus", address="300", points=()),
        meter(1, 70000),
    ):
        with pytest.raises(WrongUse):
            run_bus(Rs485Line(), bad)


@simulated
async def test_the_figures_of_a_quiet_bus() -> None:
    wire = Rs485Line([slave(1), slave(2)])
    async with run_bus(wire, meter(1), meter(2)) as field:
        await asyncio.sleep(90)
        stats = field.bus.stats
    assert stats.state is BusState.UP
    assert stats.wire.planned == pytest.approx(field.bus.load.share)
    assert stats.wire.load == pytest.approx(stats.wire.planned, rel=0.15)
    assert stats.wire.cycle_s == pytest.approx(5, abs=0.1)
    assert stats.transactions == sum(each.transactions for each in stats.devices.values())
    assert sum(stats.devices["m1"].rtt) == stats.devices["m1"].transactions


@simulated
async def test_getting_to_know_three_dead_devices_costs_the_others_no_long_gap() -> None:
    wire = Rs485Line([slave(unit) for unit in range(1, 6)])
    for each in wire.slaves[:3]:
        each.faults.dead = True
    async with run_bus(wire, *(meter(unit, every_s=2) for unit in range(1, 6))) as field:
        await asyncio.sleep(60)
    for unit in (4, 5):
        first_s = field.of(f"m{unit}")[0].at_ns / 1e9 - field.began_s
        assert first_s < 1 + 3 * 0.4 + 0.8  # the late window, three short waits, its own two reads
        assert max(field.periods_s(f"m{unit}")) < 2 + 1.2
    assert {field.states(f"m{unit}")[-1] for unit in (1, 2, 3)} == {"silent"}


class MuteAtBlocks(ModbusSlave):
    """Answers one register at a time, and is silent at more."""

    blocks = 0

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        if frame[4:6] == b"\0\x01":
            return super().answer(frame, at_s)
        self.blocks += 1
        return None


@simulated
async def test_silence_at_a_block_is_learnt_like_a_denial() -> None:
    image = RegisterImage({"holding": {at: word(1, at) for at in range(60)}})
    wire = Rs485Line([MuteAtBlocks(1, image, LINE), slave(2)])
    async with run_bus(wire, meter(1, 0, 1, 2, 40, every_s=5), meter(2, every_s=5)) as field:
        await asyncio.sleep(90)
        assert field.values("m1") == {f"r{at}": word(1, at) for at in (0, 1, 2, 40)}
        since = len(field.of("m1"))
        await asyncio.sleep(3600)
    lost = sum(result.fault is not None for result in field.of("m1")[since:])
    assert lost <= 6  # the block is tried again, ever more rarely
    assert field.states("m1") == ["ok"]


class Wavering(MuteAtBlocks):
    """From then on it refuses every other block."""

    wavers_s = math.inf

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._refuses = itertools.cycle([False, True])

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        said = super().answer(frame, at_s)
        if said is None and at_s > self.wavers_s and next(self._refuses):
            return codec.rtu_frame(bytes((self.unit, 0x83, 2)))
        return said


@pytest.mark.parametrize("wavers", [False, True])
@simulated
async def test_a_block_learnt_as_silent_may_be_garbled_when_it_is_tried_again(wavers) -> None:
    image = RegisterImage({"holding": {at: word(1, at) for at in range(60)}})
    wire = Rs485Line([Wavering(1, image, LINE)])
    async with run_bus(wire, meter(1, 0, 1, 2, 40, every_s=2)) as field:
        await asyncio.sleep(40)
        assert field.of("m1")[-1].fault is None
        wire.faults.stray = 1.0  # makes its silence a garbled reply
        if wavers:
            wire.slaves[0].wavers_s = 0.0
        await asyncio.sleep(240)
    faults = sum(result.fault is not None for result in field.of("m1")[-110:])
    assert faults <= (0 if wavers else 4)
    assert wire.slaves[0].blocks >= 2
    assert wrong(field) == []


@simulated
async def test_a_device_that_loses_replies_has_its_blocks_tried_again() -> None:
    wire = Rs485Line([slave(1)])
    wire.slaves[0].faults.loss = 0.6
    async with run_bus(wire, meter(1, 0, 1, 2, 40, every_s=5)) as field:
        await asyncio.sleep(600)
        wire.slaves[0].faults.loss = 0.0
        await asyncio.sleep(2500)
        before = wire.counters.frames
        await asyncio.sleep(500)
    assert wrong(field) == []
    assert wire.counters.frames - before == pytest.approx(200, abs=4)  # two blocks a round


@simulated
async def test_a_model_is_tried_part_by_part_where_the_device_is_silent_at_a_block() -> None:
    image = RegisterImage({"holding": {at: word(1, at) for at in range(60)}})
    wire = Rs485Line([MuteAtBlocks(1, image, LINE), slave(2)])
    link = StreamLink(LINE)
    await link.open(memory_stream.stream_opener(wire))
    for unit in (1, 3):
        device = meter(unit, 0, 1, 2, 40)
        exchanges = await try_profile(link, device, LINE, WireCost())
        good = {value.sample.point.id for each in exchanges for value in each.values}
        assert good == (set() if unit == 3 else {"r0", "r1", "r2", "r40"})
        assert [each.instead for each in exchanges] == (
            [False, False, False] if unit == 3 else [True, False, False, False, False]
        )
