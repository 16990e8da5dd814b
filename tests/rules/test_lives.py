"""No raised alarm reaches nobody unsaid, whoever kills the station when: lives of its alarms."""

import os

import pytest

from gateway.rules.alarm import UNSEEN
from gateway.rules.alarms import Alarms
from gateway.rules.duty import DutyRoster
from tests.rules.lives import Found, Life

SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
LIVES, PARTS = 10_000, 10


def told(found: list[Found]) -> dict[int, list[str]]:
    return {one.seed: one.wrong for one in found if one.wrong}


def test_a_few_lives() -> None:
    found = [Life(seed).live() for seed in range(8)]
    assert told(found) == {}
    assert sum(one.raised for one in found) > 100
    assert sum(one.unreached for one in found) > 20
    assert sum(one.restarts for one in found) > 50


def test_the_judge_finds_a_duty_that_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DutyRoster, "patience_ns", lambda *_: None)
    assert any("reached nobody" in wrong for wrong in Life(1).live().wrong)


def test_the_judge_finds_an_alarm_that_goes_by_itself_and_calls_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Alarms, "_waits", lambda _, alarm: alarm.state in UNSEEN)
    wrong = [told for seed in range(3) for told in Life(seed).live().wrong]
    assert any("reached nobody" in told for told in wrong)


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_lives(part: int) -> None:
    count = max(1, round(LIVES // PARTS * SHARE))
    first = SEED * LIVES + part * (LIVES // PARTS)
    found = [Life(seed).live() for seed in range(first, first + count)]
    print(
        f"alarms: seed {SEED}, part {part}, share {SHARE:g}: {count} lives, "
        f"{sum(one.raised for one in found)} raised, "
        f"{sum(one.unreached for one in found)} said to have reached nobody, "
        f"{sum(one.restarts for one in found)} kills and power cuts; "
        f"{len(told(found))} with a fault"
    )
    assert not told(found), dict(list(told(found).items())[:5])
