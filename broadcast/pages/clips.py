"""Recordings: brought by staff, kept from the microphone; heard here, made a key, taken away."""

import asyncio
import re
from typing import Any

import msgspec
from aiohttp import web

from broadcast.api import actor
from broadcast.options import PresetOptions
from broadcast.pages.acts import act
from broadcast.pages.deck import PATH, Deck
from broadcast.prepare.clip import Clip
from broadcast.prepare.index import Kind
from gateway.web.answers import json
from gateway.web.audited import done_to
from gateway.web.section import Permission, Route

UPLOAD_WITHIN_S = 300.0
CHUNK_BYTES = 64 * 1024
SHOWN_MAX = 8
NAME_CHARS_MAX = 60
_SHA = re.compile("[0-9a-f]{64}")


class Taken(msgspec.Struct, frozen=True):
    """What an upload became."""

    sha: str
    title: str
    seconds: float


def shown(deck: Deck) -> list[Clip]:
    """Uploads and recordings, the last used first."""
    found = (*deck.shelf.clips(Kind.UPLOAD), *deck.shelf.clips(Kind.RECORDING))
    return list(found[:SHOWN_MAX])


def fresh_id(deck: Deck) -> str:
    """An id for another preset of staff's."""
    taken = deck.presets.all().keys()
    return next(found for n in range(1, 10_000) if (found := f"own-{n}") not in taken)


class Clips:
    """The handlers."""

    def __init__(self, deck: Deck) -> None:
        """Of that deck's shelf."""
        self._deck = deck

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            Route(
                path=f"{PATH}/upload",
                handler=self.upload,
                method="POST",
                permission=Permission.STAFF,
                act="broadcast/upload",
                streamed=True,
            ),
            Route(
                path=f"{PATH}/sound/{{sha}}.wav", handler=self.sound, permission=Permission.STAFF
            ),
            act("/clip/{sha}/key", self.key, "preset"),
            act("/clip/{sha}/remove", self.remove, "unclip"),
        ]

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take a recording in as it comes; a UsageError says why it cannot be used."""
        try:
            async with asyncio.timeout(UPLOAD_WITHIN_S):
                stream = request.content.iter_chunked(CHUNK_BYTES)
                clip = await self._deck.shelf.store_upload(
                    stream, request.query.get("name", "")[:200]
                )
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        done_to(request, clip.sha[:12])
        return json(Taken(clip.sha, clip.title, round(clip.seconds, 1)))

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The clip itself, for whoever listens here."""
        sha = request.match_info["sha"]
        if not _SHA.fullmatch(sha):
            raise web.HTTPNotFound
        response = web.FileResponse(self._deck.shelf.clip(sha).path)
        response.content_type = "audio/wav"
        response.headers["Cache-Control"] = "no-store"
        return response

    async def key(self, request: web.Request) -> web.StreamResponse:
        """Make a one-key notice of it."""
        clip, deck = self._deck.shelf.clip(request.match_info["sha"]), self._deck
        preset_id = fresh_id(deck)
        done_to(request, preset_id)
        preset = PresetOptions(name=clip.title[:NAME_CHARS_MAX] or preset_id, clip=clip.sha)
        await deck.presets.put(preset_id, preset, actor(request), deck.clock.stamp().wall_ns)
        raise web.HTTPSeeOther(f"{PATH}/presets/{preset_id}")

    async def remove(self, request: web.Request) -> Any:
        """Take it away, unless somebody refers to it."""
        sha = request.match_info["sha"]
        done_to(request, sha[:12])
        await self._deck.shelf.remove(sha)
        raise web.HTTPSeeOther(f"{PATH}#clips")
