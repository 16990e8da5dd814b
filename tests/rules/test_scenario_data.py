"""The scenarios are data: they stand before the engine and must be sound by themselves."""

import tomllib
from pathlib import Path

from tests.rules.player import shelf
from tests.rules.table import DOCS, table

FOLDER = Path(__file__).parent / "scenarios"
POINTS = tomllib.loads((FOLDER / "points.toml").read_text("utf-8"))["point"]
# The rules that a station must find ready.
NAMED = {
    "leak-at-night", "no-water-used", "gas-over-limit", "heat-below-standard",
    "transformer-overload", "phase-loss", "meter-tampering", "bin-full", "bin-burning",
    "perimeter-broken", "manhole-tilted", "fire-alarm", "e-bike-in-lift", "throw-from-height",
    "tds-over-limit", "out-of-stock", "smoke",
}  # fmt: skip


def scenarios() -> list[dict]:
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        found += tomllib.loads(path.read_text("utf-8")).get("scenario", [])
    return found


def used(scenario: dict) -> set[str]:
    return {rule["use"] for rule in scenario["rule"].values()}


def near_miss(scenario: dict) -> bool:
    return scenario["name"].startswith("near miss")


def test_there_are_at_least_forty_and_no_two_bear_one_name():
    names = [scenario["name"] for scenario in scenarios()]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


def test_every_ready_rule_has_an_incident_and_a_near_miss():
    raising = [s for s in scenarios() if s.get("expect") and not near_miss(s)]
    silent = [s for s in scenarios() if near_miss(s)]
    assert set().union(*map(used, raising)) >= NAMED
    assert set().union(*map(used, silent)) >= NAMED


def test_the_table_in_the_docs_is_the_ready_rules():
    assert table() in DOCS.read_text("utf-8")


def test_a_source_is_quoted_and_says_what_to_do_first_wherever_somebody_must_come():
    for recipe in shelf().values():
        assert recipe.source is None or (recipe.source.rows and recipe.source.url[:4] == "http")
        assert recipe.id not in NAMED or recipe.advice is not None


def test_what_is_fed_is_a_point_of_the_station():
    assert {f["on"] for s in scenarios() for f in s["feed"]} <= set(POINTS)
