"""docs/dispatch.md, held against both programs that answer by it: dispatcher and platform."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.demo.dispatcher.app import DemoDispatcher
from gateway.demo.dispatcher.rides import RIDES_MAX, RideBook
from gateway.demo.platform.app import Platform

PAGES = {"dispatcher": "/api", "platform": "/api/rides"}


class Asker:
    """A station's questions and a person's buttons, at one of the two."""

    def __init__(self, session: aiohttp.ClientSession, page: str) -> None:
        self._session = session
        self._page = page

    async def ask(self, kind: str, ride: str, **fields: object) -> dict:
        question = {"kind": f"ride.{kind}", "id": ride, "station": "s", **fields}
        async with self._session.post("/v1/ask", json=question) as answer:
            assert answer.status == 200
            return await answer.json()

    async def request(self, ride: str, age_ms: int = 10) -> str:
        answer = await self.ask("request", ride, ttl_s=20, press_age_ms=age_ms)
        return str(answer["state"])

    async def push(self, button: str, status: int = 200, **body: str) -> dict:
        async with self._session.post(f"{self._page}/{button}", json=body) as answer:
            assert answer.status == status
            return await answer.json()


@contextlib.asynccontextmanager
async def asker(which: str, folder) -> AsyncIterator[Asker]:
    made = DemoDispatcher() if which == "dispatcher" else Platform(folder)
    await made.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(made.url) as session:
            yield Asker(session, PAGES[which])
    finally:
        await made.stop()


@pytest.mark.parametrize("which", PAGES)
async def test_it_keeps_what_the_document_says_that_it_promises(which, tmp_path):
    async with asker(which, tmp_path) as made:
        assert await made.request("r-1") == "searching"
        assert await made.request("r-1") == "searching"
        await made.push("drive", ride="r-1", state="assigned")
        assert (await made.ask("status", "r-1"))["car"]["plate"]
        assert await made.ask("cancel", "r-1") | {"was": "assigned"} == await made.ask(
            "cancel", "r-1"
        )
        assert await made.request("r-1") == "cancelled"

        assert await made.request("r-2", age_ms=20_001) == "none"
        assert (await made.ask("status", "r-3"))["state"] == "none"
        assert await made.request("r-3") == "none"
        assert (await made.ask("cancel", "r-4"))["state"] == "cancelled"
        assert await made.request("r-4") == "cancelled"

        assert await made.request("r-5") == "searching"
        for state in ("assigned", "arrived", "boarded"):
            await made.push("drive", ride="r-5", state=state)
        assert (await made.ask("cancel", "r-5"))["state"] == "boarded"
        await made.push("drive", 409, ride="r-5", state="assigned")

        await made.push("mood", mood="refuses")
        assert await made.request("r-6") == "none"
        await made.push("mood", 400, mood="sulks")


def test_an_office_knows_whom_a_driver_looks_for_until_the_ride_is_over():
    office = RideBook()
    office.answer({"kind": "ride.request", "id": "r-1", "ttl_s": 1}, 0.0)
    status = {"kind": "ride.status", "id": "r-1", "contact": {"phone": "13812345678"}}
    assert "5678" not in str(office.answer(status, 0.0))
    assert office.passengers == {"r-1": "5678"}
    office.answer({"kind": "ride.cancel", "id": "r-1"}, 0.0)
    office.answer({"kind": "ride.status", "id": "r-2"}, 0.0)
    assert office.passengers == {}


async def test_a_platform_shows_its_rides_on_its_page_and_knows_no_other_question(tmp_path):
    async with asker("platform", tmp_path) as made:
        await made.request("r-1")
        async with made._session.get("/api/state") as answer:
            shown = (await answer.json())["rides"]
        assert shown["mood"] == "accepts"
        assert [(one["ride"], one["live"]) for one in shown["latest"]] == [("r-1", True)]
        for body, status in (({"kind": "taxi"}, 404), ({"kind": "ride.request"}, 400)):
            async with made._session.post("/v1/ask", json=body) as answer:
                assert answer.status == status


def test_an_office_forgets_what_is_over_before_what_is_not():
    office = RideBook()
    for number in range(RIDES_MAX + 5):
        office.answer({"kind": "ride.request", "id": f"r-{number}", "ttl_s": 1}, 0.0)
        if number != 3:
            office.answer({"kind": "ride.cancel", "id": f"r-{number}"}, 0.0)
    assert len(office.rides) <= RIDES_MAX
    assert office.live() == ["r-3"]
