"""Static files: read once at start-up, served from memory under their hash.

The hash is part of the address, so a browser caches a file for a year and still never shows an old
one. Only what was read at start-up has an address: a requested path never touches the disk.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from gateway.web.section import Section

HALL = Path(__file__).with_name("static")
SHEET = ("tokens.css", "parts.css")
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
FILE_BYTES_MAX = 512 * 1024


class _File(NamedTuple):
    address: str
    media: str
    plain: bytes
    packed: bytes


class StaticFiles:
    """Every static file of the web room (`web/…`) and of the sections (`<name>/…`)."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._files = {name: _file(name, body) for name, body in _read(sections)}
        self._by_address = {file.address: file for file in self._files.values()}

    def address(self, name: str) -> str:
        """The address of `name`; KeyError if no section brought it."""
        return self._files[name].address

    def weight(self, name: str) -> int:
        """Bytes of `name` on the wire."""
        return len(self._files[name].packed)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a static address; anything else is not found."""
        file = self._by_address.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = web.Response(body=file.packed if packed else file.plain)
        response.content_type = file.media
        if file.media.startswith("text/"):
            response.charset = "utf-8"
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _read(sections: Iterable[Section]) -> Iterator[tuple[str, bytes]]:
    yield "web/station.css", b"".join((HALL / part).read_bytes() for part in SHEET)
    for name, folder in [("web", HALL), *((s.name, s.static) for s in sections if s.static)]:
        for path in sorted(folder.iterdir()):
            if path.suffix in TYPES and path.name not in SHEET:
                yield f"{name}/{path.name}", path.read_bytes()


def _file(name: str, body: bytes) -> _File:
    if len(body) > FILE_BYTES_MAX:
        raise ValueError(name)
    digest = hashlib.sha256(body).hexdigest()[:12]
    media = TYPES[Path(name).suffix]
    return _File(f"/static/{digest}/{name}", media, body, gzip.compress(body, 9, mtime=0))
