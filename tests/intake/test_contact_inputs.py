"""Wired sensors: kind, id and place of their own; edges at once, at their first instant."""

import asyncio
import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import DeviceChange, DeviceState, PollResult, Quality, Reading
from drivers.dry_contact import ContactLevel, ContactOptions, SupervisedLoop
from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.health import RefusalVitals
from gateway.intake import Intake
from gateway.intake import intake as module
from gateway.intake.contact_inputs import (
    EDGES_MAX,
    HABITS,
    ContactInput,
    ContactInputs,
    InputMemory,
    WiredInput,
    input_defaults,
)
from gateway.intake.intake import IntakeDevice
from gateway.intake.reporting_filter import ReportOptions
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import simulated

S = 1_000_000_000
SMOKE = WiredInput(
    point="input-1", id="smoke", place="b3-f5",
    contact=ContactOptions(normally="closed", hold_s=0.5),
)  # fmt: skip
KEY = WiredInput(point="input-8", id="notice-key", place="hall", contact=ContactOptions(stuck_s=30))
LOOP = WiredInput(
    point="input-2", id="gate", place="gate",
    contact=ContactOptions(loop=SupervisedLoop(short=500, parted=7_000, open=20_000)),
)  # fmt: skip


def reading(value, at_s, point="input-1", quality=Quality.GOOD) -> Reading:
    return Reading("di", point, value, "1", quality, round(at_s * S))


def closed(at_s, **points) -> tuple[Reading, ...]:
    return tuple(reading(value, at_s, name.replace("_", "-")) for name, value in points.items())


def report(key: ContactInput) -> Reading | None:
    """What is due goes into the journal; the last of it."""
    said = None
    for due in key.due():
        key.offered(due)
        key.stored(due)
        said = due.reading
    return said


def test_an_input_speaks_under_its_own_id_and_the_rest_of_the_module_under_theirs() -> None:
    inputs = ContactInputs([KEY])
    said = inputs.update(closed(1, input_8=True, input_1=True, relay_1=False))
    assert [(each.point, each.value) for each in said.now] == [
        ("relay-1", False),
        ("notice-key", True),
    ]
    assert [each.point for each in said.others] == ["relay-1"], "nothing is wired to input 1"


def test_a_module_to_which_nothing_is_wired_shows_its_inputs_as_they_are() -> None:
    readings = closed(1, input_1=True, input_2=False)
    assert ContactInputs([]).update(readings) == (readings, readings, readings)


def test_an_edge_is_told_once_and_bears_the_instant_of_its_first_reading() -> None:
    inputs = ContactInputs([SMOKE])
    told = []
    for tenths in range(20):
        said = inputs.update(closed(tenths / 10, input_1=tenths < 10))
        told += [(each.at_ns, each.value) for each in said.told if each.at_ns < said.now[0].at_ns]
        assert said.now[0].at_ns == tenths * S // 10
    assert told == [(0, False), (1 * S, True)], "normally closed: open is smoke"


@pytest.mark.parametrize(
    ("ohm", "value", "quality"),
    [(100, "short", Quality.SENSOR_FAULT), (5_000, True, Quality.GOOD),
     (10_000, False, Quality.GOOD), (math.inf, "open", Quality.SENSOR_FAULT)],
)  # fmt: skip
def test_a_cut_cable_is_neither_alarm_nor_rest(ohm, value, quality) -> None:
    (now,) = ContactInputs([LOOP]).update(closed(1, input_2=ohm)).now
    assert (now.value, now.quality) == (value, quality)


def test_a_jammed_key_is_a_fault_of_the_sensor_and_no_second_press() -> None:
    key = ContactInput(KEY)
    owed = []
    for second in range(40):
        key.update(reading(second > 0, second, "input-8"))
        for due in key.due():
            owed.append((second, due.reading.value, due.reading.quality.value))
            key.offered(due)
    assert owed == [(0, False, "good"), (1, True, "good"), (31, True, "sensor_fault")]


def test_what_was_told_before_a_restart_is_not_said_again_before_a_reading_shows_it() -> None:
    panel = ContactInput(msgspec.structs.replace(SMOKE, contact=ContactOptions(hold_s=0.5)))
    panel.resume(InputMemory(ContactLevel.ACTIVE), 0)
    said = [panel.update(reading(False, tenths / 10, "input-1"))[0] for tenths in range(8)]
    assert [each.value for each in said] == [None] * 5 + [False] * 3, "reset while nobody looked"
    assert said[0].quality is Quality.STALE
    held = ContactInput(msgspec.structs.replace(SMOKE, contact=ContactOptions(hold_s=0.5)))
    held.resume(InputMemory(ContactLevel.ACTIVE), 0)
    assert held.update(reading(True, 0, "input-1"))[0].value is True


def test_a_lost_reading_is_no_level_and_no_edge_until_it_lasts() -> None:
    key = ContactInput(KEY)
    key.update(reading(True, 0, "input-8"))
    report(key)
    now, _ = key.update(reading(None, 1, "input-8", Quality.TIMEOUT))
    assert (now.value, now.quality) == (None, Quality.TIMEOUT)
    assert key.due() == ()
    key.update(reading(None, 10, "input-8", Quality.TIMEOUT))
    assert key.due()
    assert key.memory is None


def test_an_unchanged_level_is_reported_now_and_then() -> None:
    key = ContactInput(msgspec.structs.replace(KEY, at_least_every_s=900))
    reported = []
    for second in range(0, 1900, 10):
        key.update(reading(False, second, "input-8"))
        if report(key):
            reported.append(second)
    assert reported == [0, 900, 1800]


def test_the_kinds_that_people_press_are_believed_at_once() -> None:
    pressed = ["key", "sos", "fall", "throw"]
    assert [kind for kind, each in HABITS.items() if each.hold_s == 0] == pressed
    assert [kind for kind, each in HABITS.items() if each.brief] == pressed
    assert input_defaults("something-else").hold_s > 0


LEVELS = st.lists(st.tuples(st.floats(0.05, 20), st.sampled_from([True, False, None])), max_size=60)


def polls(steps):
    at_s = itertools.accumulate(gap for gap, _ in steps)
    return [
        reading(value, at, "input-8", Quality.TIMEOUT if value is None else Quality.GOOD)
        for at, (_, value) in zip(at_s, steps, strict=True)
    ]


@given(LEVELS, st.lists(st.booleans(), min_size=60, max_size=60))
def test_however_reports_are_held_back_the_last_one_is_the_truth(steps, room) -> None:
    key, said = ContactInput(KEY), None
    for each, may in zip(
        [*polls(steps), reading(True, 1e6, "input-8")], [*room, True], strict=False
    ):
        key.update(each)
        said = report(key) or said if may else said
    key.update(reading(True, 1e6 + 1, "input-8"))
    said = report(key) or said
    assert said is not None
    assert said.value is True


@given(LEVELS, st.lists(st.sampled_from(["stored", "refused", "waits"]), min_size=60, max_size=60))
def test_no_edge_is_lost_and_none_told_twice_whatever_the_journal_says(steps, words) -> None:
    key, told, stored, under_way = ContactInput(KEY), [], [], []
    for each, word in zip(polls(steps), words, strict=False):
        now, edge = key.update(each)
        told += [] if edge is now else [edge]
        for due in key.due():
            key.offered(due)
            under_way.append(due)
        while under_way and word != "waits":
            due = under_way.pop(0)
            key.stored(due) if word == "stored" else key.refused(due)
            stored += [due.reading] if word == "stored" and due.edge else []
    for due in under_way:
        key.refused(due)
    stored += [due.reading for due in key.due() if due.edge]
    assert stored == told[key.given_up :]
    assert key.given_up == 0 or len(told) > EDGES_MAX


@simulated
async def test_what_the_journal_refuses_is_due_again_and_counted(tmp_path, monkeypatch) -> None:
    journal = simulated_journal(tmp_path / "j.db")
    reports = {"door": ReportOptions(change=0.0, at_least_every_s=900)}
    device = IntakeDevice("di", "b3", 1.0, reports=reports, inputs=(KEY,))
    intake = Intake(journal, loop_clock(), [device])
    whole = journal.offer

    def full(*_):
        ticket = asyncio.get_running_loop().create_future()
        ticket.set_exception(JournalFull("journal.full"))
        return ticket

    async def poll(at_s, key, door) -> None:
        readings = (reading(key, at_s, "input-8"), reading(door, at_s, "door"))
        intake.handle_poll(PollResult("di", at_s * S, 0, readings))
        await asyncio.sleep(1)

    monkeypatch.setattr(journal, "offer", full)
    intake.handle_state_change(DeviceChange("di", DeviceState.SILENT, 999 * S))
    await poll(1000, True, 1)
    await poll(1001, False, 2)
    assert intake.refusals.held == 1
    monkeypatch.setattr(journal, "offer", whole)
    await poll(1002, False, 2)
    await poll(1003, False, 2)
    told = [msgspec.json.decode(b"{" + e.body) for e in await journal.read(Lane.TELEMETRY, 0)]
    assert [each["data"]["v"] for each in told] == [
        {"notice-key": True},
        {"notice-key": False},
        {"door": 2},
    ]
    (state,) = await journal.read(Lane.SERVICE, 0)
    assert b'"silent"' in state.body
    # the state; an edge and the door; the state again, both edges and the door
    assert intake.refusals == RefusalVitals("intake", 7, intake.refusals.last_ns)


@simulated
async def test_one_listener_and_one_poll_fail_alone(tmp_path) -> None:
    faults: list[str] = []
    intake = Intake(
        simulated_journal(tmp_path / "j.db"), loop_clock(), [IntakeDevice("di", "b3", 1.0)],
        on_fault=lambda where, error: faults.append(f"{where} {type(error).__name__}"),
    )  # fmt: skip
    heard: list[str] = []

    def deaf(*_):
        raise KeyError

    intake.listen(deaf)
    intake.listen(lambda device, _: heard.append(device))
    intake.handle_poll(PollResult("di", S, 0, closed(1, temperature=21.5)))
    intake.handle_poll(PollResult("di", 2 * S, 0, (None,)))
    intake.handle_poll(PollResult("gone", 2 * S, 0, closed(2, temperature=21.5)))
    intake.handle_poll(PollResult("di", 3 * S, 0, closed(3, temperature=21.5)))
    assert heard == ["di", "di"]
    assert faults == [
        "intake.listener KeyError",
        "intake.poll AttributeError",
        "intake.listener KeyError",
    ]
    await intake.drain()


@given(LEVELS, st.integers(0, 59))
def test_a_restart_tells_no_edge_that_was_told_before(steps, at) -> None:
    readings = [*polls(steps), reading(True, 1e6, "input-8")]
    at = min(at, len(steps))
    before, straight = ContactInput(KEY), ContactInput(KEY)
    for each in readings[:at]:
        before.update(each)
        straight.update(each)
    after = ContactInput(KEY)
    if before.memory is not None:
        after.resume(before.memory, readings[at - 1].at_ns)
    for each in readings[at:]:
        was = after.contact.level
        _, told = after.update(each)
        straight.update(each)
        if told.quality is Quality.GOOD and after.contact.level is was:
            assert told.at_ns == each.at_ns, "no edge"
    assert after.contact.level is straight.contact.level is ContactLevel.ACTIVE


@simulated
async def test_an_edge_is_in_the_journal_at_once_at_its_place_and_instant(tmp_path) -> None:
    journal = simulated_journal(tmp_path / "j.db")
    device = IntakeDevice("di", "b3", 1.0, inputs=(SMOKE, KEY))
    intake = Intake(journal, loop_clock(), [device])
    await intake.resume()
    for tenths in range(10_000, 10_020):
        at_s = tenths / 10
        poll = closed(at_s, input_1=at_s < 1001, input_8=at_s >= 1001)
        intake.handle_poll(PollResult("di", round(at_s * S), 0, poll))
    await intake.drain()
    told = [msgspec.json.decode(b"{" + e.body) for e in await journal.read(Lane.TELEMETRY, 0)]
    assert [(each["place"], each["data"]["v"]) for each in told] == [
        ("hall", {"notice-key": False}),
        ("b3-f5", {"smoke": False}),
        ("hall", {"notice-key": True}),
        ("b3-f5", {"smoke": True}),
    ]
    assert told[3]["source"].endswith("/di")
    assert intake.current.readings("di")["smoke"].value is True


@simulated
async def test_a_held_key_is_no_new_press_after_a_restart(tmp_path) -> None:
    journal = simulated_journal(tmp_path / "j.db")
    device = IntakeDevice("di", "b3", 1.0, inputs=(KEY,))
    first = Intake(journal, loop_clock(), [device])
    await first.resume()
    first.handle_poll(PollResult("di", 1000 * S, 0, closed(1000, input_8=True)))
    await first.drain()
    again = Intake(journal, loop_clock(), [device])
    await again.resume()
    edges = []
    again.listen(lambda _, readings: edges.extend(readings))
    again.handle_poll(PollResult("di", 1001 * S, 0, closed(1001, input_8=True)))
    again.handle_poll(PollResult("di", 1002 * S, 0, closed(1002, input_8=False)))
    await again.drain()
    assert [(each.value, each.at_ns) for each in edges] == [(True, 1001 * S), (False, 1002 * S)]
    assert (await journal.load("intake")) == {"contact/di/notice-key": b'{"level":"idle"}'}
    renamed = IntakeDevice("di", "b3", 1.0, inputs=(msgspec.structs.replace(KEY, id="other"),))
    await Intake(journal, loop_clock(), [renamed]).resume()
    await asyncio.sleep(1)  # it is offered, and nobody waits
    assert await journal.load("intake") == {}, "an input that is gone leaves nothing behind"


@simulated
async def test_edges_are_reported_where_other_readings_must_wait(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 0)
    journal = simulated_journal(tmp_path / "j.db")
    intake = Intake(journal, loop_clock(), [IntakeDevice("di", "b3", 1.0, inputs=(KEY,))])
    intake.handle_poll(PollResult("di", 1000 * S, 0, closed(1000, input_8=True, temperature=21.5)))
    await intake.drain()
    (entry,) = await journal.read(Lane.TELEMETRY, 0)
    assert b"notice-key" in entry.body
    assert intake.refusals.refused == 1


def test_what_is_remembered_is_small() -> None:
    assert (
        msgspec.json.encode(InputMemory(ContactLevel.ACTIVE, stuck=True))
        == b'{"level":"active","stuck":true}'
    )
