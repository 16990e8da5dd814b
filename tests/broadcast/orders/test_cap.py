"""Public warnings: which sound, as what, how long, and which take the place of others."""

import asyncio
import datetime

import pytest

from broadcast.cap import parse
from broadcast.life import State
from broadcast.order import Class
from broadcast.presets import Presets
from broadcast.quiet import S
from gateway.errors import CommandRefused, UsageError
from gateway.station.remote import Cap, Remote
from gateway.upstream.inbox.command import Mandate
from tests.broadcast.orders.test_room import world
from tests.sim.loop import simulated


def warning(
    status="Actual",
    kind="Alert",
    *,
    urgency="Immediate",
    severity="Extreme",
    more="",
    scope="Public",
    expires="",
    id_="n-1",
):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>'
        f"{id_}</identifier><sender>bj@example.cn</sender><sent>2026-09-22T08:00:00+08:00</sent>"
        f"<status>{status}</status><msgType>{kind}</msgType><scope>{scope}</scope>{more}"
        "<info><language>en-US</language><headline>Storm</headline></info>"
        f"<info><language>zh-CN</language><event>暴雨</event><urgency>{urgency}</urgency>"
        f"<severity>{severity}</severity><certainty>Observed</certainty>{expires}"
        "<headline>暴雨红色预警</headline><instruction>请不要外出。</instruction></info></alert>"
    ).encode()


def test_a_warning_becomes_an_order_of_its_class():
    found = parse(warning())
    assert (found.id, found.sounds, found.cls) == (
        "cap-bj@example.cn-n-1",
        True,
        Class.EMERGENCY,
    )
    assert found.text == "暴雨红色预警 请不要外出。"
    assert found.language == "zh"
    assert parse(warning(severity="Moderate")).cls is Class.URGENT
    assert parse(warning(urgency="Future")).cls is Class.NOTICE


@pytest.mark.parametrize("status", ["Test", "Exercise", "System", "Draft"])
def test_what_is_no_actual_alarm_neither_sounds_nor_ends_anything(status):
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00</references>"
    for kind in ("Alert", "Update", "Cancel"):
        found = parse(warning(status, kind, more=refers))
        assert not found.sounds
        assert found.ends == ()


def test_update_and_cancel_end_what_they_refer_to():
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00 a@b,c,d</references>"
    update, cancel = (parse(warning(kind=kind, more=refers)) for kind in ("Update", "Cancel"))
    assert update.ends == cancel.ends == ("cap-bj@example.cn-n-0", "cap-a@b-c")
    assert (update.sounds, cancel.sounds) == (True, False)
    itself = "<references>bj@example.cn,n-1,2026-09-22T07:00:00+08:00</references>"
    assert parse(warning(kind="Update", more=itself)).ends == ()


@pytest.mark.parametrize("scope", ["Restricted", "Private"])
def test_what_is_not_for_everybody_is_not_said_to_everybody(scope):
    assert not parse(warning(scope=scope)).sounds


def test_two_warnings_never_have_one_name():
    long = [parse(warning(id_="9" * 90 + end)).id for end in ("a", "b")]
    odd = [parse(warning(id_=name)).id for name in ("n/1", "n-1", "n 1")]
    assert len({*long, *odd}) == 5
    assert all(len(each) <= 80 and " " not in each for each in (*long, *odd))


@simulated
async def test_a_warning_is_not_said_beyond_its_own_end():
    async with world() as around:
        with pytest.raises(CommandRefused, match="expired"):
            await remote(around).warn(warned(around, "ended", ends_s=-60), mandate(around))
        for id_, seconds in {"soon": 5, "long": 3_600}.items():
            await remote(around).warn(warned(around, id_, ends_s=seconds), mandate(around))
            await asyncio.sleep(1)
        await asyncio.sleep(30)
        found = {kept.order.id: kept for kept in around.room.orders()}
        assert found["cap-bj@example.cn-ended"].state is State.EXPIRED
        heard = {h.programme.id: h for h in around.engine.heard}
        assert set(heard) >= {"cap-bj@example.cn-soon", "cap-bj@example.cn-long"}
        soon = found["cap-bj@example.cn-soon"].order.expires.at_ns
        assert heard["cap-bj@example.cn-soon"].programme.expires_ns == soon


@simulated
async def test_an_update_that_overtakes_what_it_updates_silences_it_for_good():
    async with world() as around:
        for kind in ("Update", "Cancel"):
            old, new = f"old-{kind}", f"new-{kind}"
            refers = f"<references>bj@example.cn,{old},2026-09-22T07:00:00+08:00</references>"
            newer = warned(around, new, kind=kind, more=refers)
            await remote(around).warn(newer, mandate(around))
            if kind == "Cancel":
                await around.kill()
                await around.start()
            with pytest.raises(CommandRefused, match="superseded"):
                await remote(around).warn(warned(around, old), mandate(around))
        await asyncio.sleep(30)
        assert {h.programme.id for h in around.engine.heard} == {"cap-bj@example.cn-new-Update"}


@simulated
async def test_a_cancel_ends_what_sounds():
    async with world() as around:
        await remote(around).warn(warned(around, "n-1"), mandate(around))
        await asyncio.sleep(2)
        refers = "<references>bj@example.cn,n-1,2026-09-22T07:00:00+08:00</references>"
        cancel = warned(around, "n-2", kind="Cancel", more=refers)
        assert await remote(around).warn(cancel, mandate(around)) == {"sounds": False}
        await asyncio.sleep(1)
        (kept,) = around.room.orders()
        assert (kept.state, kept.why) == (State.STOPPED, "broadcast.superseded")
        assert [h.how for h in around.engine.heard] == ["stopped"]


def remote(around):
    presets, silent = Presets(around.journal, {}), None
    return Remote("district", around.room, presets, around.clock, silent)


def mandate(around):
    return Mandate("command-1", around.clock.deadline(600))


def warned(around, id_, *, ends_s=None, **more):
    if ends_s is not None:
        moment = datetime.datetime.fromtimestamp(around.true_ns() // S + ends_s, datetime.UTC)
        more["expires"] = f"<expires>{moment.isoformat()}</expires>"
    return Cap(warning(id_=id_, **more).decode(), ("all",), repeat=1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<alert>",
        b"<alert/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><alert/>',
        b"<a>" * 20 + b"</a>" * 20,
        b"<alert>" + b"<x/>" * 3_000 + b"</alert>",
        warning(kind="Ack"),
        warning(expires="<expires>soon</expires>"),
        warning(expires="<expires>2026-09-22T12:00:00</expires>"),
        warning() + b"x" * 200_000,
    ],
)
def test_hostile_warnings_are_refused(raw):
    with pytest.raises(UsageError):
        parse(raw)
