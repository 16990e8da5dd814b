"""The events of requests are byte for byte what is promised, and travel in their lanes."""

import pytest

from gateway.event import Lane
from kiosk.requests.events import KINDS
from tests.kiosk.requests.golden import FOLDER, events, wire


@pytest.mark.parametrize("name", sorted(wire()))
def test_what_we_send_is_byte_for_byte_the_golden_file(name):
    assert wire()[name] == (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")


def test_every_file_is_checked_and_every_kind_has_one():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(wire())
    assert {event.kind for event in events().values()} == set(KINDS)


def test_a_ride_is_a_record_and_a_call_for_danger_an_emergency():
    lanes = {name: event.travels for name, event in events().items()}
    assert lanes["assigned"] is Lane.SERVICE
    assert lanes["reported"] is Lane.SERVICE
    assert lanes["escalated"] is Lane.EMERGENCY
