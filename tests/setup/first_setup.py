"""From a station that knows nothing to a receipted reading, by the pages alone."""

import time
from pathlib import Path
from typing import NamedTuple

from tests.setup.harness import Box, Hand
from tests.web.browser import shoot

SEARCH_WITHIN_S = 60
LINE = "3号楼电表线"


class Steps(NamedTuple):
    """What it took until the first receipt, and until the sheet could be signed."""

    presses: int
    fields: int
    receipt_s: float
    paper_s: float


async def wire(hand: Hand) -> None:
    """Claim the station, name a place, add the line, and start to search it."""
    await hand.claim()
    await hand.open("/setup/places")
    await hand.fill("form[action='/setup/places/keep'] [name=name]", "3号楼")
    await hand.press("加上这些位置")
    await hand.page.get_by_text("place-1").wait_for()  # started anew, and found again by the page
    await hand.open("/setup/lines")
    await hand.fill("[name=name]", LINE)
    if not await hand.page.locator("[name=port_other]").is_visible():
        await hand.page.get_by_text("口不在上面").click()
    await hand.fill("[name=port_other]", str(hand.made.line))
    await hand.press("加上这条线")
    await hand.page.get_by_text(LINE).first.wait_for()
    await hand.follow(f"找设备 {LINE}")
    await hand.page.wait_for_selector("body[data-heard]")
    await hand.press("开始找")  # with the settings of the line: most installers know them


async def find(hand: Hand, meters: int = 2) -> None:
    """Search until the meters are found, stop, and see what they say now."""
    await hand.page.get_by_role("heading", name="正在找").wait_for()

    async def found() -> bool:
        return await hand.page.locator("li[id^=found-]").count() >= meters

    await hand.until(found, SEARCH_WITHIN_S)
    await hand.press("不找了")
    await hand.page.get_by_role("heading", name="找完了").wait_for()


async def add(hand: Hand) -> None:
    """Name what was found and read, place it, add it."""
    assert await hand.page.get_by_text("电压").count() >= 1, "with the values of now"
    await hand.fill("[name=name-0]", "3号楼总电表")
    await hand.choose("[name=place-0]", "place-1")
    if await hand.page.locator("[name=place-1]").count():
        await hand.choose("[name=place-1]", "place-1")
    await hand.press("加上选中的")
    await hand.page.get_by_role("heading", name="3号楼总电表").wait_for()


async def bind(hand: Hand) -> None:
    """Bind the platform; the station starts anew."""
    await hand.open("/setup/platform")
    await hand.fill("[name=url]", f"http://127.0.0.1:{hand.made.platform_port}")
    await hand.press("绑定")


async def vouch(hand: Hand) -> None:
    """Look at the meter's own display, write down what it shows, and see the sheet."""
    await hand.open("/setup/devices")
    row = hand.page.locator("tr", has_text="电压").first
    await row.get_by_text("2").first.wait_for()  # the station has just started anew
    shown = (await row.locator("b").first.inner_text()).split()[0]
    hand.fields += 1
    await row.locator("[name=shown]").fill(shown)
    await hand.press("对一对", row)
    await hand.page.locator("tr", has_text="电压").first.get_by_text("王工").wait_for()
    await hand.open("/setup/paper")
    await hand.page.get_by_role("heading", name="验收单").first.wait_for()


async def receipted(made: Box) -> bool:
    return bool((await made.lanes()).get("telemetry", {}).get("upto", 0))


async def whole(hand: Hand, out: Path | None = None) -> Steps:
    """All of it; pictures on the way if wanted."""
    began_s = time.monotonic()
    await wire(hand)
    await find(hand)
    if out is not None:
        await shoot(hand.page, out / "setup-real-found.png")
    await add(hand)
    await bind(hand)

    async def done() -> bool:
        return await receipted(hand.made)

    await hand.until(done)
    taken = (hand.presses, hand.fields, time.monotonic() - began_s)
    await vouch(hand)
    if out is not None:
        await shoot(hand.page, out / "setup-real-paper.png")
    return Steps(*taken, paper_s=time.monotonic() - began_s)
