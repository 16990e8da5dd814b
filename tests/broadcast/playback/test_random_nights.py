"""Thousands of nights, and what must hold in each; and that it would be noticed if it did not."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from broadcast.policy import guard
from broadcast.policy.guard import GuardAnswer, Ruling
from broadcast.policy.quiet_hours import ClockReading, QuietHours, QuietState
from gateway.clock import Deadline
from tests.broadcast.playback.random_nights import Night, night

NIGHTS = 10_000
QUICK = 80


def faults(seeds: range) -> list[str]:
    return [f"night {seed}: {fault}" for seed in seeds for fault in night(seed).faults]


def test_nobody_is_woken_and_every_emergency_is_heard():
    lived: list[Night] = [night(seed) for seed in range(QUICK)]
    assert [fault for one in lived for fault in one.faults] == []
    heard = [heard for one in lived for heard in one.around.engine.heard]
    assert len(heard) > 2 * QUICK  # the nights are not silent
    assert {h.how for h in heard} >= {"finished", "cut", "power", "stopped"}
    refused = [state for one in lived for state in one.receipts.values() if state == "refused"]
    assert len(refused) > QUICK


# A kill between the record of an interruption and its stop: the notice is heard to its end.
KILLED_WHILE_CUTTING = 900_362


@pytest.mark.parametrize("seed", [KILLED_WHILE_CUTTING])
def test_a_night_that_once_went_wrong_goes_right(seed):
    assert night(seed).faults == []


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_ten_thousand_nights():
    seed = int(os.environ["YIZHAN_SEED"])
    share = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
    count = max(QUICK, round(NIGHTS * share))
    heard = 0
    for number in range(seed * NIGHTS, seed * NIGHTS + count):
        lived = night(number)
        assert lived.faults == [], number
        heard += len(lived.around.engine.heard)
    print(f"{count} nights, {heard} sounds, 0 faults")


def _without(check: str) -> Callable[[pytest.MonkeyPatch], None]:
    def spoil(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(guard, check, lambda *_, **__: None)

    return spoil


def _no_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ClockReading, "now", classmethod(lambda cls, clock: _of(cls, clock)._replace(error_s=0.0))
    )


_of = ClockReading.now.__func__  # type: ignore[attr-defined]


def _immortal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "broadcast.policy.guard.remaining_s", lambda *_: 9e9
    )  # the guard, and behind it whoever looks again
    patch.setattr(Deadline, "passed", lambda *_: False)


def _never_quiet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QuietHours, "state_at", lambda *_: QuietState(False, 9e9))


def _by_zones_named(patch: pytest.MonkeyPatch) -> None:
    def outdoors(order: Any, house: Any) -> bool:
        return any(house.zones[zone].sound == "community" for zone in order.zones)

    patch.setattr(guard, "_outdoors", outdoors)


def _everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "broadcast.policy.guard.speakers_of", lambda order, house: house.speakers(order.zones)
    )


def _unknown_is_day(patch: pytest.MonkeyPatch) -> None:
    spell = QuietHours.state_at
    patch.setattr(
        QuietHours,
        "state_at",
        lambda self, m: QuietState(False, 9e9) if m.wall_ns is None else spell(self, m),
    )


def _one_judge(patch: pytest.MonkeyPatch) -> None:
    judge = guard.judge_order

    def only_staff(order: Any, *rest: Any) -> Ruling:
        if order.actor.kind == "platform" and order.class_.urgent:
            return Ruling(GuardAnswer.REFUSE, "broadcast.not-entitled")
        return judge(order, *rest)

    patch.setattr("broadcast.policy.guard.judge_order", only_staff)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (_without("_by_night"), "quiet hours"),
        (_without("_untimed"), "untrusted clock"),
        (_immortal, "after its expiry"),
        (_no_margin, "quiet hours"),
        (_never_quiet, "quiet hours"),
        (_by_zones_named, "quiet hours"),
        (_everywhere, "in the lift"),
        (_unknown_is_day, "quiet hours"),
        (_one_judge, "valid emergency"),
    ],
    ids=[
        "night",
        "clock",
        "expiry",
        "margin",
        "never-quiet",
        "zones",
        "near",
        "unknown",
        "platform",
    ],
)
def test_a_guard_that_lacks_something_is_noticed(monkeypatch, spoil, noticed):
    spoil(monkeypatch)
    for seed in range(400):
        if any(noticed in fault for fault in night(seed).faults):
            return
    pytest.fail("nobody noticed")
