"""The board's pure parts: order, sound, forms; and a reply that moves nothing."""

import asyncio

import pytest

from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.errors import UsageError
from gateway.event import Timestamps
from gateway.web.i18n import CATALOGUES
from kiosk.desk import forms, row
from kiosk.desk.forms import FormTokens
from kiosk.desk.row import RING, RING_GRAVE, SILENT, RequestRow, find_desk
from kiosk.requests.catalogue import load_services
from kiosk.requests.request import Press, Request, RequestAction, RequestTime, Ride, S
from kiosk.requests.request_type import TYPES
from kiosk.requests.rules import RequestDue
from kiosk.speech.sentences import build_sentence, reply_phrases
from tests.kiosk.requests.harness import station
from tests.sim.loop import simulated

NOW = RequestTime(Timestamps("b", 100 * S), 100 * S)
SERVICE = {"ride": "ride", "call": "staff", "work": "repair"}


def made(family: str, state: str, *, age_s: int = 0, left_s: int = 60, **fields) -> RequestRow:
    until = Deadline("b", (100 + left_s) * S)
    road = fields.pop("road", "desk")
    ride = Ride(began_ns=0, accept=until, until=until, road=road) if family == "ride" else None
    common = {
        "kiosk": "hall",
        "place": "",
        "actor": Actor("resident"),
        "pressed": Timestamps("b", 0),
    }
    request = Request(
        **common, **fields, ride=ride, id=f"{family}-{state}-{age_s}-{left_s}", number="583920",
        service=SERVICE[family], family=family, state=state, opened_ns=(100 - age_s) * S,
        since_ns=0,
    )  # fmt: skip
    return RequestRow(request, load_services()[SERVICE[family]], NOW)


def test_every_state_has_a_mark_and_every_act_of_staff_a_form():
    for name, type_ in TYPES.items():
        desk = find_desk(name)
        assert set(desk.marks) == {str(state) for state in type_.table.states}
        assert {form.act for form in desk.forms} == {str(event) for event in type_.staff}
        assert desk.take in type_.staff
        assert reply_phrases(name, "zh")


def test_danger_comes_first_then_who_has_least_time_then_the_oldest_and_what_is_taken_last():
    rows = [
        made("work", "doing", age_s=5000),
        made("work", "reported", age_s=3000),
        made("call", "ringing", age_s=90),
        made("ride", "asking", left_s=50),
        made("ride", "asking", left_s=10),
        made("call", "ringing", age_s=1, urgent=True),
        made("ride", "searching", road="platform"),
    ]
    ordered = sorted(rows, key=lambda each: each.order)
    assert [each.request.id for each in ordered] == [
        "call-ringing-1-60",
        "ride-asking-0-10",
        "ride-asking-0-50",
        "call-ringing-90-60",
        "work-reported-3000-60",
        "ride-searching-0-60",
        "work-doing-5000-60",
    ]


def test_it_rings_until_somebody_takes_it_and_graver_when_nobody_came():
    assert made("call", "ringing").ring == RING
    assert made("call", "escalated").ring == RING_GRAVE
    assert made("call", "ringing", urgent=True).ring == RING_GRAVE
    assert made("work", "reported").ring == RING
    assert made("ride", "asking").ring == RING
    for quiet in (
        made("ride", "asking", road="platform"), made("call", "answered"), made("work", "received"),
        made("ride", "assigned"), made("work", "revisit"),
    ):  # fmt: skip
        assert quiet.ring == SILENT
        assert quiet.taking_action == ""


def test_a_repair_that_is_overdue_goes_before_one_that_is_not_and_a_joined_one_waits_for_nobody():
    over = made("work", "assigned")._replace(due=RequestDue("come", 40 * S))
    fresh = made("work", "reported")._replace(due=RequestDue("take", 400 * S))
    joined = made("work", "reported", linked="work-1")
    assert sorted([joined, fresh, over], key=lambda each: each.order) == [over, fresh, joined]
    late, call = fresh._replace(due=RequestDue("take", 0)), made("call", "ringing")
    assert sorted([late, call], key=lambda each: each.order) == [call, late]
    assert (joined.is_waiting, joined.ring) == (False, SILENT)
    words = CATALOGUES["zh"]
    assert "60 秒前就该有人到" in row.row_text(over, words, "王师傅")
    assert "5 分内要接" in row.row_text(fresh, words, "")
    assert "一起办" in row.row_text(joined, words, "")


def test_minutes_are_those_that_are_left_where_it_expires():
    assert (made("ride", "asking", left_s=61).minutes, made("ride", "asking").unit) == (
        2,
        "board.minutes-left",
    )
    assert made("call", "ringing", age_s=125).minutes == 2
    old = made("work", "reported", age_s=40 * 86_400)
    assert (old.minutes, old.unit) == (40, "board.days-waiting")
    again = made("call", "ringing", age_s=3000, rang_ns=98 * S)
    assert (again.minutes, again.unit) == (0, "board.minutes-waiting"), "from this ringing"


def test_a_form_is_its_deed_and_what_does_not_fit_is_refused_without_being_repeated():
    car = forms.parse_action(
        {"act": "assign", "plate": " 京a 12345 ", "minutes": "4", "colour": "白"}
    )
    assert (car.car.plate, car.car.minutes) == ("京A12345", 4)
    both = forms.parse_action({"act": "reply", "text": " 马上 到 ", "ready": "今天就来修"})
    assert both.reply == "马上 到"
    for code, given in {
        "board.no-plate": {"act": "assign", "plate": " "},
        "board.no-reply": {"act": "reply", "text": " "},
        "board.unfit": {"act": "assign", "plate": "13812345678901", "minutes": "x"},
    }.items():
        with pytest.raises(UsageError) as refused:
            forms.parse_action(given)
        assert refused.value.code == code
        assert "13812345678901" not in str(refused.value)


def test_a_key_is_good_once_unless_nothing_came_of_it():
    once = FormTokens()
    key = once.issue_token()
    assert [once.claim_token(key), once.claim_token(key)] == [True, False]
    once.release_token(key)
    assert once.claim_token(key)
    assert [once.claim_token(""), once.claim_token("")] == [True, True]


def test_a_ready_sentence_is_a_clip_of_its_own_and_other_words_are_of_the_moment():
    said = build_sentence(
        made("call", "answered", reply=reply_phrases("call", "zh")[0]).request, "zh", {}
    )
    assert [clip.id for clip in said.clips] == ["call-answered", "says", "ready-coming", "stop"]
    own = build_sentence(made("call", "answered", reply="稍等").request, "zh", {})
    assert ("", "稍等") in own.clips


@simulated
async def test_a_reply_moves_nothing_is_spoken_and_is_over_with_the_state_that_it_was_about():
    async with station() as around:
        call = await around.room.submit_press(Press(press="p1", kiosk="hall", service="staff"))
        zhang = Actor("staff", "zhang")
        told = await around.room.apply_action(
            call.id, RequestAction(act="reply", reply="稍等"), zhang
        )
        assert (told.state, told.reply, told.by) == ("ringing", "稍等", "")
        await asyncio.sleep(1)
        went = await around.room.apply_action(call.id, RequestAction(act="answer"), zhang)
        assert (went.reply, went.by) == ("", "zhang")
        await asyncio.sleep(1)
        done = await around.room.apply_action(call.id, RequestAction(act="close"), zhang)
        with pytest.raises(UsageError, match=r"requests\.not-now"):
            await around.room.apply_action(done.id, RequestAction(act="reply", reply="再见"), zhang)
        await asyncio.sleep(1)
        captions = around.speaker.captions
        assert any("工作人员说：稍等" in caption for caption in captions)
        assert captions[-1] == "好的，有事再按。"
        assert row.spaced_number(done) == f"{done.number[:3]} {done.number[3:]}"
