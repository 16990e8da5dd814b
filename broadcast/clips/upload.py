"""Uploads are streamed to the disk, and never exceed the limit."""

import asyncio
import re
from collections.abc import AsyncIterable
from pathlib import Path

from gateway.errors import UsageError

# Ten minutes of uncompressed stereo at 32 kHz; an hour of MP3 is not a notice.
BYTES_MAX = 40 * 1024 * 1024

_WRITE_BYTES = 256 * 1024
_TITLE_CHARS_MAX = 80


async def receive_upload(
    stream: AsyncIterable[bytes], target: Path, bytes_max: int = BYTES_MAX
) -> int:
    """Write the stream to a new file; returns its size. UsageError if it is too large or empty."""
    size, waiting = 0, bytearray()
    with target.open("xb") as file:
        async for chunk in stream:
            size += len(chunk)
            if size > bytes_max:
                raise UsageError("upload.large", limit_mb=bytes_max // (1024 * 1024))
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(file.write, bytes(waiting))
    if not size:
        raise UsageError("upload.empty")
    return size


def upload_title(name: str) -> str:
    """A title from the name of the uploaded file; never used as a path."""
    last = re.split(r"[\\/]", name)[-1]
    stem = last.rpartition(".")[0] or last
    shown = "".join(letter if letter.isprintable() else " " for letter in stem)
    return " ".join(shown.split())[:_TITLE_CHARS_MAX] or "?"
