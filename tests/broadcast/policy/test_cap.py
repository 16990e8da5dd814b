"""Public warnings: which sound, as what, how long, and which take the place of others."""

import asyncio
import contextlib
import datetime
import re
from pathlib import Path

import msgspec
import pytest

from broadcast.material.presets import Presets
from broadcast.order import OrderClass
from broadcast.orders.transitions import OrderState
from broadcast.policy.cap import parse_warning, warning_zones
from broadcast.policy.guard import ZoneMap
from broadcast.policy.quiet_hours import S
from broadcast.triggers.commands import BroadcastCommands, CapCommand
from gateway.errors import CommandRefused, StationError, UsageError
from gateway.event import Trust
from gateway.upstream.inbox.command import CommandKind, Mandate
from gateway.upstream.inbox.execution import find_work
from tests.broadcast.playback.test_service import world
from tests.broadcast.policy.zones import HOUSE
from tests.sim.loop import simulated


def info(language="zh-CN", **fields):
    """One `info` with those fields as they are, `areas` as `area` blocks."""
    areas = "".join(
        f"<area><areaDesc>{name}</areaDesc>{codes}</area>"
        for name, codes in fields.pop("areas", ())
    )
    said = f"<language>{language}</language>" if language else ""
    body = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
    return f"<info>{said}{body}{areas}</info>"


def code(value):
    return f"<geocode><valueName>行政区划</valueName><value>{value}</value></geocode>"


def alert(*infos, declared="UTF-8", kind="Alert", scope="Public", more=""):
    return (
        f'<?xml version="1.0" encoding="{declared}"?>'
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>n-1</identifier>'
        "<sender>bj@example.cn</sender><sent>2026-09-22T08:00:00+08:00</sent>"
        f"<status>Actual</status><msgType>{kind}</msgType><scope>{scope}</scope>{more}"
        + "".join(infos)
        + "</alert>"
    )


GRAVE = {"urgency": "Immediate", "severity": "Extreme"}
MILD = {"urgency": "Future", "severity": "Minor"}


def test_the_gravest_info_decides_and_chinese_goes_first():
    storm = info(headline="暴雨", **MILD), info(headline="山洪", **GRAVE)
    for infos in (storm, storm[::-1]):
        assert (parse_warning(alert(*infos)).cls, parse_warning(alert(*infos)).text) == (
            OrderClass.EMERGENCY,
            "山洪",
        )
    both = info("en-US", headline="Flash flood", **GRAVE), info(headline="山洪预警", **MILD)
    assert (parse_warning(alert(*both)).cls, parse_warning(alert(*both)).language) == (
        OrderClass.NOTICE,
        "zh",
    )
    alike = info(headline="甲", **GRAVE), info(headline="乙", **GRAVE)
    assert parse_warning(alert(*alike)).text == "甲"


def test_an_info_that_has_expired_says_nothing_while_another_holds():
    ended = info(headline="山洪", expires="2026-09-22T08:00:00+08:00", **GRAVE)
    holds = info(headline="积水", expires="2026-09-22T20:00:00+08:00", **MILD)
    late = 1_790_049_600 * S  # 2026-09-22 12:00 in Shanghai
    assert parse_warning(alert(ended, holds), late).text == "积水"
    assert parse_warning(alert(ended, holds)).text == "山洪"
    assert parse_warning(alert(ended), late).text == "山洪"
    english = info("en-US", headline="Flood", **GRAVE)
    assert parse_warning(alert(english, ended), late).text == "山洪"


@pytest.mark.parametrize("language", ["", "en-US", "zh-CN"])
def test_a_text_is_read_in_the_language_that_it_is_written_in(language):
    english = parse_warning(
        alert(info(language, headline="Flash flood", instruction="Go upstairs."))
    )
    assert english.language == "en"
    assert (
        parse_warning(alert(info(language, headline="山洪", description="No. 5"))).language == "zh"
    )


def test_what_to_do_is_kept_whole_and_the_description_shortened():
    what = "受强对流云团影响，预计未来三小时本区有暴雨。" * 60
    do = "请待在室内，不要靠近河道、低洼处和地下车库。"
    found = parse_warning(
        alert(info(headline="暴雨红色预警", description=what, instruction=do))
    ).text
    assert len(found) <= 500
    assert found.startswith("暴雨红色预警 受强对流")
    assert found.endswith(f"暴雨。 {do}")
    long = parse_warning(alert(info(headline="暴雨", description=what, instruction=do * 40))).text
    assert (len(long) <= 500, long.startswith("暴雨 请待在室内")) == (True, True)
    assert long.endswith("地下车库。")
    unbroken = parse_warning(
        alert(info(headline="暴", description="雨" * 900, instruction=do))
    ).text
    assert (len(unbroken), unbroken.endswith(do)) == (500, True)


def test_without_a_headline_it_is_the_event_and_without_a_word_it_is_refused():
    assert parse_warning(alert(info(event="暴雨", headline=" "))).text == "暴雨"
    with pytest.raises(UsageError, match=r"cap-lacks"):
        parse_warning(alert(info(event="")))
    assert not parse_warning(alert(info(event=""), kind="Cancel")).sounds


@pytest.mark.parametrize(
    "declared", ["GBK", "GB2312", "gb18030", "UTF-16", "UTF-8", "windows-1252"]
)
def test_characters_that_were_decoded_already_keep_what_they_declare(declared):
    text = alert(info(headline="暴雨红色预警"), declared=declared)
    assert parse_warning(text).text == "暴雨红色预警"
    assert parse_warning("\ufeff" + text).text == "暴雨红色预警"
    assert parse_warning(text.encode()).text == "暴雨红色预警"


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("GBK", "gbk"),
        ("GB2312", "gb2312"),
        ("GB18030", "gb18030"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("UTF-8", "utf-8-sig"),
    ],
)
def test_bytes_are_read_as_they_declare(declared, written):
    text = alert(info(headline="暴雨红色预警"), declared=declared)
    assert parse_warning(text.encode(written)).text == "暴雨红色预警"


@pytest.mark.parametrize("scope", ["Restricted", "Private"])
def test_an_update_that_nobody_hears_ends_nothing(scope):
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00</references>"
    said = info(headline="暴雨")
    found = parse_warning(alert(said, kind="Update", scope=scope, more=refers))
    assert (found.sounds, found.ends) == (False, ())
    empty = parse_warning(alert(kind="Update", more=refers))
    assert (empty.sounds, empty.ends) == (False, ())
    for cancel in (
        alert(kind="Cancel", scope=scope, more=refers),
        alert(kind="Cancel", more=refers),
    ):
        assert parse_warning(cancel).ends == ("cap-bj@example.cn-n-0",)


def test_its_areas_say_where_it_is_heard():
    areas = {"110105-031": ["b3"], "望京街道": ["b5", "hall"], "330106": ["lift"]}

    plain = ZoneMap(
        {id_: HOUSE.zones[id_] for id_ in ("all", "b3", "b5", "hall", "lift")}, HOUSE.quiet
    )

    def where(*blocks, **kind):
        return warning_zones(
            parse_warning(alert(info(headline="暴雨", areas=blocks, **kind))), areas, plain
        )

    assert where(("望京街道", "")) == ["b5", "hall"]
    assert where(("某处", code("110105031"))) == ["b3"]
    for holds in ("110105000000", "110105", "110000", "1101050310042"):
        assert where(("朝阳", code(holds))) == ["b3"]
    assert where(("甲", code("110105")), ("望京街道", "")) == ["b3", "b5", "hall"]
    # what it names is not on the list, or names nothing: everywhere, lifts in an emergency alone
    for nowhere in ([("上海", code("310000"))], []):
        assert where(*nowhere) == ["all", "hall"]
        assert where(*nowhere, **GRAVE) == ["all", "hall", "lift"]


def test_the_example_in_the_documents_is_said_as_they_say():
    document = (Path(__file__).parents[3] / "docs" / "feed.md").read_text("utf-8")
    (example,) = re.findall(r"```xml\n(.*?)```", document, re.DOTALL)
    found = parse_warning(example)
    assert found.id == "cap-warn@example.cn-11010541600001_20260922080000_1"
    assert (found.sounds, found.cls, found.language) == (True, OrderClass.EMERGENCY, "zh")
    assert found.text == (
        "朝阳区发布暴雨红色预警。 预计未来三小时本区降雨超过一百毫米。"
        " 请待在室内，不要靠近河道和低洼处。"
    )
    assert found.areas == ("望京街道", "110105000000")
    assert warning_zones(found, {"110105031": ["b5"]}, HOUSE) == ["b5"]


def warning(
    status="Actual",
    kind="Alert",
    *,
    urgency="Immediate",
    severity="Extreme",
    more="",
    scope="Public",
    expires="",
    begins="",
    id_="n-1",
):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>'
        f"{id_}</identifier><sender>bj@example.cn</sender><sent>2026-09-22T08:00:00+08:00</sent>"
        f"<status>{status}</status><msgType>{kind}</msgType><scope>{scope}</scope>{more}"
        "<info><language>en-US</language><headline>Storm</headline></info>"
        f"<info><language>zh-CN</language><event>暴雨</event><urgency>{urgency}</urgency>"
        f"<severity>{severity}</severity><certainty>Observed</certainty>{begins}{expires}"
        "<headline>暴雨红色预警</headline><instruction>请不要外出。</instruction></info></alert>"
    ).encode()


def test_a_warning_becomes_an_order_of_its_class():
    found = parse_warning(warning())
    assert (found.id, found.sounds, found.cls) == (
        "cap-bj@example.cn-n-1",
        True,
        OrderClass.EMERGENCY,
    )
    assert found.text == "暴雨红色预警 请不要外出。"
    assert found.language == "zh"
    assert parse_warning(warning(severity="Moderate")).cls is OrderClass.URGENT
    assert parse_warning(warning(urgency="Future")).cls is OrderClass.NOTICE


@pytest.mark.parametrize("status", ["Test", "Exercise", "System", "Draft"])
def test_what_is_no_actual_alarm_neither_sounds_nor_ends_anything(status):
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00</references>"
    for kind in ("Alert", "Update", "Cancel"):
        found = parse_warning(warning(status, kind, more=refers))
        assert not found.sounds
        assert found.ends == ()


def test_update_and_cancel_end_what_they_refer_to():
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00 a@b,c,d</references>"
    update, cancel = (
        parse_warning(warning(kind=kind, more=refers)) for kind in ("Update", "Cancel")
    )
    assert update.ends == cancel.ends == ("cap-bj@example.cn-n-0", "cap-a@b-c")
    assert (update.sounds, cancel.sounds) == (True, False)
    itself = "<references>bj@example.cn,n-1,2026-09-22T07:00:00+08:00</references>"
    assert parse_warning(warning(kind="Update", more=itself)).ends == ()


@pytest.mark.parametrize("scope", ["Restricted", "Private"])
def test_what_is_not_for_everybody_is_not_said_to_everybody(scope):
    assert not parse_warning(warning(scope=scope)).sounds


def test_two_warnings_never_have_one_name():
    long = [parse_warning(warning(id_="9" * 90 + end)).id for end in ("a", "b")]
    odd = [parse_warning(warning(id_=name)).id for name in ("n/1", "n-1", "n 1")]
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
        assert found["cap-bj@example.cn-ended"].state is OrderState.EXPIRED
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
        assert (kept.state, kept.why) == (OrderState.STOPPED, "broadcast.superseded")
        assert [h.how for h in around.engine.heard] == ["stopped"]


@simulated
@pytest.mark.parametrize("name", ["onset", "effective"])
async def test_a_warning_of_tomorrow_is_said_when_its_time_has_come(name):
    async with world() as around:
        at_s = 20 * 3600
        at = begins(around, name, at_s)
        coming = warned(around, "n-1", ends_s=at_s + 600, severity="Minor", **at)
        receipt = await remote(around).warn(coming, mandate(around, 26 * 3600))
        await asyncio.sleep(at_s - 10)
        (kept,) = around.room.orders()
        assert receipt["state"] in {"accepted", "preparing", "held"}
        assert (kept.state, kept.why) == (OrderState.HELD, "broadcast.not-yet")
        assert around.engine.heard == []
        await asyncio.sleep(40)
        assert [h.programme.id for h in around.engine.heard] == ["cap-bj@example.cn-n-1"]
        (kept,) = around.room.orders()
        assert kept.state is OrderState.FINISHED


@simulated
async def test_a_warning_of_tomorrow_outlives_a_power_cut_and_waits_on():
    async with world() as around:
        coming = warned(around, "n-1", ends_s=4_000, **begins(around, "effective", 3_000))
        await remote(around).warn(coming, mandate(around, 5_000))
        await around.reboot()
        await around.start()
        around.clock.learn(Trust.NTP, around.true_ns(), S)
        await asyncio.sleep(1_000)
        assert around.engine.heard == []
        await asyncio.sleep(2_100)
        assert len(around.engine.heard) == 1


@simulated
async def test_a_warning_that_begins_after_its_command_is_refused_and_says_so():
    async with world() as around:
        late = warned(around, "n-1", **begins(around, "effective", 900))
        with pytest.raises(CommandRefused, match="cap-late"):
            await remote(around).warn(late, mandate(around, 600))
        over = warned(around, "n-2", ends_s=60, **begins(around, "effective", 90))
        with pytest.raises(CommandRefused, match="cap-late"):
            await remote(around).warn(over, mandate(around, 600))


@simulated
@pytest.mark.parametrize("severity", ["Extreme", "Moderate"])
async def test_a_warning_is_heard_before_what_it_tells_of(severity):
    """A dam that will break in forty minutes."""
    async with world() as around:
        at = begins(around, "onset", 2_400)
        await remote(around).warn(warned(around, "dam", severity=severity, **at), mandate(around))
        await asyncio.sleep(60)
        assert len(around.engine.heard) == 1


@simulated
async def test_a_beginning_that_cannot_be_read_holds_up_nothing():
    async with world() as around:
        naive = {"begins": "<effective>2026-09-22T08:00:00</effective><onset>soon</onset>"}
        await remote(around).warn(warned(around, "n-1", **naive), mandate(around))
        await asyncio.sleep(60)
        assert len(around.engine.heard) == 1


@simulated
@pytest.mark.parametrize("why", ["unknown zone", "late", "waits"])
async def test_an_update_that_is_not_heard_leaves_what_sounds(why):
    refers = "<references>bj@example.cn,n-1,2026-09-22T07:00:00+08:00</references>"
    async with world() as around:
        await remote(around).warn(warned(around, "n-1"), mandate(around))
        await asyncio.sleep(2)
        at = begins(around, "effective", 1_800) if why != "unknown zone" else {}
        update = warned(around, "n-2", kind="Update", more=refers, ends_s=7_200, **at)
        if why == "unknown zone":
            update = msgspec.structs.replace(update, zones=("nowhere",))
        refused = contextlib.nullcontext() if why == "waits" else pytest.raises(StationError)
        with refused:
            await remote(around).warn(update, mandate(around, 600 if why == "late" else 7_200))
        await asyncio.sleep(60)
        assert [h.how for h in around.engine.heard] == ["finished"]


@simulated
async def test_a_long_warning_is_said_less_often_and_not_refused():
    async with world() as around:
        around.studio.seconds["cap-bj@example.cn-n-1"] = 140.0
        long = warned(around, "n-1", severity="Moderate")
        await remote(around).warn(msgspec.structs.replace(long, repeat=3), mandate(around))
        await asyncio.sleep(400)
        assert [h.programme.repeat for h in around.engine.heard] == [2]


@simulated
async def test_a_warning_without_zones_is_heard_where_its_areas_are():
    async with world() as around:
        at_home = info(headline="暴雨", areas=[("望京", code("110105"))], **GRAVE)
        cap = CapCommand(alert(at_home), repeat=1)
        await remote(around)._replace(areas={"110105031": ["b5"]}).warn(cap, mandate(around))
        (kept,) = around.room.orders()
        assert kept.order.zones == ("b5",)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"repeat": 120}, "repeat"),
        ({"repeat": 0}, "repeat"),
        ({"zones": ["all"] * 51}, "zones"),
        ({"xml": ""}, "xml"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_place(wrong, where):
    kinds = {"broadcast.cap": CommandKind("broadcast.cap", CapCommand, None)}
    raw = msgspec.json.encode({"xml": "<alert/>", "zones": ["all"], **wrong})
    with pytest.raises(CommandRefused) as refused:
        find_work(kinds, "broadcast.cap", raw)
    assert refused.value.code == "inbox.malformed"
    assert f"$.{where}" in refused.value.data["reason"]


def begins(around, name, in_s):
    moment = datetime.datetime.fromtimestamp(around.true_ns() // S + in_s, datetime.UTC)
    return {"begins": f"<{name}>{moment.isoformat()}</{name}>"}


def remote(around):
    presets, silent = Presets(around.journal, {}), None
    return BroadcastCommands("district", around.room, presets, around.clock, silent)


def mandate(around, lives_s=600):
    expires = around.clock.deadline(lives_s)
    wall_ns = around.true_ns() + lives_s * S
    return Mandate("command-1", msgspec.structs.replace(expires, wall_ns=wall_ns))


def warned(around, id_, *, ends_s=None, **more):
    if ends_s is not None:
        moment = datetime.datetime.fromtimestamp(around.true_ns() // S + ends_s, datetime.UTC)
        more["expires"] = f"<expires>{moment.isoformat()}</expires>"
    return CapCommand(warning(id_=id_, **more).decode(), ("all",), repeat=1)


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
        parse_warning(raw)
