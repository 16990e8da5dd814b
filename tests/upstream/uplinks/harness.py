"""How each kind of uplink reaches a far side: what a new kind supplies to be judged.

`start` listens and gives the address, the same after each start; `kill` ends it as a crash would.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.ports import free_port
from tests.upstream.uplinks import toy_uplink
from tests.upstream.uplinks.far_side import FarSide


class Harness(Protocol):
    """A listening end that hands what comes to the far side."""

    async def start(self, far: FarSide) -> str:
        """Listen; the address for the settings."""

    async def kill(self) -> None:
        """Drop every connection in the middle, and listen no more."""


class _StreamHarness:
    """A server of bytes; `kill` takes whatever it is doing down with it."""

    def __init__(self) -> None:
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._far = FarSide()

    async def start(self, far: FarSide) -> str:
        self._far = far
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, limit=16 * 1_048_576
        )
        return self._url()

    async def kill(self) -> None:
        if self._server is not None:
            self._server.close()
        for task, writer in self._serving.items():
            writer.transport.abort()
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    def _url(self) -> str:
        raise NotImplementedError

    async def _request(self, reader: asyncio.StreamReader) -> Awaitable[bytes | None] | None:
        """What the far side is asked; None at the end of the connection."""
        raise NotImplementedError

    def _reply(self, answer: bytes) -> bytes:
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            while (asked := await self._request(reader)) is not None:
                answer = await asked
                if answer is None:
                    break
                writer.write(self._reply(answer))
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # who asked has gone, or this side was killed
        finally:
            del self._serving[task]
            writer.transport.abort()


class HttpHarness(_StreamHarness):
    """docs/feed.md, with as much of HTTP/1.1 as that needs."""

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _request(self, reader: asyncio.StreamReader) -> Awaitable[bytes | None] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.splitlines()
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        if method == "POST":
            packed = headers.get("content-encoding") == "gzip"
            events = json.loads(gzip.decompress(body) if packed else body)
            return self._far.take_batch(headers["yizhan-epoch"], events)
        query = dict(parse_qsl(urlsplit(target).query))
        return self._far.next_commands(query.get("after", ""), float(query["wait"]))

    def _reply(self, answer: bytes) -> bytes:
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer)}\r\n\r\n"
        return head.encode() + answer


class ToyHarness(_StreamHarness):
    """Lines over TCP; the kind's file is laid beside the product."""

    def _url(self) -> str:
        return f"toy+tcp://127.0.0.1:{self._port}"

    async def _request(self, reader: asyncio.StreamReader) -> Awaitable[bytes | None] | None:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            return None
        asked = json.loads(line)
        if "events" in asked:
            return self._far.take_batch(asked["epoch"], asked["events"])
        return self._far.next_commands(asked["after"], asked["wait_s"])

    def _reply(self, answer: bytes) -> bytes:
        return answer + b"\n"


HARNESSES = {"http": HttpHarness, "toy": ToyHarness}


def lay_toy(folder: Path) -> Path:
    """The toy as a kind of an extension in that folder; what `YIZHAN_EXTENSIONS` names."""
    place = folder / "gateway" / "upstream" / "uplinks"
    place.mkdir(parents=True)
    (place / "toy.py").write_text(Path(toy_uplink.__file__).read_text("utf-8"), "utf-8")
    return folder
