"""Killed anywhere between store, act and receipt: at most once, and an emergency at least once."""

import asyncio
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sim.loop import run
from tests.upstream.crashing import FINAL, Plan, World

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))

PLANS = st.builds(
    Plan,
    kind=st.sampled_from(["ring", "turn", "siren", "play"]),
    ttl_s=st.sampled_from([2, 20, 300]),
    takes_s=st.sampled_from([0.0, 0.05, 5.0]),
    handed=st.sampled_from([1, 1, 2]),
)
LIVES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.5, 3.0, 60.0])), max_size=3)


async def story(plans: list[Plan], lives: list[tuple[int, float]]) -> World:
    """Kill it after so many steps, leave it dead for so long, again and again; then let it live."""
    world = World(plans)
    for steps, dead_s in lives:
        await world.live(steps, for_s=600)
        await asyncio.sleep(dead_s)
    began_ms = world.now_ms()
    await world.live(None, for_s=900)
    check(world, began_ms)
    return world


def check(world: World, last_life_ms: int) -> None:
    told = world.told()
    assert world.late == []  # never after its expiry
    for name, plan in world.plans.items():
        assert world.began[name] <= 1, (plan, told[name])  # never twice
        ends = [state for state in told[name] if state in FINAL]
        assert len(ends) == 1, (plan, told[name])  # answered, once for all
        if plan.kind == "ring":
            assert (world.began[name] == 1) or ends != ["done"]
        urgent = plan.kind == "siren" or (plan.kind == "play" and plan.takes_s < 1)
        if urgent and last_life_ms + 1500 < world.expires_ms(name):
            assert world.began[name] == 1, told[name]  # it lived to see it before its expiry


# Killed when the emergency is on disk, and those that it overtook are not.
OVERTAKEN = [Plan("ring", 2, 0.0, 1), Plan("ring", 2, 0.0, 1), Plan("siren", 2, 0.05, 1)]


@given(st.lists(PLANS, min_size=1, max_size=6), LIVES)
@example(plans=OVERTAKEN, lives=[(5, 3.0)])
@settings(max_examples=150, deadline=None)
def test_whatever_is_killed_when(plans, lives):
    run(story(plans, lives))


@pytest.mark.parametrize("kind", ["ring", "turn", "siren", "play"])
def test_every_single_crash_point(kind):
    """One command of each kind, killed after 0, 1, 2 … steps until no step is left to be killed."""
    began = set()
    for steps in range(14):
        world = run(story([Plan(kind, 300, 0.05, 1)], [(steps, 1.0)]))
        began.add(sum(world.began.values()))
    assert began == (
        {1} if kind in {"siren", "play"} else {0, 1}
    )  # both ends of the promise were met


@pytest.mark.parametrize("kind", ["ring", "turn", "siren", "play"])
def test_back_after_the_expiry_it_is_silent(kind):
    ends = set()
    for steps in range(14):
        world = run(story([Plan(kind, 2, 0.05, 1)], [(steps, 3.0)]))  # `check` looks for late ones
        ends |= {state for states in world.told().values() for state in states}
    assert "expired" in ends


@pytest.mark.parametrize("kind", ["siren", "play"])
def test_an_emergency_does_not_wait_for_those_before_it(kind):
    world = run(story([Plan("play", 300, 5.0, 1)] * 9 + [Plan(kind, 300, 0.0, 1)], []))
    began = [world.plans[name].takes_s for name in world.order]
    assert began == [0.0] + [5.0] * 9  # and each of the others had its turn


@pytest.mark.proof
@given(st.lists(PLANS, min_size=1, max_size=8), LIVES)
@settings(max_examples=max(200, int(10_000 * SHARE)), deadline=None)
def test_whatever_is_killed_when_ten_thousand_times(plans, lives):
    run(story(plans, lives))
