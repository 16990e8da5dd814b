"""Keys at their edges, fire inputs by their level; presets with their history."""

import asyncio

import pytest

from broadcast.material.presets import Presets
from broadcast.options import KeyOptions, KeyOrder, PresetOptions
from broadcast.order import Authority, OrderClass, PresetContent
from broadcast.policy.quiet_hours import S
from broadcast.triggers.wall_keys import KeyEdge, WallKeyActions, WallKeys
from drivers.contract import Quality, Reading
from gateway.audit.events import Actor
from gateway.config.schema import InputOptions
from gateway.errors import UsageError
from gateway.intake.contact_inputs import ContactInputs, WiredInput
from gateway.station.emergency_alerts import EmergencyAlerts
from tests.broadcast.playback.test_service import NOON_NS, world
from tests.sim.journal import simulated_journal
from tests.sim.loop import simulated

STAFF = Actor("staff", "0217")
NIGHT_NS = NOON_NS + 12 * 3600 * S


def heard(keys, *values, quality=Quality.GOOD, point="k"):
    for value in values:
        keys.handle_readings("di", [Reading("di", point, value, "1", quality, 0)])


def pressed(cls="notice"):
    turns = []
    options = KeyOptions(input="di.k", order=KeyOrder(preset="p", zone="z", cls=cls))
    return WallKeys({"key": options}, lambda _key, _options, turn: turns.append(turn)), turns


def test_a_press_is_an_edge_and_the_first_word_is_none():
    keys, turns = pressed()
    heard(keys, True, True, False, True, True, False)
    assert turns == [KeyEdge.PRESSED]


def test_a_bad_reading_says_nothing():
    keys, turns = pressed()
    heard(keys, False)
    heard(keys, True, quality=Quality.SENSOR_FAULT)
    heard(keys, None, "open")
    heard(keys, True, point="other")
    assert turns == []
    heard(keys, True)
    assert turns == [KeyEdge.PRESSED]


def test_a_fire_input_orders_as_long_as_it_is_active():
    keys, turns = pressed("fire")
    heard(keys, False, True, True, False, False)
    assert turns == [KeyEdge.RETURNED, KeyEdge.ACTIVE, KeyEdge.ACTIVE, KeyEdge.RETURNED]


def test_a_fire_panel_that_was_reset_while_nobody_looked_has_returned():
    keys, turns = pressed("fire")
    heard(keys, False, False)
    assert turns == [KeyEdge.RETURNED], "the order of before the restart may still sound"


def test_a_fire_that_burns_at_the_start_is_heard():
    keys, turns = pressed("fire")
    heard(keys, True)
    assert turns == [KeyEdge.ACTIVE]


def test_a_key_to_talk_by_is_let_go_with_its_contact_or_with_its_line():
    turns = []
    options = KeyOptions(input="di.k", order=KeyOrder(microphone="duty", zone="z"))
    keys = WallKeys({"key": options}, lambda _key, _options, turn: turns.append(turn))
    heard(keys, False, True, True, False, False)
    assert turns == [KeyEdge.PRESSED, KeyEdge.RETURNED]
    heard(keys, True)
    heard(keys, True, None, quality=Quality.TIMEOUT)
    heard(keys, True, True)  # the line is back, and the key still held: nobody has pressed anew
    assert turns == [KeyEdge.PRESSED, KeyEdge.RETURNED] * 2


def test_a_key_to_talk_by_is_held_for_as_long_as_somebody_holds_it():
    """Through intake: its input counts as stuck after ten minutes, and is held all the same."""
    turns, second = [], 1_000_000_000
    options = KeyOptions(input="di.k", order=KeyOrder(microphone="duty", zone="z"))
    keys = WallKeys({"key": options}, lambda _key, _options, turn: turns.append((turn, now_s)))
    contact = InputOptions(kind="key", id="k", name="k").contact(0.1)
    inputs = ContactInputs([WiredInput(point="input-1", id="k", place="hall", contact=contact)])
    told = []
    for now_s in range(1_000):
        raw = Reading("di", "input-1", 1 <= now_s < 900, "1", Quality.GOOD, now_s * second)
        (now,) = inputs.update((raw,)).now
        keys.handle_readings("di", [now])
        told += [now_s] * (now.quality is Quality.SENSOR_FAULT)
    assert turns == [(KeyEdge.PRESSED, 1), (KeyEdge.RETURNED, 900)]
    assert told == list(range(601, 900))


def test_a_fire_contact_that_counts_as_stuck_burns_on():
    keys, turns = pressed("fire")
    heard(keys, True, quality=Quality.SENSOR_FAULT)
    heard(keys, True)
    heard(keys, True, quality=Quality.SENSOR_FAULT)
    heard(keys, False)
    assert turns == [KeyEdge.ACTIVE] * 3 + [KeyEdge.RETURNED]


EVACUATE = PresetOptions(
    name="疏散", text="请马上离开。", cls="emergency", repeat=3, chime="urgent"
)


@simulated
async def test_an_emergency_preset_on_a_key_is_that_preset_whole_by_night_too():
    async with world(NIGHT_NS) as around:
        order = await press(around, KeyOrder(preset="evacuate", zone="all"))
        content = PresetContent("evacuate")
        assert (order.class_, order.repeat, order.chime) == (OrderClass.EMERGENCY, 3, "urgent")
        assert (order.content, order.authority) == (content, Authority.PRESS)
        assert round(order.expires.left_ns(around.clock) / S) == 600
        await asyncio.sleep(60)
        assert [h.programme.repeat for h in around.engine.heard] == [3]


@simulated
async def test_what_the_settings_say_of_a_key_goes_before_its_preset():
    async with world() as around:
        said = KeyOrder(preset="evacuate", zone="all", cls="urgent", repeat=1, expires_s=30)
        order = await press(around, said)
        assert (order.class_, order.repeat) == (OrderClass.URGENT, 1)
        assert round(order.expires.left_ns(around.clock) / S) == 30


async def press(around, asked):
    """What one press of such a key orders."""
    presets = Presets(around.journal, {"evacuate": EVACUATE})
    keys = {"key": KeyOptions(input="di.k", order=asked)}
    pressing = WallKeyActions(keys, around.room, presets, around.clock, paging=None)
    heard(pressing, False, True)
    await asyncio.gather(*pressing.acting)
    (kept,) = around.room.orders()
    return kept.order


def test_a_key_that_only_names_a_fires_preset_is_a_fire_panels():
    ready = {"fire": PresetOptions(name="消防", text="火", cls="fire"), "evacuate": EVACUATE}
    plain = KeyOptions(input="di.k", order=KeyOrder(preset="fire", zone="all"))
    assert plain.with_class(ready).fire
    other = KeyOptions(input="di.k", order=KeyOrder(preset="evacuate", zone="all"))
    assert other.with_class(ready) == other


FIRE = PresetOptions(name="消防", text="火警，请马上离开。", cls="fire", repeat=3)


async def ten_minutes(broken, asked, values):
    """How long the good horn sounded, and a kiosk was covered, in s, with such a contact."""
    ready = {"evacuate": EVACUATE, "fire": FIRE}
    async with world() as around:
        if broken:
            around.engine.breaks("horn-b5")
        presets = Presets(around.journal, ready)
        keys = {"key": KeyOptions(input="di.k", order=asked).with_class(ready)}
        pressing = WallKeyActions(keys, around.room, presets, around.clock, paging=None)
        alerts = EmergencyAlerts(around.room, presets, around.clock, str)
        covered = 0
        for value in values:
            heard(pressing, value)
            await asyncio.sleep(1)
            covered += alerts.find_alert("b3", "b3") is not None
        voices = [each for each in around.engine.voices if each.speaker == "horn-b3"]
        return round(sum(each.ended_s - each.began_s for each in voices)), covered


@simulated
async def test_a_fire_contact_goes_on_at_the_good_horns_where_one_is_broken():
    asked = KeyOrder(preset="fire", zone="all")
    well, _ = await ten_minutes(False, asked, [True] * 600)
    rest, _ = await ten_minutes(True, asked, [True] * 600)
    assert well > 560
    assert rest > 560


@simulated
async def test_an_evacuation_key_sounds_at_each_press_where_one_horn_is_broken():
    asked = KeyOrder(preset="evacuate", zone="all")
    presses = [n in (1, 120, 240, 360) for n in range(600)]
    assert await ten_minutes(True, asked, presses) == await ten_minutes(False, asked, presses)


@simulated
async def test_presets_are_staffs_over_the_settings_and_can_be_taken_back():
    journal = simulated_journal()
    ready = {"a": PresetOptions(name="甲", text="一")}
    presets = Presets(journal, ready)
    await presets.load()
    await presets.put("a", PresetOptions(name="甲", text="二"), STAFF, None)
    await presets.put("b", PresetOptions(name="乙", text="三"), STAFF, None)
    again = Presets(journal, ready)
    await again.load()
    assert {key: one.text for key, one in again.all().items()} == {"a": "二", "b": "三"}
    await again.put("a", None, STAFF, None)
    with pytest.raises(UsageError):
        again.get("a")
    assert (await again.undo("a")).text == "二"
    assert (await again.undo("a")).text == "一"
    with pytest.raises(UsageError):
        await again.undo("a")
    for number in range(30):
        await again.put("b", PresetOptions(name="乙", text=str(number)), STAFF, None)
    assert len(again.history("b")) == 10
    with pytest.raises(UsageError):
        await again.put("Ä", ready["a"], STAFF, None)
    await journal.close()
