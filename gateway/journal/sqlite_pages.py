"""SQLite's file format as far as a salvage needs it: records of table leaf pages, by page scan.

Written after "Database File Format" and "WAL-mode File Format" of the SQLite documentation. Nothing
is trusted: a page may be garbage, and every length is checked before it is used.
"""

import contextlib
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.journal.options import PAGE_BYTES
from gateway.journal.wal_frames import WalFrames, read_at

SqliteValue = int | float | bytes | str | None

_LEAF = 0x0D
_FIRST_PAGE_HEAD = 100
_LEAF_HEAD = 8
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_PAYLOAD_MAX = 4 * 1024 * 1024
_FREE_LIST = struct.Struct(">II")
_FREE_LIST_AT = 32
# Pages that are read together.
_AT_ONCE = 256

_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL = 7
_CONSTANTS = {0: None, 8: 0, 9: 1}
_VARINT_BYTES = 9


class MalformedPage(ValueError):
    """These bytes are not what they should be."""


class TableRecord(NamedTuple):
    """One row of some table."""

    rowid: int
    values: list[SqliteValue]


class SqlitePages:
    """The pages of a database file, and the versions of them in its log.

    Each version has a number, its *sheet*: 1 to `count` are the file's pages, those above are
    frames of the log.
    """

    def __init__(self, path: Path, *, keep_torn: bool = False) -> None:
        """`keep_torn`: include the frames of a damaged last commit."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.count = os.fstat(self._fd).st_size // PAGE_BYTES
        self.log = WalFrames(path.with_name(path.name + "-wal"), keep_torn=keep_torn)
        self._newest = self.log.newest()

    def close(self) -> None:
        os.close(self._fd)
        self.log.close()

    @property
    def sheets(self) -> int:
        """The number of the last sheet."""
        return self.count + len(self.log.pages)

    def sheet(self, number: int) -> bytes:
        """One version of a page; MalformedPage if the disk does not return it."""
        if number > self.count:
            found = self.log.content(number - self.count - 1)
        else:
            found = read_at(self._fd, PAGE_BYTES, (number - 1) * PAGE_BYTES)
        if len(found) != PAGE_BYTES:
            raise MalformedPage(number)
        return found

    def newest(self, page: int) -> bytes:
        """The page as the last commit left it."""
        index = self._newest.get(page)
        return self.sheet(page if index is None else self.count + 1 + index)

    def search(self, pattern: re.Pattern[bytes], pages: int) -> str | None:
        """What the pattern's group matches in one of the first pages."""
        for page in range(1, pages + 1):
            try:
                found = pattern.search(self.newest(page))
            except MalformedPage:
                continue
            if found:
                return found.group(1).decode("ascii")
        return None

    def free(self) -> bytearray:
        """1 for each page in the free list: its content was deleted. 0 where the list is damaged.

        Indexes from `count` on do not exist: only pages of the file are covered.
        """
        found = bytearray(self.count + 1)
        try:
            trunk, _ = _FREE_LIST.unpack_from(self.newest(1), _FREE_LIST_AT)
            while 0 < trunk <= self.count and not found[trunk]:
                found[trunk] = 1
                page = self.newest(trunk)
                trunk, count = _FREE_LIST.unpack_from(page)
                leaves = min(count, PAGE_BYTES // 4 - 2)
                for leaf in struct.unpack_from(f">{leaves}I", page, _FREE_LIST.size):
                    if leaf <= self.count:
                        found[leaf] = 1
        except MalformedPage:
            pass
        return found

    def leaves(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """The sheets from `first` to `last` that are leaves of a table, with their content."""
        for number, found in self._read(first, min(last, self.sheets)):
            if found[_FIRST_PAGE_HEAD if number == 1 else 0] == _LEAF:
                yield number, found

    def _read(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        number = first
        while number <= last:
            many = min(last, self.count, number + _AT_ONCE - 1) - number + 1
            block = b""
            if many > 1:
                block = read_at(self._fd, many * PAGE_BYTES, (number - 1) * PAGE_BYTES)
            if block and len(block) == many * PAGE_BYTES:
                for at in range(0, len(block), PAGE_BYTES):
                    yield number, block[at : at + PAGE_BYTES]
                    number += 1
                continue
            for _ in range(max(1, many)):  # a frame, or pages that the disk returns only in part
                with contextlib.suppress(MalformedPage):
                    yield number, self.sheet(number)
                number += 1

    def newest_leaves(self, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
        """The table leaves as of the last commit that contain the pattern, without deleted ones."""
        free = self.free()
        for number, found in self.leaves(1, self.count):
            if not free[number] and number not in self._newest and pattern.search(found):
                yield found
        for page, index in self._newest.items():
            if page <= self.count and free[page]:
                continue
            for _, found in self.leaves(self.count + 1 + index, self.count + 1 + index):
                yield found

    def records(self, sheet: bytes) -> Iterator[TableRecord]:
        """The intact records of a leaf, in cell order."""
        head = _FIRST_PAGE_HEAD if sheet[0] != _LEAF else 0
        cells = int.from_bytes(sheet[head + 3 : head + 5])
        start = head + _LEAF_HEAD
        for at in range(start, min(start + 2 * cells, PAGE_BYTES - 1), 2):
            try:
                record = self._record(sheet, sheet[at] << 8 | sheet[at + 1])
            except MalformedPage:
                continue
            yield record

    def _record(self, page: bytes, offset: int) -> TableRecord:
        """The record at that offset; MalformedPage if there is none."""
        length, at = _varint(page, offset)
        rowid, at = _varint(page, at)
        if length > _PAYLOAD_MAX:
            raise MalformedPage(offset)
        local = _local(length)
        payload = page[at : at + local]
        if local < length:
            payload += self._overflow(int.from_bytes(page[at + local : at + local + 4]), length)
        return TableRecord(_signed(rowid), _values(payload[:length]))

    def _overflow(self, page: int, length: int) -> bytes:
        """The rest of a long payload, from its chain of overflow pages."""
        found = bytearray()
        while page and len(found) < length:
            content = self.newest(page)
            found += content[4:]
            page = int.from_bytes(content[:4])
        return bytes(found)


def _local(length: int) -> int:
    """How much of a payload is in the leaf itself."""
    if length <= _LOCAL_MAX:
        return length
    wanted = _LOCAL_MIN + (length - _LOCAL_MIN) % (PAGE_BYTES - 4)
    return wanted if wanted <= _LOCAL_MAX else _LOCAL_MIN


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """SQLite's variable-length integer, and the offset behind it."""
    if at < len(raw) and raw[at] < 0x80:  # noqa: PLR2004 - nearly always it is one byte
        return raw[at], at + 1
    value = 0
    for index in range(at, at + _VARINT_BYTES):
        if index >= len(raw):
            raise MalformedPage(at)
        byte = raw[index]
        if index == at + _VARINT_BYTES - 1:
            return value << 8 | byte, index + 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, index + 1
    raise MalformedPage(at)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _values(payload: bytes) -> list[SqliteValue]:
    """The columns of a record."""
    head, at = _varint(payload, 0)
    body = head
    values: list[SqliteValue] = []
    while at < head:
        kind, at = _varint(payload, at)
        value, body = _value(payload, kind, body)
        values.append(value)
    return values


def _value(payload: bytes, kind: int, at: int) -> tuple[SqliteValue, int]:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind in _INTS:
        end = at + _INTS[kind]
        value: SqliteValue = int.from_bytes(payload[at:end], signed=True)
    elif kind == _REAL:
        end = at + 8
        value = None  # none of the columns that we look for is a real number
    else:
        end = at + (kind - 12) // 2
        value = payload[at:end]
        if kind % 2:
            value = value.decode("utf-8", "replace")
    if kind in (10, 11) or end > len(payload):
        raise MalformedPage(kind)
    return value, end
