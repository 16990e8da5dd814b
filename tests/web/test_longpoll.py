"""The feed for those who fetch: a slice, or a wait for the next entry of that lane."""

import asyncio

import msgspec

from gateway.event import Lane
from gateway.web import longpoll
from tests.web.reader import until
from tests.web.station import station

FEED = "/api/v1/feed?lane=alarm&after=3"
# The longest; the reader's own patience is not much longer, so that a wait in vain fails.
WAIT = "&wait=55"


async def numbers(made, query: str) -> list[int]:
    async with made.client.get(FEED + query) as response:
        assert response.status == 200
        return [int(event["sequence"]) for event in msgspec.json.decode(await response.read())]


async def test_it_waits_for_the_next_of_its_lane_and_no_other() -> None:
    async with station() as made:
        made.journal.add(Lane.ALARM, 3)
        assert await numbers(made, "") == []
        waiting = asyncio.ensure_future(numbers(made, WAIT))
        await until(lambda: made.journal.waiting == 1)
        made.journal.add(Lane.TELEMETRY)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        made.journal.add(Lane.ALARM, 2)
        assert await waiting == [4, 5]


async def test_what_is_there_is_not_waited_for_and_a_wait_ends() -> None:
    async with station() as made:
        made.journal.add(Lane.ALARM, 4)
        assert await numbers(made, WAIT) == [4]
        async with made.client.get("/api/v1/feed?lane=alarm&after=4&wait=1") as response:
            assert await response.read() == b"[]"
        async with made.client.get(FEED + "&wait=soon") as response:
            assert response.status == 400


async def test_too_many_who_wait_are_answered_at_once() -> None:
    async with station() as made:
        waiting = [asyncio.ensure_future(numbers(made, WAIT)) for _ in range(longpoll.WAITING_MAX)]
        await until(lambda: made.journal.waiting == longpoll.WAITING_MAX)
        assert await numbers(made, WAIT) == []
        made.journal.add(Lane.ALARM, 4)
        assert await asyncio.gather(*waiting) == [[4]] * len(waiting)


async def test_a_stop_does_not_wait_for_them() -> None:
    async with station() as made:
        waiting = asyncio.ensure_future(numbers(made, WAIT))
        await until(lambda: made.journal.waiting == 1)
        await made.server.stop()
        assert await waiting == [], "answered, and not cut off at the end of aiohttp's patience"


async def test_who_hangs_up_makes_room() -> None:
    async with station() as made:
        for _ in range(longpoll.WAITING_MAX + 1):
            waiting = asyncio.ensure_future(numbers(made, WAIT))
            await until(lambda: made.journal.waiting == 1)
            waiting.cancel()
            await asyncio.wait([waiting])
            await until(lambda: made.journal.waiting == 0)
        waiting = asyncio.ensure_future(numbers(made, WAIT))
        await until(lambda: made.journal.waiting == 1)
        made.journal.add(Lane.ALARM, 4)
        assert await waiting == [4]
