"""What the platform's pages share: their files, and the JSON that their buttons send."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

HERE = Path(__file__).parent


async def asked(request: web.Request) -> dict[str, Any]:
    """A JSON body; the content type keeps other sites' forms out of a page on loopback."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        found = await request.json()
    except ValueError:
        raise web.HTTPBadRequest from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest
    return found


def file(name: str, kind: str, folder: Path = HERE) -> Callable[[web.Request], Any]:
    """Serve that file."""
    body, charset = (folder / name).read_bytes(), None if kind.startswith("image/") else "utf-8"

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(
            body=body,
            content_type=kind,
            charset=charset,
            headers={"Cache-Control": "no-cache"},
        )

    return serve
