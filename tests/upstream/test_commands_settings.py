"""A change that a person makes at the platform's page: to a real station, and what came of it."""

import re

import pytest

from tests.station.harness import rig
from tests.web.browser import browser, complaints, judge, shoot, tab

pytestmark = pytest.mark.slow


async def test_a_person_reads_changes_and_sends_the_settings(tmp_path, request):
    async with rig(tmp_path, meters=1) as made, browser() as chromium, tab(chromium) as page:
        made.write_settings(f'command_key = "{made.platform.hand.signer.public}"\n')
        await made.station.start()
        await made.telemetry_beyond(2)
        console = complaints(page)
        await page.goto(f"{made.platform.url}/commands")
        await page.get_by_role("button", name="改设置", exact=True).click()
        await page.get_by_text("这是驿站现在的设置").wait_for()
        present = (tmp_path / "station.toml").read_text("utf-8")
        read = await page.locator("#text").input_value()
        assert read == present, "as it stands there"

        await page.locator("#text").fill(read.replace("quota_mb = 16", "quota_mb = -1"))
        await page.locator("#why").fill("少存一点")
        await page.get_by_role("button", name="签名发出", exact=True).click()
        await page.get_by_text(re.compile("第 .* 行 journal.quota_mb")).wait_for()
        assert (tmp_path / "station.toml").read_text("utf-8") == present
        assert (await judge(page, console)).faults == []
        await shoot(page, request.config.rootpath / ".dev" / "look" / "platform-settings.png")

        name = re.search(r'\[station\]\nid = ".*"\nname = "(.*)"', present)
        assert name is not None
        await page.locator("#text").fill(read.replace(name.group(1), "改了名字的站"))
        await page.locator("#why").fill("换个名字")
        await page.get_by_role("button", name="签名发出", exact=True).click()
        lives = page.locator("#lives article").first
        await lives.get_by_text("办好了", exact=True).wait_for()
        assert "改了名字的站" in (tmp_path / "station.toml").read_text("utf-8")
        assert (await made.vitals())["station"]["name"] == "改了名字的站"
