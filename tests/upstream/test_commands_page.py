"""The page of commands in a real browser: each wrong one at a click, and its life to be read."""

import asyncio
import contextlib
import random
import time

import pytest

from gateway.event import Trust
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from tests.upstream.ledger import STATION
from tests.upstream.real_uplink import Road, platform_at
from tests.web.browser import browser, complaints, judge, shoot, tab

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def answering(road: Road, keys: CommandKeys):
    inbox = Inbox(
        "d", road.journal, road.clock, station=STATION, kinds=[ping_command(road.clock)], keys=keys
    )
    await inbox.load()
    task = asyncio.ensure_future(inbox.run(road.uplink, random.Random(1)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_person_sends_each_wrong_command_and_reads_what_became_of_it(tmp_path, request):
    pictures = request.config.rootpath / ".dev" / "look"
    async with (
        platform_at(tmp_path) as platform,
        browser() as chromium,
        tab(chromium) as page,
        tab(chromium, width=390, height=844) as phone,
    ):
        console = complaints(page)
        await page.goto(f"{platform.url}/commands")
        await page.get_by_text("还没有下过命令").wait_for()
        assert (await judge(page, console)).faults == []
        await shoot(page, pictures / "platform-commands-empty.png")

        keys = CommandKeys(tmp_path / "key", platform.hand.signer.public)
        async with Road(platform.url).running() as road, answering(road, keys):
            road.clock.learn(Trust.PLATFORM, time.time_ns(), 1_000_000)
            await road.fact()
            await page.wait_for_function(
                f"document.querySelector('#station').value === '{STATION}'"
            )
            await page.get_by_role("button", name="签名发出", exact=True).click()
            await page.get_by_text("办好了", exact=True).first.wait_for()
            await page.get_by_role("button", name="对表", exact=True).click()
            for word, heard in (
                ("写着别的站", "不是给本站的"),
                ("没有的命令", "不会办这一种"),
                ("一兆大", "太大"),
            ):
                await page.get_by_role("button", name=word, exact=True).click()
                await page.get_by_text(heard).first.wait_for()
            await page.get_by_role("button", name="播放", exact=True).click()
            for word, heard in (("不签名", "没有签名"), ("签名发出", "不会办这一种")):
                await page.get_by_role("button", name=word, exact=True).click()
                await page.get_by_text(heard).first.wait_for()
            await page.get_by_role("button", name="问一声", exact=True).click()
            await page.get_by_role("button", name="发两遍", exact=True).click()
            await page.get_by_text("又来一遍，没重办").first.wait_for()
            await page.get_by_role("button", name="已经作废", exact=True).click()
            await page.get_by_text("过期，没办", exact=True).first.wait_for()
            await page.locator("#data").fill("{")
            await page.get_by_role("button", name="签名发出", exact=True).click()
            await page.get_by_text("内容不是 JSON").wait_for()
            await page.get_by_role("button", name="发一个认领码").click()
            await page.get_by_text("yizhan enrol --claim").wait_for()
            assert (await judge(page, console)).faults == []
            await shoot(page, pictures / "platform-commands.png")

        console = complaints(phone)
        await phone.goto(f"{platform.url}/commands")
        await phone.get_by_text("又来一遍，没重办").first.wait_for()
        assert (await judge(phone, console)).faults == []
        await shoot(phone, pictures / "platform-commands-phone.png")
