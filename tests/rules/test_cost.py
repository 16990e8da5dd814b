"""What a reading costs: as much as the rules that read its point, whatever else is watched."""

import time

import pytest

from drivers.contract import Quality, Reading
from gateway.rules import watch as watching
from gateway.rules.core import RulesCore
from gateway.rules.kinds import PointInfo, RuleInstant, S
from gateway.rules.rule import PointContext
from tests.rules.player import NEW_YEAR_NS, plan

RULES = 1000
SECONDS = 60
USES = {
    "over-limit": {"above": 90, "hysteresis": 5, "for_s": 10},
    "leak-at-night": {"above": 90},
    "fast-change": {"rise": 50},
    "sensor-stuck": {},
    "unusual-use": {},
}


def look(word: str) -> PointContext:
    device, point = word.split(".")
    return PointContext((device, point), PointInfo("m3/h", 1.0), scopes=frozenset({device}))


def core_of(uses: list[str], points: int) -> RulesCore:
    """As many rules as uses, spread over so many points."""
    rules = {
        f"r-{number}": {"use": use, "on": [f"d-{number % points}.x"], "set": USES[use]}
        for number, use in enumerate(uses)
    }
    return RulesCore(plan({"rule": rules}, look=look), "cost")


def reading(number: int, value: float) -> Reading:
    return Reading(f"d-{number}", "x", value, "m3/h", Quality.GOOD, 0)


def moment(at_s: float) -> RuleInstant:
    return RuleInstant(round(at_s * S), NEW_YEAR_NS + round(at_s * S))


@pytest.mark.parametrize(
    ("rules", "points", "steps"), [(1000, 1000, 1), (1000, 10, 100), (5, 1, 5)]
)
def test_only_the_rules_that_read_a_point_take_a_step(monkeypatch, rules, points, steps):
    core, taken = core_of(["over-limit"] * rules, points), []
    real = watching.update_watch
    monkeypatch.setattr(watching, "update_watch", lambda *args: taken.append(1) or real(*args))
    core.read([reading(0, 1.0)], moment(1))
    assert len(taken) == steps


def spent_s(core: RulesCore, points: int) -> float:
    """CPU for a minute of one reading a second from every point, with a tick a second."""
    began = time.process_time()
    for second in range(SECONDS):
        now = moment(second)
        for number in range(points):
            core.read([reading(number, 20 + (number * 7 + second * 13) % 60)], now)
        core.tick(now)
    return time.process_time() - began


@pytest.mark.bench
def test_a_thousand_rules_over_a_thousand_readings_a_second():
    mixed = [list(USES)[number % len(USES)] for number in range(RULES)]
    bare = spent_s(core_of([], 1), RULES)
    one = spent_s(core_of(mixed, RULES), RULES)
    four = spent_s(core_of(mixed * 4, RULES), RULES)
    share, per_rule = one / SECONDS, (four - one) / (3 * RULES * SECONDS) * 1e6
    print(
        f"\n{RULES} rules over {RULES} readings/s: {share:.1%} of a core "
        f"({bare / SECONDS:.1%} without a rule); a rule more on a point costs {per_rule:.1f} us"
    )
    for use in USES:
        only = (spent_s(core_of([use] * RULES, RULES), RULES) - bare) / (RULES * SECONDS) * 1e6
        print(f"  {use:15} {only:5.1f} us")
    assert share < 0.25
