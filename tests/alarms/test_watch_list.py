"""What the rules watch, on the page: rule by rule, one rule or one place alone, page by page."""

import html
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.desk.alarms import watch_list
from tests.access.harness import Browser
from tests.access.harness import browser as reader
from tests.alarms.gallery import WATCHES
from tests.alarms.harness import FOUR, STORM, AlarmSite, alarm_site


@pytest_asyncio.fixture
async def made(tmp_path) -> AsyncIterator[AlarmSite]:
    async with alarm_site(tmp_path) as site:
        yield site


@pytest_asyncio.fixture
async def staff(made: AlarmSite) -> AsyncIterator[Browser]:
    async with reader(made) as one:
        await one.enter("zhang")
        yield one


async def groups(staff: Browser, query: str = "") -> dict[str, list[str]]:
    """The rules on the page, each with the points that stand under it."""
    page = await staff.page(WATCHES + query)
    found = re.findall(r'<details id="rule\.([^"]+)"(.*?)</details>', page, re.DOTALL)
    return {rule: re.findall(r"<tr><td>([^<]+)<", body) for rule, body in found}


async def heads(staff: Browser, query: str = "") -> dict[str, str]:
    """How each rule stands, in a word."""
    page = await staff.page(WATCHES + query)
    said = re.findall(r'data-k="rule\.([^"]+)\.mark".*?<span>([^<]*)</span>', page, re.DOTALL)
    return dict(said)


async def test_every_watch_stands_under_its_rule(staff: Browser) -> None:
    found = await groups(staff)
    assert list(found) == [
        *("smoke-b3", "sos", "ebike-b3", "bin-east", "load-b3", "storm", "silent", "night")
    ]
    assert len(found["storm"]) == STORM
    assert found["smoke-b3"] == ["5层烟感 di-b3.smoke"]


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("?rule=storm", {"storm"}),
        ("?place=b3-lift", {"ebike-b3"}),
        ("?place=b3", {"smoke-b3", "sos", "ebike-b3", "load-b3", "storm", "night"}),
        ("?rule=smoke-b3&place=b3", {"smoke-b3"}),
        ("?rule=smoke-b3&place=b3-lift", set()),
        ("?rule=never", set()),
        ("?rule=a,b%22&place=,%3C", set()),
    ],
)
async def test_one_rule_or_all_of_a_place_alone(
    staff: Browser, query: str, rules: set[str]
) -> None:
    assert set(await groups(staff, query)) == rules


async def test_a_rule_tells_folded_what_is_to_be_known_first(
    made: AlarmSite, staff: Browser
) -> None:
    for word, value in FOUR.items():
        made.say(word, value)
    made.say("s7.power", 12.0)
    made.say("s8.power", 1.0)
    said = await heads(staff)
    assert said["smoke-b3"] == "条件成立"
    assert said["storm"] == "条件成立：1 处"
    assert said["night"] == "还没有读数"


async def test_pages_keep_what_is_wanted_and_go_on_within_a_rule(
    staff: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_list, "PAGE", 40)
    seen = (await groups(staff, "?rule=storm&place=b3"))["storm"]
    page = await staff.page(f"{WATCHES}?rule=storm&place=b3")
    (further,) = re.findall(r'href="(\?from=[^"]+)"', page)
    assert "60 处" in page
    seen += (await groups(staff, html.unescape(further)))["storm"]
    assert seen == [f"有功功率 s{n}.power" for n in range(STORM)]
    page = await staff.page(WATCHES + html.unescape(further))
    assert re.findall(r'href="(\?from=[^"]+)"', page) == ["?from=0&amp;rule=storm&amp;place=b3"]
