"""SQLite's file format, as far as a salvage needs it: records of table leaf pages, by page scan.

Written after "Database File Format" and "WAL-mode File Format" of the SQLite documentation. It
believes nothing: a page may be garbage, and every length is checked before it is used.
"""

import itertools
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.journal.options import PAGE_BYTES

Value = int | float | bytes | str | None

_LEAF = 0x0D
_FIRST_PAGE_HEAD = 100
_LEAF_HEAD = 8
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_PAYLOAD_MAX = 4 * 1024 * 1024
_FREE_LIST = struct.Struct(">II")
_FREE_LIST_AT = 32
_WAL_HEAD = 32
_FRAME_HEAD = struct.Struct(">II8s8x")
_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL, _ZERO, _ONE = 7, 8, 9
_VARINT_BYTES = 9


class Garbage(ValueError):
    """These bytes are not what they should be."""


class Place(NamedTuple):
    """Where a record begins; `version` 0 is the file's page, else a frame of the log."""

    version: int
    page: int
    offset: int


class Record(NamedTuple):
    """One row of some table."""

    rowid: int
    values: list[Value]


class Pages:
    """The pages of a database file, and newer versions of them in its log."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.count = os.fstat(self._file.fileno()).st_size // PAGE_BYTES
        log = path.with_name(path.name + "-wal")
        self._log = log.open("rb") if log.exists() else None
        self._newest = dict(self._frames())

    def close(self) -> None:
        """Let the files go."""
        self._file.close()
        if self._log is not None:
            self._log.close()

    def _frames(self) -> Iterator[tuple[int, int]]:
        """Page and offset of each committed frame: those before the salt changes."""
        if self._log is None:
            return
        offset, salt = _WAL_HEAD, None
        pending: list[tuple[int, int]] = []
        while len(head := self._log_bytes(offset, _FRAME_HEAD.size)) == _FRAME_HEAD.size:
            page, pages_after, found = _FRAME_HEAD.unpack(head)
            salt = found if salt is None else salt
            if found != salt or page == 0:
                return
            pending.append((page, offset + _FRAME_HEAD.size))
            if pages_after:
                yield from pending
                pending.clear()
            offset += _FRAME_HEAD.size + PAGE_BYTES

    def _log_bytes(self, offset: int, length: int) -> bytes:
        assert self._log is not None
        return os.pread(self._log.fileno(), length, offset)

    def bytes_of(self, page: int, version: int) -> bytes:
        """One version of a page."""
        if version:
            found = self._log_bytes(version, PAGE_BYTES)
        else:
            found = os.pread(self._file.fileno(), PAGE_BYTES, (page - 1) * PAGE_BYTES)
        if len(found) != PAGE_BYTES:
            raise Garbage(page)
        return found

    def newest(self, page: int) -> bytes:
        """The page as the last commit left it."""
        return self.bytes_of(page, self._newest.get(page, 0))

    def search(self, pattern: re.Pattern[bytes], pages: int) -> str | None:
        """What the pattern's group catches in one of the first pages."""
        for page in range(1, pages + 1):
            try:
                found = pattern.search(self.newest(page))
            except Garbage:
                continue
            if found:
                return found.group(1).decode("ascii")
        return None

    def free(self) -> set[int]:
        """Pages in the free list: what they hold was deleted. Empty as far as that is damaged."""
        found: set[int] = set()
        try:
            trunk, _ = _FREE_LIST.unpack_from(self.newest(1), _FREE_LIST_AT)
            while trunk and trunk not in found:
                found.add(trunk)
                page = self.newest(trunk)
                trunk, count = _FREE_LIST.unpack_from(page)
                leaves = min(count, PAGE_BYTES // 4 - 2)
                found.update(struct.unpack_from(f">{leaves}I", page, _FREE_LIST.size))
        except Garbage:
            pass
        return found

    def places(self) -> Iterator[Place]:
        """Every record of every leaf page that is in use."""
        free = self.free()
        # Only pages that are there: a damaged frame may claim to be page four thousand million.
        only_in_log = sorted(page for page in self._newest if page > self.count)
        for page in itertools.chain(range(1, self.count + 1), only_in_log):
            if page not in free:
                yield from self._places(page, self._newest.get(page, 0))

    def _places(self, page: int, version: int) -> Iterator[Place]:
        try:
            found = self.bytes_of(page, version)
        except Garbage:
            return
        head = _FIRST_PAGE_HEAD if page == 1 else 0
        if found[head] != _LEAF:
            return
        cells = int.from_bytes(found[head + 3 : head + 5])
        start = head + _LEAF_HEAD
        for at in range(start, min(start + 2 * cells, PAGE_BYTES - 1), 2):
            yield Place(version, page, int.from_bytes(found[at : at + 2]))

    def record(self, place: Place) -> Record:
        """The record at that place; Garbage if there is none."""
        page = self.bytes_of(place.page, place.version)
        length, at = _varint(page, place.offset)
        rowid, at = _varint(page, at)
        if length > _PAYLOAD_MAX:
            raise Garbage(place)
        local = _local(length)
        payload = page[at : at + local]
        if local < length:
            payload += self._overflow(int.from_bytes(page[at + local : at + local + 4]), length)
        return Record(_signed(rowid), list(_values(payload[:length])))

    def _overflow(self, page: int, length: int) -> bytes:
        """The rest of a long payload, from its chain of pages."""
        found = bytearray()
        while page and len(found) < length:
            content = self.newest(page)
            found += content[4:]
            page = int.from_bytes(content[:4])
        return bytes(found)


def _local(length: int) -> int:
    """How much of a payload stands in the leaf itself."""
    if length <= _LOCAL_MAX:
        return length
    wanted = _LOCAL_MIN + (length - _LOCAL_MIN) % (PAGE_BYTES - 4)
    return wanted if wanted <= _LOCAL_MAX else _LOCAL_MIN


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """SQLite's variable-length integer, and where it ends."""
    value = 0
    for index in range(at, at + _VARINT_BYTES):
        if index >= len(raw):
            raise Garbage(at)
        byte = raw[index]
        if index == at + _VARINT_BYTES - 1:
            return value << 8 | byte, index + 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, index + 1
    raise Garbage(at)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _values(payload: bytes) -> Iterator[Value]:
    """The columns of a record."""
    head, at = _varint(payload, 0)
    body = head
    while at < head:
        kind, at = _varint(payload, at)
        value, body = _value(payload, kind, body)
        yield value


def _value(payload: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind in (0, _ZERO, _ONE):
        return {0: None, _ZERO: 0, _ONE: 1}[kind], at
    if kind in _INTS:
        end = at + _INTS[kind]
        value: Value = int.from_bytes(payload[at:end], signed=True)
    elif kind == _REAL:
        end = at + 8
        value = None  # no column that we look for is a real number
    else:
        end = at + (kind - 12) // 2
        value = payload[at:end]
        if kind % 2:
            value = value.decode("utf-8", "replace")
    if kind in (10, 11) or end > len(payload):
        raise Garbage(kind)
    return value, end
