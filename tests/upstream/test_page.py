"""The platform's page in a real browser, in each state that a person meets."""

import pytest

from gateway.demo.platform.cloudevents import parse_batch
from gateway.demo.platform.command_issuer import CommandForm
from gateway.demo.platform.fault_modes import FaultMode
from gateway.event import Lane, encode_envelope_batch
from tests.upstream.golden import POOR, READING
from tests.upstream.harness import until
from tests.upstream.ledger import EPOCH, STATION, gap
from tests.upstream.real_uplink import Road, key, platform_at
from tests.web.browser import browser, complaints, judge, shoot, tab


async def fill(road: Road) -> None:
    await road.journal.append([READING, POOR] * 115)
    await road.fact(Lane.SERVICE, 12)
    await road.fact(Lane.ALARM, 3)
    await road.fact(Lane.EMERGENCY)


@pytest.mark.slow
async def test_a_person_sees_the_feed_and_makes_the_platform_misbehave(tmp_path, request):
    pictures = request.config.rootpath / ".dev" / "look"
    async with (
        platform_at(tmp_path) as platform,
        browser() as chromium,
        tab(chromium) as page,
        tab(chromium, width=390, height=844) as phone,
        Road(platform.url).running() as road,
    ):
        console = complaints(page)
        await page.goto(platform.url)
        await page.get_by_text("驿站一连上").wait_for()
        assert (await judge(page, console)).faults == []
        await shoot(page, pictures / "platform-empty.png")

        await fill(road)
        await until(lambda: platform.store.mark(key(Lane.TELEMETRY)).upto == 230)
        lost = gap(EPOCH, Lane.TELEMETRY, 231, 240)
        platform.store.store_events(parse_batch(encode_envelope_batch([lost], STATION)), 1)
        await page.get_by_text("收到 240").wait_for()
        await page.get_by_role("button", name="问一声在不在").click()
        await page.get_by_text("等驿站来取").wait_for()
        platform.orders.issue(CommandForm(STATION, "feed.replay"))
        await page.get_by_text("重发", exact=True).first.wait_for()
        assert (await judge(page, console)).faults == []
        await shoot(page, pictures / "platform.png")

        await page.get_by_role("button", name="存了不回执").click()
        await page.get_by_text("驿站会再送一遍").wait_for()
        assert platform.temper.mood is FaultMode.FORGETFUL
        await page.get_by_role("button", name="恢复正常").click()
        await page.get_by_text("平台正常收数").wait_for()
        assert platform.temper.mood is FaultMode.NORMAL

        await page.get_by_role("button", name="先收最新的").click()
        await page.get_by_text("先送最新的，再补旧的").wait_for()
        assert platform.receiver.newest_first
        platform.store.mark(key(Lane.SERVICE)).add(40, 44)
        await page.get_by_text("最新 44，在补中间的").wait_for()
        assert (await judge(page, console)).faults == []

        console = complaints(phone)
        await phone.goto(platform.url)
        await phone.get_by_text("收到 240").wait_for()
        assert (await judge(phone, console)).faults == []
        await shoot(phone, pictures / "platform-phone.png")
