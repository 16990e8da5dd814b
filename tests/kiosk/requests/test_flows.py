"""The life of a request: three tables, their pictures, and that every one of them ends."""

import re
from pathlib import Path

import pytest

from kiosk.catalogue import services
from kiosk.flows import FAMILIES

DOCS = Path(__file__).parents[3] / "docs" / "requests.md"
EACH = pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))


def test_the_pictures_in_the_documents_are_the_tables():
    drawn = re.findall(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert drawn == [family.diagram() for family in FAMILIES.values()]


@EACH
def test_every_state_is_reached_and_every_one_comes_to_an_end(family):
    reached = {family.start, *family.table.values()}
    assert reached == set(family.states)
    for state in family.states:
        seen, fresh = {state}, {state}
        while fresh:
            fresh = {to for (at, _), to in family.table.items() if at in fresh} - seen
            seen |= fresh
        assert seen & family.ends


@EACH
def test_a_table_is_found_by_texts_and_refuses_what_is_not_in_it(family):
    for (state, act), target in family.table.items():
        assert family.after(str(state), str(act)) == target
    assert family.after(str(family.start), "no-such-act") is None


@EACH
def test_whoever_may_act_can_do_so_somewhere(family):
    possible = {act for _, act in family.table}
    assert family.resident <= possible
    assert family.staff <= possible


def test_the_plates_are_the_keys():
    assert {one.key: one.id for one in services().values()} == {0: "staff", 1: "ride", 2: "repair"}


def test_danger_is_a_picture_that_goes_to_a_person():
    repair = services()["repair"]
    assert {what.id for what in repair.what if what.person} == {"gas", "lift-trapped"}
