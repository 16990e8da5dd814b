"""Recordings: uploaded by staff or kept from a microphone; played here, made a preset, removed."""

import asyncio
import re
from typing import Any

import msgspec
from aiohttp import web

from broadcast.clips.clip import StoredClip
from broadcast.clips.index import ClipKind
from broadcast.options import PresetOptions
from broadcast.pages.actions import form_route
from broadcast.pages.api import request_actor
from broadcast.pages.context import PATH, BroadcastPageContext
from gateway.web.audit_middleware import set_target
from gateway.web.responses import json_response
from gateway.web.section import Permission, Route

UPLOAD_WITHIN_S = 300.0
CHUNK_BYTES = 64 * 1024
SHOWN_MAX = 8
NAME_CHARS_MAX = 60
_SHA = re.compile("[0-9a-f]{64}")


class UploadResult(msgspec.Struct, frozen=True):
    """What an upload became."""

    sha: str
    title: str
    seconds: float


def listed_clips(context: BroadcastPageContext) -> list[StoredClip]:
    """Uploads and recordings, the last used first."""
    found = (*context.shelf.clips(ClipKind.UPLOAD), *context.shelf.clips(ClipKind.RECORDING))
    return list(found[:SHOWN_MAX])


def new_preset_id(context: BroadcastPageContext) -> str:
    """An id for a new preset of staff's."""
    taken = context.presets.all().keys()
    return next(found for n in range(1, 10_000) if (found := f"own-{n}") not in taken)


class ClipRoutes:
    """The handlers."""

    def __init__(self, context: BroadcastPageContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
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
            form_route("/clip/{sha}/key", self.key, "preset"),
            form_route("/clip/{sha}/remove", self.remove, "unclip"),
        ]

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Store an upload as it comes in; UsageError says why it cannot be used."""
        try:
            async with asyncio.timeout(UPLOAD_WITHIN_S):
                stream = request.content.iter_chunked(CHUNK_BYTES)
                clip = await self._context.shelf.store_upload(
                    stream, request.query.get("name", "")[:200]
                )
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        set_target(request, clip.sha[:12])
        return json_response(UploadResult(clip.sha, clip.title, round(clip.seconds, 1)))

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The clip itself, for the browser."""
        sha = request.match_info["sha"]
        if not _SHA.fullmatch(sha):
            raise web.HTTPNotFound
        response = web.FileResponse(self._context.shelf.clip(sha).path)
        response.content_type = "audio/wav"
        response.headers["Cache-Control"] = "no-store"
        return response

    async def key(self, request: web.Request) -> web.StreamResponse:
        """Make it a preset that one key plays."""
        clip, context = self._context.shelf.clip(request.match_info["sha"]), self._context
        preset_id = new_preset_id(context)
        set_target(request, preset_id)
        preset = PresetOptions(name=clip.title[:NAME_CHARS_MAX] or preset_id, clip=clip.sha)
        await context.presets.put(
            preset_id, preset, request_actor(request), context.clock.stamp().wall_ns
        )
        raise web.HTTPSeeOther(f"{PATH}/presets/{preset_id}")

    async def remove(self, request: web.Request) -> Any:
        """Remove it, unless it is referred to."""
        sha = request.match_info["sha"]
        set_target(request, sha[:12])
        await self._context.shelf.remove(sha)
        raise web.HTTPSeeOther(f"{PATH}#clips")
