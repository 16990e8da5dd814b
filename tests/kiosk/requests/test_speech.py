"""Every state of every family has one sentence in every language, and its caption is its words."""

import re

import pytest

from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.event import Timestamps
from kiosk.request_types.call.speech import COME
from kiosk.request_types.ride.speech import AT_DESK, HANDED_OVER
from kiosk.requests.request import Car, Request, Ride
from kiosk.requests.request_type import TYPES
from kiosk.speech.sentences import LANGUAGES, build_sentence, load_common_script, load_script

LATER = Deadline("b", 1)
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)
PHONES = {"": "010-64700000", "ride": "95128"}
STATES = [(name, state) for name, type_ in TYPES.items() for state in type_.table.states]


def request(family: str, state: str, **fields) -> Request:
    ride = Ride(began_ns=0, accept=LATER, until=LATER, car=CAR) if family == "ride" else None
    common = {
        "kiosk": "hall",
        "place": "",
        "actor": Actor("resident"),
        "pressed": Timestamps("b", 0),
    }
    return Request(
        **(common | {"ride": ride, "reply": ""} | fields),
        id=f"{family}-1", number="583920", service=family, family=family,
        state=state, opened_ns=0, since_ns=0,
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("family", "state"), STATES)
def test_every_state_has_one_sentence_whose_caption_is_its_words(family, state, language):
    full = build_sentence(request(family, state, reply="三分钟"), language, PHONES)
    bare = build_sentence(request(family, state, ride=None), language, {})
    for said in (full, bare):
        words = "".join(clip.words for clip in said.clips)
        assert said.caption.replace(" ", "") == words.replace(" ", "")
        assert words
        assert not re.search(r"[{}\[\]]", said.caption)
        if language == "zh":
            assert len(said.clips[0].words) <= 40


BESIDE = {"ride": {HANDED_OVER, AT_DESK}, "call": {COME}}


def clips_in(said: object) -> set[str]:
    return set(re.findall(r"'([a-z-]+)'", f"{said}"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", list(TYPES))
def test_a_script_says_every_state_no_other_and_leaves_no_clip_unused(name, language):
    spoken = load_script(name, language)
    states = {*map(str, TYPES[name].table.states), *BESIDE.get(name, ())}
    assert set(spoken.say) == states
    used = clips_in(list(spoken.say.values())) | set(spoken.ready)
    assert used - set(load_common_script(language).clip) == set(spoken.clip) - set(
        load_common_script(language).clip
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_common_clip_is_unused(language):
    used = clips_in(list(load_common_script(language).bell.values()))
    for name in TYPES:
        spoken = load_script(name, language)
        used |= clips_in(list(spoken.say.values())) | set(spoken.ready)
    assert used >= set(load_common_script(language).clip)


def test_both_languages_have_the_same_clips_in_the_same_order():
    for name in TYPES:
        zh, en = load_script(name, "zh"), load_script(name, "en")
        assert zh.clip.keys() == en.clip.keys()
        assert zh.say == en.say
        assert zh.ready == en.ready
    assert load_common_script("zh").bell == load_common_script("en").bell


def test_no_two_states_of_a_family_sound_alike():
    for language in LANGUAGES:
        for name, type_ in TYPES.items():
            said = [
                build_sentence(request(name, s), language, PHONES).caption
                for s in type_.table.states
            ]
            assert len(set(said)) == len(said)


def test_a_plate_is_read_sign_by_sign_and_minutes_as_a_number():
    said = build_sentence(request("ride", "assigned"), "zh", PHONES)
    signs = [clip for clip in said.clips if clip.id.startswith("sign-")]
    assert [clip.words for clip in signs] == list("京BT3642")
    assert [clip.id for clip in signs] == [f"sign-{sign}" for sign in "京bt3642"]
    assert ("number-4", "4") in said.clips
    assert said.caption == "叫到车了，车牌京BT3642，黄绿色北京现代，大约4分钟到。"


def test_what_is_not_known_is_left_out_not_read_as_nothing():
    said = build_sentence(request("ride", "no-car"), "zh", {})
    assert said.caption == "没有叫到车，附近没有车接单。已经叫工作人员来帮您。"
    dialled = build_sentence(request("ride", "no-car"), "zh", PHONES).caption
    assert dialled.endswith("也可以拨打95128。")


def test_a_ready_reply_is_heard_in_the_language_that_is_spoken_and_others_as_they_were_written():
    ready = build_sentence(request("call", "answered", reply="五分钟就到，请坐着等"), "en", PHONES)
    assert ready.caption.endswith("I will be there in five minutes, please take a seat.")
    own = build_sentence(request("call", "answered", reply="到南门"), "en", PHONES)
    assert own.clips[-2] == ("", "到南门")
