"""Every screen in every state: axe, millimetres, reach, fonts, overflow, and its spoken words."""

import pytest
from playwright.async_api import Browser as Chromium

from tests.kiosk.screen.gallery import MODES, SHOTS, STATES, Mode, through

PAGE_KB_MAX = 30.0

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_every_screen_upright_in_chinese(chromium: Chromium) -> None:
    judged = await through(chromium, MODES[0], anew=False)
    assert {one.name: one.faults for one in judged if one.faults} == {}
    assert all(one.rules >= 20 for one in judged), "axe has looked"
    assert judged[0].kb <= PAGE_KB_MAX
    print(f"\nfirst page {judged[0].kb:.1f} kB, first paint {judged[0].paint_ms:.0f} ms")


async def test_every_state_of_every_family_is_looked_at() -> None:
    names = {shot.name for shot in SHOTS}
    assert {f"{family}-{state}" for family, state in STATES} <= names


@pytest.mark.proof
@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES[1:], ids=lambda mode: mode.name)
async def test_every_screen_in_every_mode(chromium: Chromium, mode: Mode) -> None:
    judged = await through(chromium, mode, anew=False)
    assert {one.name: one.faults for one in judged if one.faults} == {}
