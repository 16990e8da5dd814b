"""What the rules want heard becomes an order that the guard lets through."""

import pytest

from broadcast.options import PresetOptions
from broadcast.order import Authority, OrderClass, PresetContent, TextContent
from broadcast.policy import guard
from broadcast.triggers.linkage_orders import LinkageOrders
from gateway.clock import Deadline
from gateway.places import PlaceOptions, Places
from gateway.rules.linkage import ANSWER, RING
from tests.rules.golden import task

PLACES = Places("驿站", {"b3": PlaceOptions(name="3号楼"), "b3-f5": PlaceOptions(name="3号楼5层")})
SOON = Deadline("boot", 10**15)


class Presets:
    def all(self):
        return {"smoke": PresetOptions(name="冒烟", text="{place}冒烟", repeat=3, chime="urgent")}


@pytest.fixture(name="ordering")
def _ordering():
    return LinkageOrders(Presets(), PLACES, "zh")


def test_a_step_of_the_roster_is_a_chime_and_a_sentence_in_its_zone(ordering):
    ring = task(does=RING, linkage="duty", action={RING: "hall", "to": "duty"}, text="烟感报警")
    order = ordering.order_of(ring, SOON)
    assert (order.zones, order.class_, order.chime) == (("hall",), OrderClass.SERVICE, "urgent")
    assert order.content == TextContent("3号楼5层烟感报警，还没有人接，请马上去看。", "zh")
    assert OrderClass.SERVICE in guard.MAY[order.authority, order.actor.kind]


def test_a_sentence_says_how_many_alarms_are_due_beside_the_one_that_it_names(ordering):
    action = {RING: "hall", "to": "duty", "more": 31}
    order = ordering.order_of(task(does=RING, action=action, text="有人求助"), SOON)
    assert "有人求助" in order.content.text
    assert order.content.text.endswith("另外还有 31 项报警，请看工作台。")


def test_a_private_alarm_calls_staff_to_the_desk_and_names_no_place(ordering):
    action = {RING: "hall", "to": "duty", "private": True}
    order = ordering.order_of(task(does=RING, action=action, text="有人跌倒", private=True), SOON)
    assert (order.content, order.place) == (TextContent("值班员，请看工作台。", "zh"), "")
    for text in ("", "3号楼冒烟"):
        asked = {"announce": "smoke", "zone": "b3", "class": "notice", "expires_s": 60.0}
        asked["text"] = text or "{place}冒烟"
        order = ordering.order_of(task(action=asked, text=text, private=True), SOON)
        said = PresetContent("smoke", text) if text else TextContent("值班员，请看工作台。", "zh")
        assert order.content == said


def test_whoever_pressed_is_answered_where_they_stand(ordering):
    action = {ANSWER: "hall", "says": "called", "to": "值班员"}
    order = ordering.order_of(task(does=ANSWER, linkage="duty", action=action), SOON)
    assert order.content == TextContent("按到了，正在叫值班员，请等一等。", "zh")
    assert (order.class_, order.zones, order.at_once) == (OrderClass.SERVICE, ("hall",), True)
    assert OrderClass.SERVICE in guard.MAY[order.authority, order.actor.kind]


def test_a_preset_goes_with_its_own_repeats_and_the_text_of_the_linkage(ordering):
    order = ordering.order_of(task(text="别坐电梯"), SOON)
    assert (order.repeat, order.content) == (3, PresetContent("smoke", "别坐电梯"))
    assert (order.authority, order.place) == (Authority.LINKAGE, "b3-f5")


def test_a_text_of_its_own_needs_no_preset(ordering):
    action = {"announce": "lost", "zone": "b3", "class": "notice", "expires_s": 60.0}
    order = ordering.order_of(task(action=action, text="3号楼停水"), SOON)
    assert order.content == TextContent("3号楼停水", "zh")
