"""Every scenario gives exactly what it says: those alarms, those actions, and nothing more."""

import pytest

from tests.rules.player import NOT_EXPECTED, played, seconds
from tests.rules.test_scenario_data import scenarios


def told(found: list, names: tuple[str, ...]) -> list[str]:
    return [" ".join([f"{one.at_s:.0f} s", *(getattr(one, n) for n in names)]) for one in found]


def wanted(expected: list[dict], names: tuple[str, ...]) -> list[str]:
    return [" ".join([one["at"], *(one.get(n, "") for n in names)]) for one in expected]


def match(found: list, expected: list[dict], names: tuple[str, ...]) -> None:
    both = (told(found, names), wanted(expected, names))
    assert len(found) == len(expected), both
    for one, want in zip(found, expected, strict=True):
        assert [getattr(one, n) for n in names] == [want.get(n, "") for n in names], both
        first = seconds(want["at"])
        assert first <= one.at_s <= first + seconds(want["within"]), both


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["name"])
def test_scenario(scenario):
    player = played(scenario)
    seen = [one for one in player.seen if one.what not in NOT_EXPECTED]
    match(seen, scenario.get("expect", []), ("rule", "what"))
    match(player.acted, scenario.get("actions", []), ("linkage", "does", "state"))
