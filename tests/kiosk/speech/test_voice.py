"""Somebody speaks at a real station: PulseAudio's microphone, a browser, the desk, the disk."""

import asyncio
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from broadcast.audio_protocol.pcm import audioop
from tests.broadcast.audio_process.harness import load, save, speechlike
from tests.broadcast.speakers.sound_cards import pulse, recording, share_heard, speak
from tests.kiosk.speech.test_heard import Kiosk, alike
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines
from tests.web import browser

pytestmark = [pytest.mark.slow, pytest.mark.proof]

SOUND = """[speaker.hall]
kind = "sound-card"
zones = ["hall"]
device = "zone_b"
[kiosk.hall]
zone = "hall"
place = "hall"
services = ["repair", "staff"]
microphone = "hall"
[microphone.hall]
device = "mic_a"
"""
WORDS = speechlike(2.5, seed=11)
PCM = WORDS.tobytes()
LIKE_MIN = 0.4
UNDER_WAY = {"accepted", "held", "preparing", "playing", "interrupted"}


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Two sinks, and a microphone that hears the first: what is played there is said."""
    with pulse(tmp_path) as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield environ


async def tap(page: Page, press: str, then: str) -> None:
    await page.tap(f'[data-press="{press}"]')
    await page.wait_for_selector(f'body[data-on="{then}"]')
    await asyncio.sleep(1.05)  # for a second nothing is pressed where the last key lay


async def test_a_few_words_from_the_kiosk_to_the_desk_and_nowhere_else(
    tmp_path: Path, sound: dict[str, str]
) -> None:
    folder = tmp_path / "station"
    folder.mkdir()
    port = free_port()
    (folder / "station.toml").write_text(first_lines(port) + HALL + SOUND, "utf-8")
    words = save(tmp_path / "words.wav", array("h", bytes(16_000)) + WORDS)
    station = StationProcess(folder)
    await station.start()
    try:
        async with (
            browser.browser() as chromium,
            browser.tab(chromium, width=1080, height=1920, has_touch=True) as page,
        ):
            await page.goto(f"http://127.0.0.1:{port}/kiosk/")
            await page.wait_for_selector('body[data-on="home"]')
            await tap(page, "begin:repair", "what")
            await tap(page, "what:water", "where")
            await tap(page, "where:hall", "voice")
            kiosk = Kiosk(station)
            await spoken(page, kiosk, sound, words)
            await heard_again(page, kiosk, sound, tmp_path / "again.wav")
            await tap(page, "phone", "phone")
            await tap(page, "done", "work-reported")
            assert "附了留言" in await page.inner_text("main")
        small = await at_the_desk(station)
    finally:
        await station.stop()
    only_sealed(folder, small)


async def silent(kiosk: Kiosk, beyond: set[str]) -> None:
    """Wait until something more has been said, and nothing sounds any longer."""
    async with asyncio.timeout(60):
        while True:
            orders = await kiosk.call("/orders", method="GET")
            more = any(order["id"] not in beyond for order in orders)
            if more and not any(order["receipt"]["state"] in UNDER_WAY for order in orders):
                return
            await asyncio.sleep(0.05)


async def said_so_far(kiosk: Kiosk) -> set[str]:
    return {order["id"] for order in await kiosk.call("/orders", method="GET")}


async def spoken(page: Page, kiosk: Kiosk, sound: dict[str, str], words: Path) -> None:
    """One press; the station asks; somebody speaks into the microphone; one press."""
    before = await said_so_far(kiosk)
    await tap(page, "speak", "voice-listen")
    assert "请说。" in await page.inner_text("#caption")
    await silent(kiosk, before)  # it has asked
    speaking = await asyncio.to_thread(speak, sound, "zone_a", words)
    await asyncio.to_thread(speaking.wait, 30)
    await asyncio.sleep(1)
    await tap(page, "said", "voice-kept")


async def heard_again(page: Page, kiosk: Kiosk, sound: dict[str, str], file: Path) -> None:
    """The loudspeaker of the hall says it back."""
    with recording(sound, "zone_b", file):
        before = await said_so_far(kiosk)
        await page.tap('[data-press="hear"]')
        await silent(kiosk, before)
        await asyncio.sleep(1)  # what the sound card still holds
    assert likeness(load(file).tobytes()) > LIKE_MIN


async def at_the_desk(station: StationProcess) -> bytes:
    """Staff see that there is a message; hearing it is an act on record."""
    kiosk = Kiosk(station)
    (request,) = await kiosk.call("/requests", method="GET")
    assert 1 <= request["voice_s"] <= 5
    connector = aiohttp.UnixConnector(str(station.run_folder / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(f"http://localhost/api/v1/requests/{request['id']}/hear") as answer,
    ):
        assert answer.headers["Content-Type"] == "audio/wav"
        small = await answer.read()
    assert likeness(audioop.ratecv(audioop.alaw2lin(small[58:], 2), 2, 1, 8000, 16000, None)[0]) > (
        LIKE_MIN
    )
    return small


def likeness(caught: bytes) -> float:
    """How far the course of its loudness is that of the words."""
    step = 640
    return alike(
        [audioop.rms(caught[at : at + step], 2) for at in range(0, len(caught) - step, step)],
        [audioop.rms(PCM[at : at + step], 2) for at in range(0, len(PCM) - step, step)],
    )


def only_sealed(folder: Path, small: bytes) -> None:
    """In no file of the station is there 10 ms of it in the clear; it lies sealed in one."""
    pieces = [small[at : at + 80] for at in range(58, len(small) - 80, 80)]
    told = [piece for piece in pieces if len(set(piece)) > 20]
    assert len(told) > 50
    for path in folder.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert not any(piece in body for piece in told), path
            assert share_heard(WORDS, body) == 0, path
    with sqlite3.connect(folder / "state" / "private.db") as db:
        (longest,) = db.execute("SELECT max(length(box)) FROM person").fetchone()
    assert longest == len(small) + 28
    assert b"private/reveal" in (folder / "state" / "journal.db").read_bytes()
