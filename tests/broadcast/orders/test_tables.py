"""The tables: an order's life, who sounds over whom, and the cadence of an emergency."""

import re
from pathlib import Path

import pytest

from broadcast.arbiter import AFTER, TABLE, After, Sounding, Verdict, decide, ducked
from broadcast.ladder import Part, emergency, length_s, ordinary
from broadcast.life import OVER, WAITING, State, diagram
from broadcast.life import TABLE as LIFE
from broadcast.order import Class

DOCS = Path(__file__).parents[3] / "docs" / "broadcast.md"


def test_the_picture_in_the_documents_is_the_table():
    drawn = re.search(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert drawn.group(1) == diagram()


def test_every_order_comes_to_an_end_from_everywhere():
    for state in State:
        reached, fresh = {state}, {state}
        while fresh:
            fresh = {to for (left, _), to in LIFE.items() if left in fresh} - reached
            reached |= fresh
        assert reached & OVER, state
    assert not OVER & WAITING


def test_every_pair_of_classes_has_a_verdict():
    assert set(TABLE) == {(one, other) for one in Class for other in Class}
    assert set(AFTER) == set(Class)


def test_nothing_cuts_off_or_lowers_what_is_more_urgent():
    for (comes, sounds), verdict in TABLE.items():
        if comes < sounds:
            assert verdict not in {Verdict.PREEMPT, Verdict.DUCK}, (comes, sounds)


def test_an_emergency_never_waits():
    for comes in (Class.FIRE, Class.EMERGENCY):
        for sounds in Class:
            assert TABLE[comes, sounds] in {Verdict.PREEMPT, Verdict.BESIDE}


def test_a_live_microphone_never_waits_and_never_comes_back():
    assert AFTER[Class.LIVE] is After.NEVER
    assert Verdict.QUEUE not in {TABLE[Class.LIVE, other] for other in Class}


def sounding(id_: str, cls: Class, *speakers: str) -> Sounding:
    return Sounding(id_, cls, frozenset(speakers or {"a"}))


@pytest.mark.parametrize(
    ("comes", "sounds", "expected"),
    [
        (Class.EMERGENCY, Class.NOTICE, (False, False, ("old",))),
        (Class.NOTICE, Class.EMERGENCY, (True, False, ())),
        (Class.PROMPT, Class.EMERGENCY, (False, True, ())),
        (Class.NOTICE, Class.BACKGROUND, (False, False, ())),
        (Class.EMERGENCY, Class.FIRE, (False, False, ())),
    ],
)
def test_what_becomes_of_two(comes, sounds, expected):
    assert tuple(decide(sounding("new", comes), [sounding("old", sounds)])) == expected


def test_what_shares_no_loudspeaker_is_let_be():
    decision = decide(sounding("new", Class.NOTICE, "b"), [sounding("old", Class.EMERGENCY, "a")])
    assert decision.sounds
    assert decision.cut == ()


def test_two_emergencies_do_not_take_turns_in_cutting_each_other():
    old = sounding("old", Class.EMERGENCY)
    assert decide(sounding("new", Class.EMERGENCY), [old]).cut == ("old",)
    assert decide(sounding("new", Class.EMERGENCY), [old], again=True).waits


def test_who_is_low():
    music, call = sounding("music", Class.BACKGROUND), sounding("call", Class.SERVICE)
    elsewhere = sounding("elsewhere", Class.BACKGROUND, "b")
    assert ducked([music, call, elsewhere]) == {"music"}
    assert ducked([music, elsewhere]) == frozenset()


@pytest.mark.parametrize("siren_s", [1.15, 5, 8, 12, 20])
@pytest.mark.parametrize("spoken_s", [2, 5.2, 12, 29])
def test_an_emergency_has_the_cadence_of_the_standard(siren_s, spoken_s):
    parts = emergency(Part("siren", siren_s), (Part("words", spoken_s),))
    sirens = [part.seconds for part in parts if part.file == "siren"]
    words = [part.seconds for part in parts if part.file == "words"]
    assert 8 <= sum(sirens) <= 20
    assert 10 <= sum(words) <= 30
    assert parts == (*(part for part in parts if part.file == "siren"), *parts[len(sirens) :])


def test_words_that_are_too_long_are_said_once_and_none_at_all_leave_the_siren():
    parts = emergency(Part("siren", 10), (Part("words", 45),))
    assert [part.file for part in parts] == ["siren", "words"]
    assert [part.file for part in emergency(Part("siren", 10), ())] == ["siren"]


def test_how_long_it_lasts():
    parts = ordinary(Part("gong", 1), (Part("words", 9),))
    assert length_s(parts, 3, 2.0) == 34
    assert length_s(ordinary(None, ()), 1, 2.0) == 0
