"""The clip store: every clip that the station can play, in `state/media`, named by its content.

    media/<sha256>.wav      canonical WAV
    media/shelf.json        titles, kinds, order of use, and which text led to which clip
    media/making/           clips in the making; emptied at the start

A clip is complete on the disk before its name is known to others. A lost or damaged list costs
titles, never sound: it is rebuilt from the files.
"""

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterable, Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import msgspec

from broadcast.clips import chime
from broadcast.clips.clip import StoredClip, is_canonical, wav_bytes, wav_seconds
from broadcast.clips.decode import decode_to_wav
from broadcast.clips.index import ClipEntry, ClipIndex, ClipKind
from broadcast.clips.upload import BYTES_MAX, receive_upload, upload_title
from gateway.disk import run_in_time
from gateway.errors import NotFound, StationError, Unavailable, UsageError

log = logging.getLogger(__name__)

QUOTA_BYTES = 256 * 1024 * 1024
# With less room than this on its disk, sound that need not last is made in memory.
ROOM_BYTES_MIN = 4 * 1024 * 1024

# A disk that takes longer for a clip does not work; a minute of sound is 2 MB.
SEALED_S = 5.0

SPARE_BYTES_MAX = 16 * 1024 * 1024
CLIPS_MAX = 5000
TITLE_CHARS_MAX = 80


def keep_nothing() -> Collection[str]:
    """No clip is referred to."""
    return ()


class ClipStore:
    """The clips of one station.

    `kept` gives the clips that orders and presets refer to, `pinned` those that an emergency needs:
    these never make room for others.
    """

    def __init__(
        self,
        media: Path,
        *,
        quota_bytes: int = QUOTA_BYTES,
        kept: Callable[[], Collection[str]] = keep_nothing,
        pinned: Callable[[], Collection[str]] = keep_nothing,
        spare: Path | None = None,
    ) -> None:
        """Read the list, and remove what a stop has left half made.

        `spare` is a folder in memory, for what is made while the disk does not work.
        """
        self.media = media
        self._spare = spare
        self._elsewhere: dict[str, Path] = {}
        self.error: Exception | None = None
        # Why clips are not kept on the disk; why their titles were lost.
        self.titles: Exception | None = None

        self._held: dict[str, StoredClip] = {}
        self.kept = kept
        self._pinned = pinned
        self._quota = quota_bytes
        self._making = media / "making"
        self._lock = asyncio.Lock()
        shutil.rmtree(self._making, ignore_errors=True)
        if spare is not None:
            shutil.rmtree(spare, ignore_errors=True)
        try:
            self._making.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.error("clips cannot be kept: %s", error)  # noqa: TRY400  # said whole
            self.error = error
        self._index = self._read()

    def clip(self, sha: str) -> StoredClip:
        """Get a clip by its hash; UsageError if there is none."""
        entry = self._index.entries.get(sha)
        if entry is None:
            raise NotFound("clip.unknown", sha=sha[:12])
        self._index.touch(sha)
        return self._clip(entry)

    def find(self, key: str) -> StoredClip | None:
        """The clip of a key (a text, a chime's name), if it still exists."""
        entry = self._index.find(key)
        return None if entry is None else self.clip(entry.sha)

    def clips(self, kind: ClipKind | None = None) -> tuple[StoredClip, ...]:
        """All clips, the last used first."""
        entries = reversed(self._index.entries.values())
        return tuple(self._clip(each) for each in entries if kind in (None, each.kind))

    def size(self) -> int:
        """Bytes of all clips."""
        return self._index.size()

    async def store_upload(self, upload: AsyncIterable[bytes], name: str) -> StoredClip:
        """Store an upload, decoded and levelled; UsageError says why it cannot be used."""
        with self.workshop(lasting=True) as folder:
            brought = folder / "brought"
            await receive_upload(upload, brought, BYTES_MAX)
            made = await decode_to_wav(brought, folder)
            return await self.put(made, title=upload_title(name), kind=ClipKind.UPLOAD)

    async def chime(self, name: str) -> StoredClip:
        """The chime of that name (`chime.NAMES`), made at its first use."""
        if name not in chime.NAMES:
            raise UsageError("clip.no-chime", name=name, known=chime.NAMES)
        key = f"chime {name} {chime.VERSION}"
        if (found := self.find(key)) is not None and os.access(found.path, os.R_OK):
            return found
        if name in self._held:
            return self._held[name]
        pcm = await asyncio.to_thread(chime.make_chime, name)
        for _ in range(2):  # on the disk, else in the folder in memory
            try:
                return await self.put_pcm(pcm, title=name, key=key)
            except (OSError, StationError) as error:
                log.error("the chime %s cannot be kept: %s", name, error)  # noqa: TRY400  # said whole
        self._held[name] = _in_memory(pcm, name)
        return self._held[name]

    async def put_pcm(
        self, pcm: bytes, *, title: str, kind: ClipKind = ClipKind.MADE, key: str = ""
    ) -> StoredClip:
        """Store sound (16 kHz, mono, s16)."""
        with self.workshop() as folder:
            made = folder / "made.wav"
            await asyncio.to_thread(made.write_bytes, wav_bytes(pcm))
            return await self.put(made, title=title, kind=kind, key=key)

    async def put(
        self, made: Path, *, title: str, kind: ClipKind = ClipKind.MADE, key: str = ""
    ) -> StoredClip:
        """Store a canonical file (it is moved); the least needed clips make room for it."""
        assert is_canonical(made), made
        try:
            return await self._put(made, title=title, kind=kind, key=key)
        except OSError as error:  # from now on in memory
            if self._spare is not None and not made.is_relative_to(self._spare):
                self.error = error
            raise

    async def _put(self, made: Path, *, title: str, kind: ClipKind, key: str) -> StoredClip:
        seal = partial(_seal, made)
        if self._spare is None or not made.is_relative_to(self._spare):
            seal = partial(run_in_time, seal, SEALED_S)
        sha, size = await asyncio.to_thread(seal)
        async with self._lock:
            entry = ClipEntry(sha, title[:TITLE_CHARS_MAX], kind, size)
            if sha not in self._index.entries or not self._path(sha).exists():
                await self._lay(made, sha, size)
            self._index.add(entry, key)
            await self._list()
            return self._clip(self._index.entries[sha])

    async def lead(self, key: str, sha: str) -> None:
        """Let this key lead to that clip from now on."""
        self.clip(sha)
        async with self._lock:
            self._index.keys[key] = sha
            await self._list()

    async def remove(self, sha: str) -> None:
        """Remove a clip; UsageError if it is referred to."""
        self.clip(sha)
        if sha in self._needed():
            raise UsageError("clip.in-use", sha=sha[:12])
        async with self._lock:
            await self._drop(sha)
            await self._list()

    @contextlib.contextmanager
    def workshop(self, *, lasting: bool = False) -> Iterator[Path]:
        """A folder to make something in, removed afterwards.

        It is on the store's own disk, or in memory while that does not work, but never for what
        must last, such as an upload. Unavailable if there is no room at all.
        """
        bench = self._bench(lasting=lasting)
        with tempfile.TemporaryDirectory(dir=bench, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _bench(self, *, lasting: bool) -> Path:
        with contextlib.suppress(OSError):
            self._making.mkdir(parents=True, exist_ok=True)
            room = os.statvfs(self._making)
            roomy = not self._failing and room.f_bavail * room.f_frsize >= ROOM_BYTES_MIN
            if os.access(self._making, os.W_OK) and (roomy or lasting or self._spare is None):
                return self._making
        if self._spare is None or lasting:
            raise Unavailable("clip.no-disk")
        self._spare.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._spare

    @property
    def _failing(self) -> bool:
        """Whether the disk does not work; one that is full may have room again."""
        return isinstance(self.error, OSError) and self.error.errno != errno.ENOSPC

    async def _lay(self, made: Path, sha: str, size: int) -> None:
        """Move the file to its place: on the disk, or in memory where it was made."""
        if self._spare is None or not made.is_relative_to(self._spare):
            await self._make_room(size)
            await asyncio.to_thread(os.replace, made, self.media / f"{sha}.wav")
            self._elsewhere.pop(sha, None)
            return
        while self._elsewhere and self._spared() + size > SPARE_BYTES_MAX:
            await self._drop(self._least_needed(size))
        path = self._spare / f"{sha}.wav"
        await asyncio.to_thread(os.replace, made, path)
        self._elsewhere[sha] = path

    def _least_needed(self, size: int) -> str:
        """The clip that makes room in memory: first those not referred to, never pinned ones."""
        pinned, kept = self._pinned(), self.kept()
        may_go = [sha for sha in self._elsewhere if sha not in pinned]
        if not may_go:
            raise Unavailable("clip.no-room", missing_mb=round(size / 1e6, 1))
        return next((sha for sha in may_go if sha not in kept), may_go[0])

    def _needed(self) -> set[str]:
        return {*self.kept(), *self._pinned()}

    def _spared(self) -> int:
        return sum(
            self._index.entries[sha].size for sha in self._elsewhere if sha in self._index.entries
        )

    async def _list(self) -> None:
        """Write the list; a lost one costs titles, never sound."""
        try:
            body = msgspec.json.encode(self._index)
            await asyncio.to_thread(run_in_time, partial(self._write, body))
        except OSError as error:
            log.warning("the list of clips cannot be written: %s", error)

    async def _make_room(self, size: int) -> None:
        needed = self._needed()
        going = self._index.evictable(size, self._quota, needed)
        if not going and len(self._index.entries) >= CLIPS_MAX:
            going = self._index.evictable(self._quota - self._index.size() + 1, self._quota, needed)
        for sha in going:
            await self._drop(sha)

    async def _drop(self, sha: str) -> None:
        self._index.remove(sha)
        path = self._elsewhere.pop(sha, self.media / f"{sha}.wav")
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _write(self, listed: bytes) -> None:
        """Write in one step: after a power cut it is the old list or the new one."""
        fresh = self._making / "shelf.json"
        fresh.write_bytes(listed)
        _sync(fresh)
        fresh.replace(self.media / "shelf.json")

    def _read(self) -> ClipIndex:
        """Read the list as far as the files confirm it; files that it lacks count as uploads."""
        try:
            index = msgspec.json.decode((self.media / "shelf.json").read_bytes(), type=ClipIndex)
        except FileNotFoundError:
            index = ClipIndex()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the list of clips is damaged, their titles are lost: %s", error)
            self.titles = error
            index = ClipIndex()
        lying = {path.stem: path for path in self.media.glob("*.wav") if _sound(path)}
        for sha in set(index.entries) - set(lying):
            index.remove(sha)
        for sha in sorted(set(lying) - set(index.entries)):
            index.add(ClipEntry(sha, sha[:12], ClipKind.UPLOAD, lying[sha].stat().st_size))
        return index

    def _path(self, sha: str) -> Path:
        return self._elsewhere.get(sha, self.media / f"{sha}.wav")

    def _clip(self, entry: ClipEntry) -> StoredClip:
        return StoredClip(entry.sha, self._path(entry.sha), wav_seconds(entry.size), entry.title)


def _in_memory(pcm: bytes, title: str) -> StoredClip:
    """A clip without a disk, which the audio process opens through this process."""
    file = os.memfd_create("chime", os.MFD_CLOEXEC)
    sound = wav_bytes(pcm)
    with os.fdopen(os.dup(file), "wb") as writing:
        writing.write(sound)
    return StoredClip("", Path(f"/proc/{os.getpid()}/fd/{file}"), wav_seconds(len(sound)), title)


def _sound(path: Path) -> bool:
    """Whether that is a clip that can be read."""
    try:
        return is_canonical(path)
    except OSError:
        return False


def _seal(path: Path) -> tuple[str, int]:
    _sync(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
