"""Keys on the wall: one press is one request, with a page, without one, and with a worn key."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from drivers.contract import Quality, Reading
from kiosk.requests.catalogue import load_services
from kiosk.requests.options import KioskOptions
from kiosk.runtime.screen_heartbeats import SILENT_S_MAX
from kiosk.runtime.wall_keys import KioskWallKeys
from tests.kiosk.requests.harness import Station, limit, station
from tests.sim.loop import simulated

WIRED = {"1": "di-b3.ride-key", "0": "di-b3.staff-key", "2": "di-b3.repair-key"}
POINTS = {number: word.partition(".")[2] for number, word in WIRED.items()}


class Wall:
    """The keys of one kiosk, and a finger."""

    def __init__(self, made: Station) -> None:
        self.made = made
        kiosks = {"hall": KioskOptions(zone="hall", place="hall", keys=WIRED)}
        self.keys = KioskWallKeys(kiosks, load_services(), made.room, made.clock)
        self.shown: list[tuple[str, int]] = []
        self.sorry: list[str] = []
        self.keys.add_listener(lambda *key: self.shown.append(key), self.sorry.append)
        for number in WIRED:
            self.level(number, False)

    def level(self, number: str, value: object, quality: Quality = Quality.GOOD) -> None:
        reading = Reading("di-b3", POINTS[number], value, "", quality, 0)
        self.keys.on_poll("di-b3", [reading])

    async def press(self, number: str, times: int = 1, every_s: float = 0.1) -> None:
        for _ in range(times):
            self.level(number, True)
            await asyncio.sleep(every_s / 2)
            self.level(number, False)
            await asyncio.sleep(every_s / 2)

    @property
    def families(self) -> list[str]:
        return [one.family for one in self.made.room.all_requests()]


@contextlib.asynccontextmanager
async def wall() -> AsyncIterator[Wall]:
    async with station() as made:
        yield Wall(made)


@simulated
async def test_plate_1_is_a_car_and_plate_0_a_person_with_no_screen_anywhere():
    async with wall() as made:
        await made.press("1")
        await made.press("0")
        await asyncio.sleep(1)
        assert made.families == ["ride", "call"]
        assert [one.kiosk for one in made.made.room.all_requests()] == ["hall", "hall"]
        assert made.made.desk.rung[0][1] == "desk"
        assert {said[:4] for said in made.made.speaker.captions} >= {"正在叫车", "正在叫工"}


@simulated
async def test_a_key_that_needs_a_screen_goes_to_the_page_and_without_one_to_a_person():
    async with wall() as made:
        made.made.room.screens.record_heartbeat("hall")
        await made.press("2")
        assert made.shown == [("hall", 2)]
        assert made.families == []
        await asyncio.sleep(SILENT_S_MAX + 1)
        await made.press("2")
        await asyncio.sleep(1)
        assert made.shown == [("hall", 2)]
        assert made.families == ["call"]


@simulated
@pytest.mark.parametrize(("number", "family"), [("1", "ride"), ("0", "call")])
async def test_ten_presses_and_a_bouncing_contact_are_one_request(number, family):
    async with wall() as made:
        await made.press(number, times=10, every_s=0.1)
        await made.press(number, times=20, every_s=0.004)
        await asyncio.sleep(3)
        await made.press(number)
        await asyncio.sleep(1)
        assert made.families == [family]
        asked = [q for _, q in made.made.road.asked if q["kind"] == "ride.request"]
        assert len(asked) == (1 if family == "ride" else 0)


@simulated
async def test_a_stuck_key_has_pressed_once_and_a_line_that_comes_back_presses_nothing():
    async with wall() as made:
        for _ in range(600):
            made.level("0", True)
            await asyncio.sleep(0.1)
        made.level("0", None, Quality.SENSOR_FAULT)
        await asyncio.sleep(200)
        assert len(made.families) == 1
        (call,) = made.made.room.all_requests()
        assert call.state == "alone"
        assert len(call.presses) == 1


@simulated
async def test_what_is_no_level_presses_nothing():
    async with wall() as made:
        made.level("1", True, Quality.TIMEOUT)
        made.level("1", 1)
        made.level("1", None)
        made.keys.on_poll("di-b3", [Reading("di-b3", "other", True, "", Quality.GOOD, 0)])
        made.keys.on_poll("di-b4", [Reading("di-b4", "ride-key", True, "", Quality.GOOD, 0)])
        await asyncio.sleep(1)
        assert made.families == []


@simulated
async def test_a_refused_press_is_logged_and_the_next_one_counts(caplog, monkeypatch):
    async with wall() as made:
        limit(monkeypatch, "ride", 0)
        await made.press("1")
        await asyncio.sleep(1)
        assert "made no request" in caplog.text
        assert made.sorry == ["hall"]
        limit(monkeypatch, "ride", 300)
        await made.press("1")
        await asyncio.sleep(1)
        assert made.families == ["ride"]


@simulated
async def test_a_contact_that_is_closed_when_the_station_starts_presses_nothing():
    async with wall() as made:
        fresh = KioskWallKeys(
            {"hall": KioskOptions(zone="hall", keys=WIRED)},
            load_services(),
            made.made.room,
            made.made.clock,
        )
        for _ in range(20):
            fresh.on_poll("di-b3", [Reading("di-b3", POINTS["1"], True, "", Quality.GOOD, 0)])
            await asyncio.sleep(0.1)
        assert made.families == []
        for closed in (False, True):
            fresh.on_poll("di-b3", [Reading("di-b3", POINTS["1"], closed, "", Quality.GOOD, 0)])
        await asyncio.sleep(1)
        assert made.families == ["ride"]


@simulated
async def test_one_long_press_with_a_bad_poll_in_it_is_one_press(monkeypatch):
    async with wall() as made:
        limit(monkeypatch, "ride", 0)  # the first is refused
        made.level("1", True)
        await asyncio.sleep(1)
        limit(monkeypatch, "ride", 300)
        made.level("1", None, Quality.TIMEOUT)
        await asyncio.sleep(0.1)
        made.level("1", True)
        await asyncio.sleep(1)
        assert made.families == []


@simulated
async def test_what_a_contact_says_after_a_long_silence_of_its_line_is_no_press():
    async with wall() as made:
        made.level("1", None, Quality.TIMEOUT)
        await asyncio.sleep(60)
        made.level("1", None, Quality.TIMEOUT)
        made.level("1", True)
        await asyncio.sleep(1)
        assert made.families == []


@simulated
@pytest.mark.parametrize("number", ["0", "1"])
async def test_every_press_is_answered_aloud_the_fourth_too(number):
    async with wall() as made:
        counts = []
        for _ in range(4):
            await made.press(number)
            await asyncio.sleep(7)
            counts.append(len(made.made.speaker.captions))
        first = 1 if number == "0" else 2  # a car is called, and looked for
        assert counts == list(range(first, first + 4))
        assert len(made.families) == 1


@simulated
async def test_who_presses_for_a_car_before_a_screen_is_asked_whether_it_is_theirs():
    async with wall() as made:
        made.made.room.screens.record_heartbeat("hall")
        await made.press("1")
        await asyncio.sleep(7)
        await made.press("1")
        await asyncio.sleep(1)
        assert made.shown == [("hall", 1)]
