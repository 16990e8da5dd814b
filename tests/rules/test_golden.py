"""The alarm events are byte for byte what is promised, and travel in the lane of their severity."""

import pytest

from gateway.event import Lane, Severity
from gateway.rules.events import KINDS
from tests.rules.golden import FACTS, FOLDER, RAISED, STAMPS, changed, events, wire
from tests.rules.golden import AlarmChange as Turn
from tests.rules.golden import record_events as made_of


@pytest.mark.parametrize("name", sorted(wire()))
def test_what_we_send_is_byte_for_byte_the_golden_file(name):
    assert wire()[name] == (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")


def test_every_file_is_checked_and_every_kind_has_one():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(wire())
    assert {event.kind for event in events().values()} == set(KINDS)


@pytest.mark.parametrize(
    ("severity", "lane"),
    [
        (Severity.CRITICAL, Lane.EMERGENCY),
        (Severity.MAJOR, Lane.ALARM),
        (Severity.MINOR, Lane.ALARM),
        (Severity.NOTICE, Lane.SERVICE),
    ],
)
def test_severity_decides_the_lane(severity, lane):
    (event,) = made_of(Turn("raised", changed(RAISED, severity=severity), FACTS), STAMPS)
    assert event.travels is lane
