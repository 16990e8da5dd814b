"""Broken starts: what may have become of disk, journal, state, papers, clock, settings and media.

Each `Break` damages the state of a station that has lived, or the disk below it, and says by which
words the station must name it.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.options import JournalOptions, StateChange
from tests.proof import shim
from tests.proof.small_disk import fill

ROOMS = {
    "broadcast": "order/x",
    "broadcast-presets": "long",
    "broadcast-schedules": "=seen",
    "broadcast-volume": "all",
    "broadcast-tests": "last",
    "broadcast-replaced": "ids",
    "requests": "head",
    "rules": "head",
    "intake": "contact/di/fire",
    "access": "account/0217",
    "audit": "head",
    "setup": "di.fire",
    "doctor": "told",
    "settings": "told",
    "inbox-district": "floor",
}


HOSTILE = (b"?", b"", b"[1,2", b"\xff\xfe", b"9" * 5_000, b"{}", b"[" * 5_000)
# What is no damage there: nothing stands open, nothing was taken yet.
SOUND = {("doctor", b"{}"), ("inbox-district", b"")}


class Place(NamedTuple):
    """One station's folder: `station.toml` and `state/`, and what its process is given."""

    folder: Path
    rng: random.Random
    environ: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def settings(self) -> Path:
        return self.folder / "station.toml"

    def key(self, name: str) -> Path:
        return self.state / "keys" / name


class Break(NamedTuple):
    """One way to break a start; `disk`: of so many MiB of memory, mounted for it before."""

    name: str
    do: Callable[[Place], None]
    named: str = ""
    disk: int = 0


def _rows(place: Place, *rows: tuple[str, str, bytes]) -> None:
    core = JournalCore(
        place.state / "journal.db",
        station="under-test",
        options=JournalOptions(quota_mb=16),
        clock=Clock.open(place.folder / "elsewhere"),
        retaining=["district"],
    )
    core.commit([AppendRequest((), tuple(StateChange(*row) for row in rows))])
    core.close()


def _row(room: str, key: str) -> Break:
    def do(place: Place) -> None:
        bad = [body for body in HOSTILE if (room, body) not in SOUND]
        _rows(place, (room, key, place.rng.choice(bad)))

    return Break(f"state row of {room}", do, f"state.{room}")


def _all_rows(place: Place) -> None:
    _rows(place, *((room, key, b"?") for room, key in ROOMS.items()))


def _position(place: Place) -> None:
    _rows(place, ("journal", "follower/district", b"?"))


def _put(path: Callable[[Place], Path], body: bytes, mode: int = 0o600) -> Callable[[Place], None]:
    def do(place: Place) -> None:
        _clear(path(place))
        path(place).write_bytes(body)
        path(place).chmod(mode)

    return do


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _folder(path: Callable[[Place], Path]) -> Callable[[Place], None]:
    def do(place: Place) -> None:
        _clear(path(place))
        path(place).mkdir()

    return do


def _gone(path: Callable[[Place], Path]) -> Callable[[Place], None]:
    return lambda place: _clear(path(place))


def _state(name: str) -> Callable[[Place], Path]:
    return lambda place: place.state / name


def _key(name: str) -> Callable[[Place], Path]:
    return lambda place: place.key(name)


def _bits(place: Place) -> None:
    """A few bytes of the journal are others."""
    with (place.state / "journal.db").open("r+b") as file:
        size = file.seek(0, 2)
        for _ in range(20):
            file.seek(place.rng.randrange(1024, size))
            file.write(place.rng.randbytes(1))


def _half(place: Place) -> None:
    path = place.state / "journal.db"
    os.truncate(path, path.stat().st_size // 2)


def _empty(place: Place) -> None:
    shutil.rmtree(place.state / "media", ignore_errors=True)
    for path in place.state.iterdir():
        if path.name != "keys":
            _clear(path)


def _full(place: Place) -> None:
    fill(place.state)


def _full_and_empty(place: Place) -> None:
    _empty(place)
    fill(place.state)


def _one_mib(place: Place) -> None:
    """A first start on a disk that is too small for a journal."""
    _empty(place)
    subprocess.run(["mount", "-o", "remount,size=1m", place.state], check=True)


def _read_only(place: Place) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place.state], check=True)


def _read_only_and_empty(place: Place) -> None:
    _empty(place)
    _read_only(place)


def _dead(place: Place) -> None:
    """Every sync fails from the first on."""
    place.environ.update(shim.environment(place.state, fail="sync:1:5:forever"))


def _hanging(place: Place) -> None:
    """No sync ever returns."""
    busy = place.folder / "busy"
    busy.write_bytes(b"\0\1")
    place.environ.update(shim.environment(place.state, busy=busy))


def _hanging_and_empty(place: Place) -> None:
    _empty(place)
    _hanging(place)


def _edited(*pairs: tuple[str, str]) -> Callable[[Place], None]:
    """The file was edited, and so was what stands in the history as accepted: it is an old one."""

    def do(place: Place) -> None:
        text = place.settings.read_text("utf-8")
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        place.settings.write_text(text, "utf-8")

    return do


def _without_history(do: Callable[[Place], None]) -> Callable[[Place], None]:
    def both(place: Place) -> None:
        do(place)
        shutil.rmtree(place.state / "settings")

    return both


def _held_port(place: Place) -> None:
    place.environ["HOLD_THE_PORT"] = "1"


BAD_BUS = ('kind = "serial"', 'kind = "serail"')
ODD = ("[rule.nervous]", '[bus.odd]\nkind = "telepathy"\n[rule.nervous]')
JOURNAL = "journal|feed.epoch|disk|volatile"

DISKS = (
    Break("full disk", _full, "disk-full|start.record|refus", disk=64),
    Break("full disk, first start", _full_and_empty, "disk-full|volatile|start.record", disk=64),
    Break("read-only disk", _read_only, "disk-read-only|volatile", disk=64),
    Break("read-only disk, first start", _read_only_and_empty, "read-only|volatile", disk=64),
    Break("disk of one MiB", _one_mib, "volatile|disk", disk=64),
    Break("dead disk", _dead, "volatile"),
    Break("hanging disk", _hanging, "volatile"),
    Break("hanging disk, first start", _hanging_and_empty, "volatile"),
    Break("state is a file", _put(lambda place: place.state, b"x"), "volatile|storage"),
    Break("first start", _empty),
)
JOURNALS = (
    Break("journal of garbage", _put(_state("journal.db"), bytes(range(256)) * 4096), ""),
    Break("journal of no bytes", _put(_state("journal.db"), b""), ""),
    Break("journal cut in half", _half, ""),
    Break("journal with other bytes", _bits, ""),
    Break("journal is a folder", _folder(_state("journal.db")), "volatile|journal"),
    Break("journal is gone", _gone(_state("journal.db")), ""),
    Break("its log is garbage", _put(_state("journal.db-wal"), b"x" * 9_000), ""),
    Break("damage was marked", _put(_state("journal.db-damaged"), b""), ""),
    Break("a salvage was cut off", _put(_state("journal.fresh.db"), b"x" * 9_000), ""),
    Break("the lock file is a folder", _folder(_state("journal.lock")), ""),
)
STATES = (
    *(_row(room, key) for room, key in ROOMS.items()),
    Break("a row of every room", _all_rows, "state.rules"),
    Break("the position of the platform", _position, ""),
)
PAPERS = (
    Break("no credential", _gone(_key("district")), "refused"),
    Break("credential for all to read", _put(_key("district"), b"token", 0o644), "refused"),
    Break("credential of garbage", _put(_key("district"), b"\x00\xff\x80"), "refused"),
    Break("credential is a folder", _folder(_key("district")), "refused"),
    Break("private key of another size", _put(_key("private.key"), b"short"), "private"),
    Break("private key for all to read", _put(_key("private.key"), b"k" * 32, 0o644), "private"),
    Break("claim key of another size", _put(_key("claim.key"), b"short"), ""),
    Break("authority of garbage", _put(_key("tls-authority.pem"), b"no key"), "web.certificate"),
    Break("certificate of garbage", _put(_key("tls.pem"), b"no key"), "web.certificate"),
    Break("certificate is a folder", _folder(_key("tls.pem")), "web.certificate"),
    Break("command key of garbage", _put(_key("district.command-key"), b"\xff"), ""),
    Break("copy of the accounts of garbage", _put(_key("accounts.json"), b"\xff["), ""),
    Break("keys is a file", _put(_state("keys"), b"x"), "private"),
    Break("personal fields of garbage", _put(_state("private.db"), b"x" * 9_000), "private"),
    Break("personal fields are a folder", _folder(_state("private.db")), "private"),
)
CLOCKS = (
    Break("no floor", _gone(_state("clock-floor")), ""),
    Break("floor of 2099", _put(_state("clock-floor"), b"4070908800000000000\n"), ""),
    Break("floor of no time", _put(_state("clock-floor"), b"9" * 3_000), ""),
    Break("floor of garbage", _put(_state("clock-floor"), b"\xff\x00"), ""),
    Break("floor is a folder", _folder(_state("clock-floor")), ""),
)
SETTINGS = (
    Break("settings are no TOML", _put(lambda p: p.settings, b"schema = "), "settings.fallback"),
    Break("settings are binary", _put(lambda p: p.settings, b"\xff\xfe\x00"), "settings.fallback"),
    Break("settings are gone", _gone(lambda p: p.settings), "settings.fallback"),
    Break("settings are a folder", _folder(lambda p: p.settings), "settings.fallback"),
    Break("settings were edited into mistakes", _edited(BAD_BUS), "settings.fallback"),
    Break("settings of another release", _without_history(_edited(ODD)), "settings.left-out"),
    Break("unknown section", _without_history(_edited(("[duty]", "[dutty]"))), "left-out"),
    Break("history of garbage", _put(_state("settings/history.json"), b"\xff["), "history"),
    Break("trial of garbage", _put(_state("settings/trial.json"), b"\xff["), "history"),
    Break("trial of nothing", _put(_state("settings/trial.json"), b"{}"), "history"),
    Break("settings' history is a file", _put(_state("settings"), b"x"), "history"),
    Break("its lock is a folder", _folder(_state("settings/lock")), ""),
)
MEDIA = (
    Break("media is a file", _put(_state("media"), b"x"), "broadcast.media"),
    Break("list of clips of garbage", _put(_state("media/shelf.json"), b"\xff["), "cast.media"),
    Break("clips are gone", _gone(_state("media")), ""),
    Break("making is a file", _put(_state("media/making"), b"x"), "broadcast.media"),
    Break("a port is held", _held_port, "start.pages"),
)
SINGLE = (*DISKS, *JOURNALS, *STATES, *PAPERS, *CLOCKS, *SETTINGS, *MEDIA)


def pairs(rng: random.Random, count: int) -> list[tuple[Break, ...]]:
    """Two or three at once, of different kinds."""
    kinds = ((DISKS[0], DISKS[2], DISKS[5]), JOURNALS, STATES, PAPERS, CLOCKS, SETTINGS, MEDIA)
    found = []
    for _ in range(count):
        chosen = rng.sample(range(len(kinds)), rng.choice((2, 2, 3)))
        some = [rng.choice(kinds[kind]) for kind in sorted(chosen, reverse=True)]
        found.append(tuple(some))
    return found
