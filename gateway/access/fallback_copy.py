"""A copy of the accounts beside the journal, for the day when its disk fails.

The journal's state is the truth. A station that runs on a journal in memory has no state, and
without this copy nobody could sign in to press 停止. It holds accounts and known computers as the
state does (hashed passwords, digests of tokens), and only our user can read it.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from gateway.access.accounts import Account, KnownComputer
from gateway.disk import run_in_time
from gateway.journal.stored_state import json_decoder
from gateway.toml import replace_file

log = logging.getLogger(__name__)

# Sessions end with the journal: everybody must authenticate again.
TABLES: dict[str, type[msgspec.Struct]] = {"account": Account, "desk": KnownComputer}


class FallbackCopy:
    """The file; one write at a time, the last state wins."""

    def __init__(self, path: Path) -> None:
        """The folder of `path` is made when it is needed."""
        self._path = path
        self._turn = asyncio.Lock()

    def read(self) -> dict[str, msgspec.Struct]:
        """The rows by key; none if there is no readable copy."""
        try:
            rows = msgspec.json.decode(self._path.read_bytes(), type=dict[str, msgspec.Raw])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.error("the copy of the accounts cannot be read: %s", type(error).__name__)  # noqa: TRY400
            return {}
        found = {key: _read(key, bytes(row)) for key, row in rows.items() if is_in_copy(key)}
        return {key: row for key, row in found.items() if row is not None}

    async def write(self, rows: Mapping[str, msgspec.Struct]) -> None:
        """Write those rows if they have changed; disk errors are reported elsewhere."""
        body = msgspec.json.encode({key: row for key, row in rows.items() if is_in_copy(key)})
        async with self._turn:
            try:
                await asyncio.to_thread(run_in_time, partial(self._write, body))
            except OSError as error:
                log.error("the copy of the accounts cannot be kept: %s", error)  # noqa: TRY400

    def _write(self, body: bytes) -> None:
        if self._path.exists() and self._path.read_bytes() == body:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._path, body, mode=0o600)


def is_in_copy(key: str) -> bool:
    """Whether that row is part of the copy."""
    return key.partition("/")[0] in TABLES


def _read(key: str, row: bytes) -> msgspec.Struct | None:
    """The row; None if it cannot be read."""
    try:
        found: msgspec.Struct = json_decoder(TABLES[key.partition("/")[0]])(key, row)
    except (ValueError, RecursionError):
        return None
    return found
