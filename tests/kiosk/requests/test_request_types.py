"""The types of request: their tables as documents draw them, and what the services are."""

import re
from pathlib import Path

import pytest

from kiosk.requests.catalogue import load_services
from kiosk.requests.request_type import TYPES

DOCS = Path(__file__).parents[3] / "docs" / "requests.md"
EACH = pytest.mark.parametrize("type_", TYPES.values(), ids=list(TYPES))


def test_the_pictures_in_the_documents_are_the_tables():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    types = sorted(TYPES.values(), key=lambda one: one.order)
    assert drawn == [type_.table.diagram() for type_ in types]


@EACH
def test_whoever_may_act_can_do_so_somewhere(type_):
    assert type_.resident <= type_.table.events
    assert type_.staff <= type_.table.events


def test_the_plates_are_the_keys():
    assert {one.key: one.id for one in load_services().values()} == {
        0: "staff",
        1: "ride",
        2: "repair",
    }


def test_danger_is_a_picture_that_goes_to_a_person():
    repair = load_services()["repair"]
    assert {what.id for what in repair.what if what.person} == {"gas", "lift-trapped"}
