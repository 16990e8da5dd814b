"""The reader's language and light, and how long ago things are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.event import Lane, Trust
from gateway.health import ClockVitals
from gateway.texts import LANGUAGES
from gateway.web.cursor import FeedCursor
from gateway.web.i18n import AGES, CATALOGUES, SPANS
from gateway.web.page_header import clock_face, clock_source, platform_mark
from tests.web.station import NORMAL, STATES, away, replace, station, volatile, waiting

ZH, EN = CATALOGUES["zh"], CATALOGUES["en"]


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "刚才", "just now"),
        (1.9, "刚才", "just now"),
        (2, "2 秒前", "2 s ago"),
        (89.9, "89 秒前", "89 s ago"),
        (90, "1 分前", "1 min ago"),
        (5399, "89 分前", "89 min ago"),
        (5400, "1 小时前", "1 h ago"),
        (200_000, "2 天前", "2 d ago"),
    ],
)
def test_ages(seconds: float, zh: str, en: str) -> None:
    assert (ZH.age(seconds), EN.age(seconds)) == (zh, en)


@given(st.floats(0, 1e9))
def test_an_age_is_never_told_older_than_it_is(seconds: float) -> None:
    unit = next(unit for below, unit, _ in AGES if seconds < below)
    told = ZH.age(seconds)
    if told != "刚才":
        assert int(told.split()[0]) * unit <= seconds


def test_the_script_gets_the_same_table() -> None:
    assert [(below, unit) for below, unit, _ in ZH.ages()] == [(b, u) for b, u, _ in AGES]
    assert ZH.ages()[1][2] == "{n} 秒前"
    assert [below for below, _, _ in SPANS] == [below for below, _, _ in AGES[1:]]


@pytest.mark.parametrize(
    ("path", "headers", "tag"),
    [
        ("/", {}, "zh-CN"),
        ("/", {"Accept-Language": "en-GB,en;q=0.9"}, "en"),
        ("/", {"Accept-Language": "fr,de;q=0.5,zh;q=0.1"}, "zh-CN"),
        ("/", {"Accept-Language": "xx" * 4000}, "zh-CN"),
        ("/?lang=en", {}, "en"),
        ("/?lang=zh", {"Accept-Language": "en"}, "zh-CN"),
        ("/?lang=tlh", {}, "zh-CN"),
    ],
)
async def test_the_language_is_the_readers(path: str, headers: dict[str, str], tag: str) -> None:
    async with station() as made, made.client.get(path, headers=headers) as response:
        assert response.headers["Content-Language"] == tag
        assert f'<html lang="{tag}"' in await response.text()


async def test_a_choice_is_remembered() -> None:
    async with station() as made:
        async with made.client.get("/?lang=en&night=on") as response:
            cookies = response.headers.getall("Set-Cookie")
            assert all("HttpOnly" in c and "SameSite=Strict" in c for c in cookies)
        chosen = {"Cookie": "lang=en; night=on"}
        async with made.client.get("/devices/em-b3", headers=chosen) as response:
            assert '<html lang="en" data-night>' in await response.text()


CODE = re.compile(r"(?<![/\w])(?:live|web|quality|trust|lane)\.(?!js)[a-z-]+(?=[\s<\"])")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/", "/devices/em-b3"])
async def test_no_page_shows_a_code_instead_of_a_word(state: str, language: str, path: str) -> None:
    vitals = NORMAL if state == "empty" and path != "/" else STATES[state]()
    async with station(vitals) as made, made.client.get(f"{path}?lang={language}") as response:
        assert response.status == 200
        text = re.sub(r'data-k="[^"]*"', "", await response.text())
    assert CODE.findall(text) == []


def test_a_code_instead_of_a_word_would_be_found() -> None:
    assert CODE.findall("<b>live.tab</b> web.age-days n=4 <i>quality.odd</i>") == [
        "live.tab", "web.age-days", "quality.odd",
    ]  # fmt: skip


def test_the_platform_has_received_only_with_every_receipt_and_a_disk() -> None:
    done = replace(
        NORMAL,
        lanes=tuple(replace(lane, receipted=lane.issued, waiting=0) for lane in NORMAL.lanes),
    )
    assert platform_mark(done, ZH) == ("ok", "cloud", "平台已收到")
    assert platform_mark(NORMAL, ZH)[2] == "平台已连上"
    lost = replace(done, journal=replace(done.journal, volatile=True))
    assert platform_mark(lost, ZH)[2] == "平台已连上"
    assert platform_mark(volatile(), EN)[2] == "platform connected"
    assert platform_mark(away(), ZH) == ("away", "cloud-off", "平台断开 12 分")
    assert platform_mark(waiting(), ZH)[2] == "正在连平台"
    assert platform_mark(STATES["empty"](), ZH)[2] == "没有平台"


def test_one_uplink_that_is_away_is_not_hidden_by_one_that_is_there() -> None:
    both = replace(NORMAL, uplinks=NORMAL.uplinks + away().uplinks)
    assert platform_mark(both, ZH)[2] == "平台断开 12 分"


def test_the_clock_is_shown_where_the_station_stands_with_its_source() -> None:
    assert clock_face(NORMAL) == "14:05"
    assert clock_face(replace(NORMAL, timezone="Asia/Urumqi")) == "12:05"
    assert clock_face(waiting()) == "--:--"
    assert clock_source(NORMAL.clock, ZH) == "网络校时"
    assert clock_source(ClockVitals(Trust.PERSON, 1, 10_800, 60), ZH) == "人工 · 3 小时前"
    assert clock_source(waiting().clock, EN) == "not set"


lane_numbers = st.fixed_dictionaries({lane: st.integers(0, 10**15 - 1) for lane in Lane})


@given(lane_numbers)
def test_a_cursor_says_and_reads_itself(at: dict[Lane, int]) -> None:
    cursor = FeedCursor("0123456789abcdef", at)
    assert FeedCursor.parse(str(cursor)) == cursor
    assert cursor.within("0123456789abcdef", at)
    assert cursor.behind(at) == 0


@given(st.text())
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    parsed = FeedCursor.parse(text)
    if parsed is not None:
        assert FeedCursor.parse(str(parsed)) == parsed


@given(lane_numbers, lane_numbers)
def test_behind_counts_every_lane_by_itself(at: dict[Lane, int], heads: dict[Lane, int]) -> None:
    cursor = FeedCursor("e", at)
    assert cursor.behind(heads) == sum(max(0, heads[lane] - at[lane]) for lane in Lane)
    assert cursor.within("e", heads) == all(at[lane] <= heads[lane] for lane in Lane)
    assert not cursor.within("f", heads)
