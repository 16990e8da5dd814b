"""Positions: forward only, written now and then, forgotten with their follower."""

import json

from gateway.event import Lane
from gateway.journal.positions import AGE_MAX_NS, NUMBERS_MAX, FollowerPositions


def stored(**names):
    return {f"follower/{name}": json.dumps(upto).encode() for name, upto in names.items()}


def test_they_come_back_as_they_were_written():
    positions = FollowerPositions({}, ["a"])
    positions.advance({"a": {Lane.ALARM: 7, Lane.TELEMETRY: 9}})
    states = {change.key: change.body for change in positions.changes()}
    assert FollowerPositions(states, ["a"])["a"] == {
        Lane.EMERGENCY: 0, Lane.ALARM: 7, Lane.SERVICE: 0, Lane.TELEMETRY: 9,
    }  # fmt: skip


def test_a_position_never_moves_back():
    positions = FollowerPositions(stored(a={"alarm": 7}), None)
    positions.advance({"a": {Lane.ALARM: 3}})
    assert positions["a"][Lane.ALARM] == 7


def test_the_slowest_sets_the_floor():
    positions = FollowerPositions(stored(a={"alarm": 7}, b={"alarm": 3}), None)
    assert positions.floor(Lane.ALARM, 10) == 3
    assert FollowerPositions({}, []).floor(Lane.ALARM, 10) == 10


def test_a_required_follower_holds_before_it_ever_comes():
    assert FollowerPositions({}, ["new"]).floor(Lane.ALARM, 10) == 0


def test_one_that_is_no_longer_required_is_forgotten():
    positions = FollowerPositions(stored(a={"alarm": 7}, b={"alarm": 3}), ["a"])
    assert positions.floor(Lane.ALARM, 10) == 7
    assert positions.due(0)
    assert [(c.key, c.body) for c in positions.changes() if c.body is None] == [
        ("follower/b", None)
    ]
    positions.mark_saved(0)
    assert not positions.has_unsaved


def test_one_that_comes_unannounced_holds_from_its_first_receipt_on():
    positions = FollowerPositions({}, None)
    positions.advance({"c": {Lane.ALARM: 0}})
    assert positions.floor(Lane.ALARM, 10) == 0


def test_they_are_written_after_many_moves_or_a_minute():
    positions = FollowerPositions({}, ["a"])
    positions.mark_saved(0)
    positions.advance({"a": {Lane.ALARM: NUMBERS_MAX - 1}})
    assert not positions.due(AGE_MAX_NS - 1)
    assert positions.due(AGE_MAX_NS)
    positions.advance({"a": {Lane.ALARM: NUMBERS_MAX}})
    assert positions.due(0)
