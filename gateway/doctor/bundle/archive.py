"""The support file: a compressed archive that only its owner may read."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import Unavailable

MODE = 0o600


def pack(path: Path, folder: str, pages: Mapping[str, str]) -> int:
    """Write the pages below one folder; its size. Equal pages make equal files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, text in sorted(pages.items()):
            body = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(body), MODE
            archive.addfile(entry, io.BytesIO(body))
    packed = gzip.compress(raw.getvalue(), mtime=0)
    try:
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
        with open(fresh, "wb") as file:  # noqa: PTH123  # the descriptor, made with its mode
            file.write(packed)
    except OSError as error:
        raise Unavailable("bundle.no-file", path=str(path), reason=error.strerror) from error
    return len(packed)
