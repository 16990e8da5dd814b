"""Every state of every family has one sentence in every language, and its caption is its words."""

import re

import pytest

from gateway.audit import Who
from gateway.clock import Deadline
from gateway.event import Stamps
from kiosk.flows import FAMILIES
from kiosk.request import Car, Request, Ride
from kiosk.speech import AT_DESK, COME, HANDED_OVER, LANGUAGES, script, sentence

LATER = Deadline("b", 1)
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)
PHONES = {"": "010-64700000", "ride": "95128"}
STATES = [(name, state) for name, family in FAMILIES.items() for state in family.states]


def request(family: str, state: str, **fields) -> Request:
    ride = Ride(began_ns=0, accept=LATER, until=LATER, car=CAR) if family == "ride" else None
    common = {"kiosk": "hall", "place": "", "actor": Who("resident"), "pressed": Stamps("b", 0)}
    return Request(
        **(common | {"ride": ride, "reply": ""} | fields),
        id=f"{family}-1", number="583920", service=family, family=family,
        state=state, opened_ns=0, since_ns=0,
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("family", "state"), STATES)
def test_every_state_has_one_sentence_whose_caption_is_its_words(family, state, language):
    full = sentence(request(family, state, reply="三分钟"), language, PHONES)
    bare = sentence(request(family, state, ride=None), language, {})
    for said in (full, bare):
        words = "".join(clip.words for clip in said.clips)
        assert said.caption.replace(" ", "") == words.replace(" ", "")
        assert words
        assert not re.search(r"[{}\[\]]", said.caption)
        if language == "zh":
            assert len(said.clips[0].words) <= 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_says_every_state_no_other_and_leaves_no_clip_unused(language):
    spoken = script(language)
    said = {(f, s) for f, states in spoken.say.items() for s in states}
    beside = {("ride", HANDED_OVER), ("ride", AT_DESK), ("call", COME)}
    assert said == {*STATES, *beside}
    used = set(re.findall(r"'([a-z-]+)'", f"{spoken.say} {spoken.bell} {spoken.ready}")) - {
        *(state for _, state in STATES),
        *(word for _, word in beside),
    } - set(FAMILIES) - set(spoken.bell)  # fmt: skip
    assert used == set(spoken.clip)


def test_both_languages_have_the_same_clips_in_the_same_order():
    zh, en = script("zh"), script("en")
    assert zh.clip.keys() == en.clip.keys()
    assert zh.say == en.say
    assert zh.bell == en.bell
    assert zh.ready == en.ready


def test_no_two_states_of_a_family_sound_alike():
    for language in LANGUAGES:
        for name, family in FAMILIES.items():
            said = [sentence(request(name, s), language, PHONES).caption for s in family.states]
            assert len(set(said)) == len(said)


def test_a_plate_is_read_sign_by_sign_and_minutes_as_a_number():
    said = sentence(request("ride", "assigned"), "zh", PHONES)
    signs = [clip for clip in said.clips if clip.id.startswith("sign-")]
    assert [clip.words for clip in signs] == list("京BT3642")
    assert [clip.id for clip in signs] == [f"sign-{sign}" for sign in "京bt3642"]
    assert ("number-4", "4") in said.clips
    assert said.caption == "叫到车了，车牌京BT3642，黄绿色北京现代，大约4分钟到。"


def test_what_is_not_known_is_left_out_not_read_as_nothing():
    said = sentence(request("ride", "no-car"), "zh", {})
    assert said.caption == "没有叫到车，附近没有车接单。已经叫工作人员来帮您。"
    dialled = sentence(request("ride", "no-car"), "zh", PHONES).caption
    assert dialled.endswith("也可以拨打95128。")


def test_a_ready_reply_is_heard_in_the_language_that_is_spoken_and_others_as_they_were_written():
    ready = sentence(request("call", "answered", reply="五分钟就到，请坐着等"), "en", PHONES)
    assert ready.caption.endswith("I will be there in five minutes, please take a seat.")
    own = sentence(request("call", "answered", reply="到南门"), "en", PHONES)
    assert own.clips[-2] == ("", "到南门")
