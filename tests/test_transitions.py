"""The table that every state machine of the station is written in."""

import enum

import pytest

from gateway.transitions import TextEnum, TransitionTable


class DoorState(enum.Enum):
    SHUT = "shut"
    OPEN = "open"
    GONE = "gone"


class DoorEvent(enum.Enum):
    PUSH = "push"
    PULL = "pull"
    REMOVE = "remove"


MOVES = {
    (DoorState.SHUT, DoorEvent.PUSH): DoorState.OPEN,
    (DoorState.OPEN, DoorEvent.PUSH): DoorState.OPEN,
    (DoorState.OPEN, DoorEvent.PULL): DoorState.SHUT,
    (DoorState.OPEN, DoorEvent.REMOVE): DoorState.GONE,
}
DOOR = TransitionTable(DoorState.SHUT, MOVES)


class LampState(TextEnum):
    DARK = "dark"
    LIT = "lit"


class LampEvent(TextEnum):
    SWITCH = "switch"


LAMP = {
    (LampState.DARK, LampEvent.SWITCH): LampState.LIT,
    (LampState.LIT, LampEvent.SWITCH): LampState.DARK,
}


def test_what_is_not_in_the_table_cannot_happen():
    assert DOOR.after(DoorState.SHUT, DoorEvent.PUSH) is DoorState.OPEN
    assert DOOR.after(DoorState.SHUT, DoorEvent.PULL) is None
    with pytest.raises(KeyError):
        DOOR[DoorState.GONE, DoorEvent.PUSH]


def test_it_is_a_mapping_in_the_order_in_which_it_was_written():
    assert list(DOOR) == list(MOVES)
    assert dict(DOOR) == MOVES
    assert len(DOOR) == 4
    assert (DoorState.SHUT, DoorEvent.PULL) not in DOOR


def test_it_knows_its_states_its_events_and_what_a_state_allows():
    assert DOOR.start is DoorState.SHUT
    assert DOOR.states == tuple(DoorState)
    assert DOOR.events == set(DoorEvent)
    assert DOOR.allowed(DoorState.OPEN) == tuple(DoorEvent)
    assert DOOR.allowed(DoorState.GONE) == ()


def test_the_final_states_are_the_ends_unless_others_are_named():
    assert DOOR.ends == DOOR.final == {DoorState.GONE}
    named = TransitionTable(DoorState.SHUT, MOVES, ends={DoorState.SHUT, DoorState.GONE})
    assert named.ends == {DoorState.SHUT, DoorState.GONE}
    assert named.final == {DoorState.GONE}


def test_states_and_events_of_texts_are_found_by_them():
    lamp = TransitionTable(LampState.DARK, LAMP)
    assert lamp.after("dark", "switch") is LampState.LIT
    assert lamp.allowed("lit") == (LampEvent.SWITCH,)
    assert lamp.after("dark", "kick") is None
    assert lamp.ends == frozenset()


def test_a_state_that_nothing_leads_to_is_refused():
    moves = {key: to for key, to in MOVES.items() if to is not DoorState.GONE}
    with pytest.raises(ValueError, match="no transition leads to: gone"):
        TransitionTable(DoorState.SHUT, moves)


def test_a_state_that_never_comes_to_an_end_is_refused():
    with pytest.raises(ValueError, match="no end can be reached from: gone"):
        TransitionTable(DoorState.SHUT, MOVES, ends={DoorState.SHUT})


def test_it_is_drawn_with_its_start_and_its_ends():
    assert DOOR.diagram() == (
        "stateDiagram-v2\n"
        "    [*] --> shut\n"
        "    shut --> open: push\n"
        "    open --> open: push\n"
        "    open --> shut: pull\n"
        "    open --> gone: remove\n"
        "    gone --> [*]"
    )


def test_a_start_that_is_not_stored_has_no_box():
    lamp = TransitionTable(LampState.DARK, LAMP, ends={LampState.DARK}, unstored_start=True)
    assert lamp.diagram() == "stateDiagram-v2\n    [*] --> lit: switch\n    lit --> [*]: switch"
