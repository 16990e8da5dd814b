"""A reader of the live stream, as strict as a browser."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import ClientResponse

from tests.web.station import Station


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens on the far side of a socket."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


class Told(NamedTuple):
    """One event of the stream."""

    name: str
    id: str | None
    body: dict[str, Any]


class Reader:
    """Reads one stream, event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.retry_ms: int | None = None

    async def next(self, *, within_s: float = 60) -> Told:
        """The next event; EOFError when the station has ended the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(": ")
                if name == "retry":
                    self.retry_ms = int(value)
                elif name:
                    assert name not in fields, "one line a field"
                    fields[name] = value
                elif fields:
                    body = msgspec.json.decode(fields["data"])
                    return Told(fields["event"], fields.get("id"), body)

    async def until(self, name: str) -> Told:
        """The next event of that name."""
        while (told := await self.next()).name != name:
            pass
        return told

    async def rest(self) -> int:
        """How many events still come until the station ends the stream."""
        count = 0
        with contextlib.suppress(EOFError):
            while await self.next():
                count += 1
        return count

    async def entries(self, count: int) -> list[Told]:
        """The next entries, whatever pulses come between."""
        return [await self.until("entry") for _ in range(count)]


@contextlib.asynccontextmanager
async def reading(
    made: Station, query: str = "", *, resume: str | None = None
) -> AsyncIterator[Reader]:
    """Open a stream."""
    headers = {} if resume is None else {"Last-Event-ID": resume}
    async with made.client.get(f"/api/v1/events{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        yield Reader(response)
