"""Signed orders killed anywhere: a notice at most once, an emergency at least once, none late."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.broadcast.triggers.killed_commands import Plan, story
from tests.sim.loop import run

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
# More than there are in the whole life of one order.
STEPS = 40

PLANS = st.lists(
    st.builds(
        Plan,
        cls=st.sampled_from(["emergency", "notice"]),
        ttl_s=st.sampled_from([2, 20, 300]),
        handed=st.sampled_from([1, 1, 2]),
    ),
    min_size=1,
    max_size=3,
)
# A slow card: an emergency sounds before anything of it is on disk.
COMMITS = st.sampled_from([0.0, 0.0, 0.4])

LIVES = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0.0, 0.5, 3.0, 60.0])), max_size=3)


@given(PLANS, LIVES, COMMITS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_killed_when(plans, lives, commit_s):
    run(story(plans, lives, commit_s))


@pytest.mark.parametrize("commit_s", [0.0, 0.4])
@pytest.mark.parametrize("dead_s", [1.0, 30.0])
@pytest.mark.parametrize("cls", ["emergency", "notice"])
def test_every_single_crash_point(cls, dead_s, commit_s):
    """Killed after 0, 1, 2 … steps; back before its expiry, and after it."""
    heard = set()
    for steps in range(STEPS):
        street = run(story([Plan(cls, 20, 1)], [(steps, dead_s)], commit_s))
        heard.add(sum(street.begun.values()))
    back_in_time = dead_s < 20
    assert heard == ({1} if cls == "emergency" and back_in_time else {0, 1})


@pytest.mark.proof
@given(PLANS, LIVES, COMMITS)
@settings(max_examples=max(100, int(5_000 * SHARE)), deadline=None)
def test_whatever_is_killed_when_thousands_of_times(plans, lives, commit_s):
    run(story(plans, lives, commit_s))
