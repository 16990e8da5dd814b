"""The events of orders are byte for byte what is promised, and travel in their lanes."""

import pytest

from broadcast.orders import events as order_events
from broadcast.speaker_status import events as speaker_events
from gateway.event import Lane
from tests.broadcast.orders.golden import FOLDER, events, wire


@pytest.mark.parametrize("name", sorted(wire()))
def test_what_we_send_is_byte_for_byte_the_golden_file(name):
    assert wire()[name] == (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")


def test_every_file_is_checked_and_every_kind_has_one():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(wire())
    kinds = (*order_events.KINDS, *speaker_events.KINDS)
    assert {event.kind.type for event in events().values()} == {kind.type for kind in kinds}


def test_an_emergency_travels_as_one():
    lanes = {name: event.travels for name, event in events().items()}
    assert lanes["playing"] is Lane.EMERGENCY
    assert lanes["accepted"] is Lane.SERVICE
