"""What a watch waits for is said in full, for every ready rule and in both languages."""

import pytest

from gateway.desk.alarms.condition_text import describe_condition
from gateway.desk.alarms.plot import hourly_gain
from gateway.rules.kinds import KINDS
from gateway.web.i18n import CATALOGUES
from tests.rules.player import plan, shelf

ON = {
    "threshold": "water-b3.flow", "rate": "heat-b3.supply-temperature", "profile": "em-b3.power-w",
    "counter-still": "water-f501.volume", "counter-running": "water-b3.volume",
    "stuck": "heat-b3.supply-temperature", "state": "di-b3.panel", "count": "di-b3.pump",
    "absence": "door-f501.open", "heartbeat": "em-b3",
}  # fmt: skip
OF_UNIT = {"%": "bin-east.level", "Cel": "heat-b3.room-temperature", "deg": "manhole-1.tilt",
           "mg/L": "vend-1.tds", "1": "vend-2.stock", "W": "em-tr.power-w"}  # fmt: skip
ROLES = {"level": "bin-east.level", "heat": "bin-east.temperature", "a": "em-b3.voltage-a",
         "b": "em-b3.voltage-b", "c": "em-b3.voltage-c"}  # fmt: skip
NEEDS = {"transformer-overload": {"above": "315 kW"}, "over-limit": {"above": 3},
         "fast-change": {"fall": 10}, "not-seen": {"unseen_s": 86_400},
         "too-many-times": {"times": 4, "within_s": 3600}}  # fmt: skip


ONE_LOW, ALL_LOW = (word.join(f"{p} 低于 132" for p in "abc") for word in (" 或 ", " 且 "))
PHASES = f"({ONE_LOW}) 且 不是（{ALL_LOW}），连续 10 秒"


def said(use, language="zh", on=None, **given):
    recipe = shelf()[use]
    if recipe.kind == "combination":
        watched = {role: ROLES[role] for role in recipe.roles}
    else:
        unit = recipe.units[-1] if recipe.units else ""
        watched = [on or OF_UNIT.get(unit, ON[recipe.kind])]
    rule = {"use": use, "on": watched, "set": NEEDS.get(use, {}) | given}
    (watch,) = plan({"rule": {"x": rule}}).watches
    return describe_condition(watch, CATALOGUES[language])


@pytest.mark.parametrize(
    ("use", "given", "zh", "en"),
    [
        ("leak-at-night", {}, "高于 0.05 m³/h，连续 30 分，只看 02:00 到 04:00",
         "above 0.05 m³/h, for 30 min without a break, only from 02:00 to 04:00"),
        ("smoke", {}, "动作，连续 1 秒", "active, for 1 s without a break"),
        ("no-water-used", {}, "12 小时走了不到 0.01 m³", "gains less than 0.01 m³ in 12 h"),
        ("tds-over-limit", {}, "高于 50 mg/L，最近 5 个读数里有 3 个",
         "above 50 mg/L, in 3 of the last 5 readings"),
        ("phase-loss", {}, PHASES, None),
        ("heat-below-standard", {}, "低于 18 °C，连续 2 小时，只看 11-15 到 03-15 这一季", None),
        ("device-silent", {}, "10 分没有消息", "no word for 10 min"),
        ("too-many-times", {}, "60 分内“动作”4 次", "“active” 4 times within 60 min"),
        ("over-limit", {"days": "restdays"}, "高于 3 m³/h，只看休息日", None),
    ],
)  # fmt: skip
def test_a_rule_in_a_sentence(use, given, zh, en):
    assert said(use, **given) == zh
    assert en is None or said(use, "en", **given) == en


def test_the_limit_of_a_counter_is_a_pace():
    assert "0.05 m³/h" in said("leak-at-night", on="water-b3.volume")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("use", sorted(shelf()))
def test_every_ready_rule_says_more_than_its_kind(use, language):
    sentence = said(use, language)
    assert "alarms." not in sentence
    assert sentence != CATALOGUES[language](f"alarms.kind-{shelf()[use].kind}")


@pytest.mark.parametrize(
    ("samples", "over_s", "expected"),
    [
        ((0.0, 1.0, 2.0), 30, (None, 120.0, 120.0)),
        ((0.0, 0.0, 2.0), 60, (None, 0.0, 120.0)),
        ((0.0, None, 2.0), 60, (None, None, 120.0)),
        ((5.0, 1.0, 2.0), 30, (None, None, 120.0)),  # exchanged
        ((None, None), 30, (None, None)),
    ],
)
def test_a_counter_is_drawn_as_fast_as_it_runs(samples, over_s, expected):
    assert hourly_gain(samples, 30.0, over_s) == expected


def test_every_kind_of_the_product_says_what_it_waits_for():
    assert [kind.name for kind in KINDS.values() if kind.describe is None] == []
