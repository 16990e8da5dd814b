"""Keys at their edges, fire inputs by their level; presets with their history."""

import pytest

from broadcast.keys import Keys, Turn
from broadcast.options import KeyOptions, KeyOrder, PresetOptions
from broadcast.presets import Presets
from drivers.contract import Quality, Reading
from gateway.audit.events import Who
from gateway.errors import UsageError
from tests.sim.journal import simulated_journal
from tests.sim.loop import simulated

STAFF = Who("staff", "0217")


def heard(keys, *values, quality=Quality.GOOD, point="k"):
    for value in values:
        keys.heard("di", [Reading("di", point, value, "1", quality, 0)])


def pressed(cls="notice"):
    turns = []
    options = KeyOptions(input="di.k", order=KeyOrder(preset="p", zone="z", cls=cls))
    return Keys({"key": options}, lambda _key, _options, turn: turns.append(turn)), turns


def test_a_press_is_an_edge_and_the_first_word_is_none():
    keys, turns = pressed()
    heard(keys, True, True, False, True, True, False)
    assert turns == [Turn.PRESSED]


def test_a_bad_reading_says_nothing():
    keys, turns = pressed()
    heard(keys, False)
    heard(keys, True, quality=Quality.SENSOR_FAULT)
    heard(keys, None, "open")
    heard(keys, True, point="other")
    assert turns == []
    heard(keys, True)
    assert turns == [Turn.PRESSED]


def test_a_fire_input_orders_as_long_as_it_is_active():
    keys, turns = pressed("fire")
    heard(keys, False, True, True, False, False)
    assert turns == [Turn.ACTIVE, Turn.ACTIVE, Turn.RETURNED]


def test_a_fire_that_burns_at_the_start_is_heard():
    keys, turns = pressed("fire")
    heard(keys, True)
    assert turns == [Turn.ACTIVE]


def test_a_key_to_talk_by_is_let_go_with_its_contact_or_with_its_line():
    turns = []
    options = KeyOptions(input="di.k", order=KeyOrder(microphone="duty", zone="z"))
    keys = Keys({"key": options}, lambda _key, _options, turn: turns.append(turn))
    heard(keys, False, True, True, False, False)
    assert turns == [Turn.PRESSED, Turn.RETURNED]
    heard(keys, True)
    heard(keys, True, None, quality=Quality.TIMEOUT)
    heard(keys, True, True)  # the line is back, and the key still held: nobody has pressed anew
    assert turns == [Turn.PRESSED, Turn.RETURNED] * 2


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
