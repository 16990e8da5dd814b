"""Serves the files of the demo's pages, and reads the JSON that their buttons send."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web


async def read_json(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; HTTP 415 for another content type, 400 for anything else.

    The content type keeps forms of other sites out of a page on loopback.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        found = await request.json()
    except ValueError:
        raise web.HTTPBadRequest from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest
    return found


def serve_file(path: Path, kind: str) -> Callable[[web.Request], Any]:
    """A handler that answers with that file as it is now, of the media type `kind`."""
    body, charset = path.read_bytes(), None if kind.startswith("image/") else "utf-8"

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(
            body=body,
            content_type=kind,
            charset=charset,
            headers={"Cache-Control": "no-cache"},
        )

    return serve
