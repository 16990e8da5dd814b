"""The doctor's page and card in a browser: what they say, in order, and that all can read it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from tests.doctor.gallery import SHOTS, Examined, Shot, furnished, take

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

GONE, LOST, HOT = "串口 /dev/ttyUSB0 不见了", "喇叭 horn-b3 不响", "温度 79 °C，太热"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Examined]:
    async with furnished(tmp_path_factory.mktemp("station")) as station:
        yield station


def shot(name: str) -> Shot:
    return next(each for each in SHOTS if each.name == name)


@pytest.mark.parametrize("each", SHOTS, ids=lambda each: each.name)
async def test_every_screen(chromium: Chromium, made: Examined, each: Shot) -> None:
    verdict, _text = await take(chromium, made, each, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_faults_stand_first_the_bad_ones_before_warnings_each_with_its_remedy(
    chromium: Chromium, made: Examined
) -> None:
    _verdict, text = await take(chromium, made, shot("health"), out=None)
    assert "2 项坏了，1 项要留意" in text
    assert text.index(GONE) < text.index(LOST) < text.index(HOT) < text.index("内存还有")
    assert text.count("已有 26 分") == 3
    for remedy in ("yizhan scan", "yizhan order test", "散热"):
        assert remedy in text
    assert "speaker." not in text.replace("[speaker.horn-b3]", ""), "a code without its words"


async def test_a_healthy_station_says_so_and_one_just_started_says_nothing_yet(
    chromium: Chromium, made: Examined
) -> None:
    _verdict, well = await take(chromium, made, shot("health-healthy"), out=None)
    _verdict, early = await take(chromium, made, shot("health-before"), out=None)
    assert "一切正常" in well
    assert "没有要处理的" in well
    assert "还没看过" in early
    assert "一切正常" not in early


async def test_the_card_says_the_worst_and_the_board_only_what_no_other_room_says(
    chromium: Chromium, made: Examined
) -> None:
    _verdict, text = await take(chromium, made, shot("health-card"), out=None)
    board, _heading, rest = text.partition("驿站体检")
    assert LOST in board
    assert GONE not in board, "its line has a row of its own"
    assert HOT not in board, "a warning is no row"
    assert "2 项坏了，1 项要留意" in rest
    assert GONE in rest, "the worst, with its remedy"
    assert "yizhan scan" in rest


async def test_staff_are_told_whom_to_ask_and_the_installer_what_to_type(
    chromium: Chromium, made: Examined
) -> None:
    """What a hand can do is said to everybody; what wants a shell is folded for staff."""
    asks, types, hand = "请告诉装机的人", "chmod go-rwx", "插好 USB 转换器"
    seen = {}
    for name in ("health-shell", "health-shell-installer", "health-shell-card"):
        _verdict, seen[name] = await take(chromium, made, shot(name), out=None)
    assert [seen["health-shell"].count(each) for each in (asks, types, hand)] == [1, 0, 1]
    assert [seen["health-shell-installer"].count(each) for each in (asks, types, hand)] == [0, 1, 1]
    assert types not in seen["health-shell-card"]
    assert asks in seen["health-shell-card"]
