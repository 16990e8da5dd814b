"""The tables: an order's life, who sounds over whom, and the cadence of an emergency."""

import re
from pathlib import Path

import pytest

from broadcast.material.sequence import (
    SequencePart,
    emergency_sequence,
    length_s,
    ordinary_sequence,
)
from broadcast.order import OrderClass
from broadcast.orders.transitions import OVER, WAITING
from broadcast.orders.transitions import TABLE as LIFE
from broadcast.policy.arbiter import (
    AFTER,
    TABLE,
    AfterInterrupt,
    Contender,
    OverlapVerdict,
    decide,
    ducked,
    verdict,
)

DOCS = Path(__file__).parents[3] / "docs" / "broadcast.md"


def test_the_picture_in_the_documents_is_the_table():
    drawn = re.search(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert drawn.group(1) == LIFE.diagram()


def test_the_table_in_the_documents_is_the_arbiters():
    rows = re.findall(r"^\| `(\w+)` \|((?: [PDQX] \|)+)$", DOCS.read_text("utf-8"), re.MULTILINE)
    told = {
        (OrderClass.parse(name), sounds): OverlapVerdict(letter)
        for name, cells in rows
        for sounds, letter in zip(OrderClass, re.findall(r"[PDQX]", cells), strict=True)
    }
    assert told == TABLE


def test_an_order_that_waits_is_not_over():
    assert LIFE.ends == OVER
    assert not OVER & WAITING


def test_every_pair_of_classes_has_a_verdict():
    assert set(TABLE) == {(one, other) for one in OrderClass for other in OrderClass}
    assert set(AFTER) == set(OrderClass)


def test_nothing_cuts_off_or_lowers_what_is_more_urgent():
    for (comes, sounds), said in TABLE.items():
        if comes < sounds:
            assert said not in {OverlapVerdict.PREEMPT, OverlapVerdict.DUCK}, (comes, sounds)


def test_an_emergency_waits_for_fire_alone():
    for comes in (OrderClass.FIRE, OrderClass.EMERGENCY):
        waits = {
            sounds for sounds in OrderClass if TABLE[comes, sounds] is not OverlapVerdict.PREEMPT
        }
        assert waits == ({OrderClass.FIRE} if comes is OrderClass.EMERGENCY else set())


def test_no_two_voices_sound_at_one_loudspeaker():
    assert {over for over, said in TABLE.items() if said is OverlapVerdict.DUCK} == {
        (OrderClass.SERVICE, OrderClass.BACKGROUND),
        (OrderClass.NOTICE, OrderClass.BACKGROUND),
        (OrderClass.PROMPT, OrderClass.BACKGROUND),
    }


def test_a_live_microphone_never_waits_and_never_comes_back():
    assert AFTER[OrderClass.LIVE] is AfterInterrupt.NEVER
    assert OverlapVerdict.QUEUE not in {TABLE[OrderClass.LIVE, other] for other in OrderClass}


def sounding(id_: str, cls: OrderClass, *speakers: str) -> Contender:
    return Contender(id_, cls, frozenset(speakers or {"a"}))


@pytest.mark.parametrize(
    ("comes", "sounds", "expected"),
    [
        (OrderClass.EMERGENCY, OrderClass.NOTICE, ("ab", "", "", {"old": "a"})),
        (OrderClass.NOTICE, OrderClass.EMERGENCY, ("b", "a", "", {})),
        (OrderClass.PROMPT, OrderClass.EMERGENCY, ("b", "", "a", {})),
        (OrderClass.NOTICE, OrderClass.BACKGROUND, ("ab", "", "", {})),
        (OrderClass.EMERGENCY, OrderClass.FIRE, ("b", "a", "", {})),
        (OrderClass.FIRE, OrderClass.EMERGENCY, ("ab", "", "", {"old": "a"})),
    ],
)
def test_what_becomes_of_two_at_each_loudspeaker(comes, sounds, expected):
    begins, waits, dropped, cut = decide(
        sounding("new", comes, "a", "b"), [sounding("old", sounds)]
    )
    found = ["".join(sorted(each)) for each in (begins, waits, dropped)]
    assert (*found, {name: "".join(where) for name, where in cut.items()}) == expected


def test_what_shares_no_loudspeaker_is_let_be():
    decision = decide(
        sounding("new", OrderClass.NOTICE, "b"), [sounding("old", OrderClass.EMERGENCY, "a")]
    )
    assert decision.begins == {"b"}
    assert decision.cut == {}


@pytest.mark.parametrize("cls", [OrderClass.FIRE, OrderClass.EMERGENCY, OrderClass.BACKGROUND])
def test_two_of_a_class_never_take_turns_in_cutting_each_other(cls):
    old, new = sounding("old", cls), sounding("new", cls)._replace(since_ns=1)
    local = sounding("local", cls)
    wide = sounding("wide", cls, "a", "b", "c")._replace(spread=3, since_ns=9)
    for one, other in ((new, old), (local, wide) if cls.urgent else (wide, local)):
        assert verdict(one, other) is OverlapVerdict.PREEMPT
        assert verdict(other, one) is OverlapVerdict.QUEUE


def test_who_is_low():
    music, call = sounding("music", OrderClass.BACKGROUND), sounding("call", OrderClass.SERVICE)
    elsewhere = sounding("elsewhere", OrderClass.BACKGROUND, "b")
    assert ducked([music, call, elsewhere]) == {"music"}
    assert ducked([music, elsewhere]) == frozenset()


@pytest.mark.parametrize("siren_s", [1.15, 5, 8, 12, 20])
@pytest.mark.parametrize("spoken_s", [2, 5.2, 12, 29])
def test_an_emergency_has_the_cadence_of_the_standard(siren_s, spoken_s):
    parts = emergency_sequence(SequencePart("siren", siren_s), (SequencePart("words", spoken_s),))
    sirens = [part.seconds for part in parts if part.file == "siren"]
    words = [part.seconds for part in parts if part.file == "words"]
    assert 8 <= sum(sirens) <= 20
    assert 10 <= sum(words) <= 30
    assert parts == (*(part for part in parts if part.file == "siren"), *parts[len(sirens) :])


def test_words_that_are_too_long_are_said_once_and_none_at_all_leave_the_siren():
    parts = emergency_sequence(SequencePart("siren", 10), (SequencePart("words", 45),))
    assert [part.file for part in parts] == ["siren", "words"]
    assert [part.file for part in emergency_sequence(SequencePart("siren", 10), ())] == ["siren"]


def test_how_long_it_lasts():
    parts = ordinary_sequence(SequencePart("gong", 1), (SequencePart("words", 9),))
    assert length_s(parts, 3, 2.0) == 34
    assert length_s(ordinary_sequence(None, ()), 1, 2.0) == 0
