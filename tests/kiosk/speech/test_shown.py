"""An emergency in the real station covers the kiosk's page, and gives it back at its end."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.kiosk.speech.test_heard import SOUND, Ear, Kiosk
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines

pytestmark = pytest.mark.slow


async def shows(port: int, name: str) -> str:
    """The page, once it is that screen."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://127.0.0.1:{port}/kiosk/hall/") as answer:
                page = await answer.text()
            if f'data-on="{name}"' in page:
                return page
            await asyncio.sleep(0.1)


async def test_an_emergency_covers_the_page_and_gives_it_back(tmp_path: Path):
    ear, port = Ear(), free_port()
    (tmp_path / "station.toml").write_text(
        first_lines(port) + HALL + SOUND.format(ear=ear.port), "utf-8"
    )
    station = StationProcess(tmp_path)
    await station.start()
    kiosk = Kiosk(station)
    try:
        await shows(port, "home")
        asked = {"zones": ["hall"], "text": "请马上疏散", "class": "emergency"}
        ordered = await kiosk.call("/orders", asked)
        page = await shows(port, "alert")
        assert "请马上疏散" in page
        assert 'data-press="open:staff"' in page
        await kiosk.call(f"/orders/{ordered['of']}/stop", {})
        await shows(port, "home")
    finally:
        await station.kill()
        ear.close()
