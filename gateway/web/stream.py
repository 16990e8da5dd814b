"""One reader of the live stream: a cursor, a socket, and what it has been shown.

Entries are pulled from the cursor, so a slow reader costs no memory here: one that falls too far
behind gets a snapshot instead of the entries, and one whose socket stays full is dropped.

    id: <cursor>   event: snapshot   {"at", "missed", "set": the whole view}
    id: <cursor>   event: entry      one CloudEvent
                   event: pulse      {"at", "set": what changed, "gone": keys no longer there}

`missed` is how many entries the snapshot stands for, null if unknown.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from gateway.event import JournalEntry, Lane, encode_envelope
from gateway.journal.ports import FollowedReader, PassingFollower
from gateway.web.audience import Audiences
from gateway.web.cursor import FeedCursor
from gateway.web.live_views import LiveViews, ViewTopic, view_difference
from gateway.web.section import Permission, View

BATCH = 100
RETRY_MS = 1000

_encode = msgspec.json.Encoder().encode


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a station grants its readers."""

    streams_max: int = 16
    snapshot_after: int = 500
    pulse_s: float = 1.0
    write_within_s: float = 10.0
    write_buffer_bytes: int = 32 * 1024


class StreamSource(msgspec.Struct, frozen=True):
    """What all streams draw from."""

    feed: FollowedReader
    follower: PassingFollower
    pulses: LiveViews
    audiences: Audiences
    limits: StreamLimits


class EventStream:
    """One reader, from its first byte to its last."""

    def __init__(
        self,
        source: StreamSource,
        topic: ViewTopic,
        lanes: tuple[Lane, ...],
        resume: str | None,
        allowed: frozenset[Permission],
    ) -> None:
        self._allowed = allowed
        self.news = asyncio.Event()
        self._source = source
        self._topic = topic
        self._lanes = lanes
        self._shown: View = {}
        self._cursor = FeedCursor(source.feed.epoch, dict(source.feed.heads()))
        self._missed: int | None = 0 if resume is None else None
        asked = FeedCursor.parse(resume) if resume else None
        self._resumed = asked is not None and asked.within(*self._cursor)
        if asked is not None and self._resumed:
            self._cursor = asked

    async def run(
        self, response: web.StreamResponse, closing: asyncio.Event, lives: Callable[[], bool]
    ) -> None:
        """Serve the reader until the station stops, or the reader may no longer look.

        TimeoutError if the reader does not read.
        """
        await self._send(response, b"retry: %d\n\n" % RETRY_MS)
        if not self._resumed:
            await self._send(response, self._snapshot(self._missed))
        self.news.set()
        while not closing.is_set():
            await self.news.wait()
            self.news.clear()
            if not lives():
                return
            while chunk := await self._entries():
                await self._send(response, chunk)
            await self._send(response, self._pulse())

    async def _send(self, response: web.StreamResponse, chunk: bytes) -> None:
        async with asyncio.timeout(self._source.limits.write_within_s):
            await response.write(chunk)

    async def _entries(self) -> bytes:
        """The next entries behind the cursor, a snapshot if they are too many, else nothing."""
        heads = self._source.feed.heads()
        behind = self._cursor.behind({lane: heads.get(lane, 0) for lane in self._lanes})
        if behind > self._source.limits.snapshot_after:
            self._cursor = FeedCursor(self._source.feed.epoch, dict(heads))
            return self._snapshot(behind)
        if behind == 0:
            return b""
        entries = await self._source.follower.read(
            limit=BATCH, lanes=self._lanes, after=self._cursor.at
        )
        return b"".join(map(self._entry, entries))

    def _entry(self, entry: JournalEntry) -> bytes:
        self._cursor = FeedCursor(entry.epoch, {**self._cursor.at, entry.lane: entry.seq})
        shown = self._source.audiences.filter_entry(entry, self._allowed)
        return self._frame("entry", encode_envelope(shown, self._source.pulses.now.station))

    def _snapshot(self, missed: int | None) -> bytes:
        self._shown = self._source.pulses.view(self._topic)
        whole = {"at": self._source.pulses.at_ms, "missed": missed, "set": self._shown}
        return self._frame("snapshot", _encode(whole))

    def _frame(self, event: str, body: bytes) -> bytes:
        head = f"id: {self._cursor}\nevent: {event}\ndata: "
        return b"".join((head.encode(), body, b"\n\n"))

    def _pulse(self) -> bytes:
        """Sent at every beat even without changes: it shows that the page is live."""
        view = self._source.pulses.view(self._topic)
        told: dict[str, Any] = {
            "at": self._source.pulses.at_ms,
            **view_difference(self._shown, view),
        }
        self._shown = view
        return b"event: pulse\ndata: %s\n\n" % _encode(told)
