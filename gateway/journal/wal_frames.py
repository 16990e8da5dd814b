"""SQLite's write-ahead log: which of its frames are committed, and whether it is damaged.

Written after "WAL-mode File Format" of the SQLite documentation. SQLite accepts the log up to the
first frame whose checksum fails and ignores the rest. After a power cut that is right: nobody was
told that the torn transaction is stored. But damage in the middle of the log would lose
acknowledged transactions, and their numbers would be issued twice.
"""

import itertools
import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

from gateway.journal.options import PAGE_BYTES
from gateway.journal.preallocation import COPIED

_HEAD = struct.Struct(">IIII8s8s")
_SUMMED_HEAD_BYTES = 24
_FRAME_HEAD = struct.Struct(">II8s8s")
_SUMMED_FRAME_BYTES = 8
FRAME_BYTES = _FRAME_HEAD.size + PAGE_BYTES
_MAGIC, _BIG_ENDIAN = 0x377F0682, 1
_MASK = 0xFFFFFFFF
# Transactions that can stand behind a torn one: itself, if its last frame reached the disk.
_TORN_COMMITS_MAX = 1

_Sum = tuple[int, int]


class WalFrames:
    """One log, read once; `pages[i]` is the page number of committed frame `i`, or 0.

    `sound`: the frames up to the last intact commit; `torn`: frames of one more follow,
    damaged.
    """

    def __init__(self, path: Path, *, keep_torn: bool = False) -> None:
        """Read it; a missing file is empty. `keep_torn`: `pages` includes the torn frames."""
        self.pages = array("I")
        self.broken = self.torn = False
        self.sound = 0
        self._keep_torn = keep_torn
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1
            return
        self._read()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def content(self, index: int) -> bytes:
        """The page in that frame; shorter if the disk does not return all of it."""
        offset = _HEAD.size + index * FRAME_BYTES + _FRAME_HEAD.size
        return read_at(self._fd, PAGE_BYTES, offset)

    def newest(self) -> dict[int, int]:
        """The last committed frame of each page."""
        return {page: index for index, page in enumerate(self.pages) if page}

    def _read(self) -> None:
        head = read_at(self._fd, _HEAD.size, 0).ljust(_HEAD.size, b"\0")
        if head == COPIED:
            return
        magic, *_, salt, stored = _HEAD.unpack(head)
        order = ">" if magic & _BIG_ENDIAN else "<"
        summed = _sum(head[:_SUMMED_HEAD_BYTES], order, (0, 0))
        chain: _Sum | None = summed
        torn_commits_max = _TORN_COMMITS_MAX
        if magic & ~_BIG_ENDIAN != _MAGIC or _packed(summed) != stored:
            chain, salt, torn_commits_max = None, self._salt_of_frames(), 0
        beyond = commits_beyond = 0
        for index, frame in enumerate(self._frames()):
            page, commits, found, stored = _FRAME_HEAD.unpack_from(frame)
            ours = found == salt and page != 0
            if chain is not None:
                chain = _sum(frame[:_SUMMED_FRAME_BYTES], order, chain)
                chain = _sum(frame[_FRAME_HEAD.size :], order, chain)
                if not ours or _packed(chain) != stored:
                    chain = None
            self.pages.append(page if ours else 0)
            if ours and commits:
                beyond = index + 1
                if chain is not None:
                    self.sound = index + 1
                else:
                    commits_beyond += 1
            self.torn = self.torn or (ours and chain is None)
        self.broken = commits_beyond > torn_commits_max
        if self._keep_torn:
            return
        del self.pages[beyond if self.broken else self.sound :]

    def _frames(self) -> Iterator[bytes]:
        offset = _HEAD.size
        while len(frame := read_at(self._fd, FRAME_BYTES, offset)) == FRAME_BYTES:
            yield frame
            offset += FRAME_BYTES

    def _salt_of_frames(self) -> bytes:
        """The salt that the first frames agree on, if the header is damaged."""
        frames = itertools.islice(self._frames(), 8)
        salts = [_FRAME_HEAD.unpack_from(frame)[2] for frame in frames]
        return max(salts, key=salts.count, default=b"")


def read_at(fd: int, length: int, offset: int) -> bytes:
    """What the disk returns; a sector that cannot be read counts as empty."""
    try:
        return os.pread(fd, length, offset)
    except OSError:
        return b""


def _sum(raw: bytes, order: str, before: _Sum) -> _Sum:
    """SQLite's checksum, continued."""
    one, two = before
    words = iter(struct.unpack(f"{order}{len(raw) // 4}I", raw))
    for even, odd in zip(words, words, strict=True):
        one = (one + even + two) & _MASK
        two = (two + odd + one) & _MASK
    return one, two


def _packed(found: _Sum) -> bytes:
    return struct.pack(">II", *found)
