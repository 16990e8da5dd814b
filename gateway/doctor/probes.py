"""Asks the machine: /proc, /sys, the file system, systemd. Nothing is judged here.

`root` precedes every path, so that a test can seed a machine with files. What a sandbox hides, or a
board lacks, is None.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gateway.doctor.disks import disk_facts
from gateway.doctor.model.facts import FileFacts, MachineFacts, MemoryFacts, PortFacts, UnitFacts
from gateway.doctor.permissions import UserRights

OURS = ("broadcast", "drivers", "gateway", "kiosk")
OUR_DISTRIBUTIONS = frozenset({"yizhan", "yizhan_tools"})
PROGRAMS = ("espeak-ng", "ffmpeg")
UNITS = ("yizhan.service", "yizhan-audio.service")
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
SCREENS = "etc/systemd/system/multi-user.target.wants/yizhan-kiosk-*.service"
WATCHDOG = "sys/class/watchdog/watchdog0"
CGROUP = "sys/fs/cgroup/system.slice/yizhan.service"
SYSTEMCTL_WITHIN_S = 5.0


class ProbeTargets(NamedTuple):
    """Where to look: the settings file, the state's folder, the serial ports by bus."""

    file: Path
    state: Path
    ports: tuple[tuple[str, str], ...] = ()
    root: Path = Path("/")


def probe_machine(
    asked: ProbeTargets, *, units: tuple[UnitFacts, ...] | None = None
) -> MachineFacts:
    """Everything that can be asked here; takes milliseconds."""
    root, rights = asked.root, UserRights.for_station()
    return MachineFacts(
        temperature_c=temperature_c(root),
        throttled=throttled(root),
        memory=memory(root),
        disk=disk_facts(asked.state, root, up_s=time.clock_gettime(time.CLOCK_BOOTTIME)),
        packages=foreign_packages(),
        programs={name: shutil.which(name) is not None for name in PROGRAMS},
        bluetooth=bluetooth(root),
        ports=tuple(_port(bus, path, rights) for bus, path in asked.ports),
        held=tuple(file_facts(asked.file, asked.state, rights)),
        units=units,
        watchdog=_text(root / WATCHDOG / "state"),
    )


def temperature_c(root: Path) -> float | None:
    """The hottest sensor, in °C."""
    texts = [_text(path) for path in root.glob("sys/class/thermal/thermal_zone*/temp")]
    found = [int(text) for text in texts if text and text.lstrip("-").isdecimal()]
    return max(found) / 1000 if found else None


def throttled(root: Path) -> int | None:
    """A Pi's `get_throttled` word."""
    text = _text(root / THROTTLED)
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        return None


def memory(root: Path) -> MemoryFacts:
    """Free memory, and the usage of the station's unit if systemd measures it."""
    lines = (_text(root / "proc/meminfo") or "").splitlines()
    sizes = {
        name: int(rest.split()[0]) * 1024
        for name, colon, rest in (line.partition(":") for line in lines)
        if colon and rest.split()[:1] and rest.split()[0].isdecimal()
    }
    events = dict(line.split(" ", 1) for line in _lines(root / CGROUP / "memory.events"))
    return MemoryFacts(
        total=sizes.get("MemTotal"),
        available=sizes.get("MemAvailable"),
        ours=_number(root / CGROUP / "memory.current"),
        limit=_number(root / CGROUP / "memory.high"),
        kills=int(events.get("oom_kill", "0")),
    )


def bluetooth(root: Path) -> bool | None:
    """Whether the kernel has an adapter; None if unknown."""
    if not (root / "sys/class").is_dir():
        return None
    return any(root.glob("sys/class/bluetooth/hci*"))


@cache
def foreign_packages(folders: tuple[str, ...] = tuple(sys.path)) -> dict[str, tuple[str, ...]]:
    """Our import names that another distribution also provides, with its name.

    Read from the lists of installed files: `importlib.metadata` would cost 2 MB.
    """
    found: dict[str, set[str]] = {}
    for folder in folders:
        for record in Path(folder).glob("*.dist-info/RECORD"):
            distribution = record.parent.name.partition("-")[0]
            if distribution not in OUR_DISTRIBUTIONS:
                for name in _brought(record).intersection(OURS):
                    found.setdefault(name, set()).add(distribution)
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _brought(record: Path) -> set[str]:
    """The top-level folders and modules of a distribution."""
    try:
        with record.open(encoding="utf-8", errors="replace") as files:
            return {file.partition(",")[0].partition("/")[0].removesuffix(".py") for file in files}
    except OSError:
        return set()


def file_facts(file: Path, state: Path, rights: UserRights) -> Iterator[FileFacts]:
    """The state, its keys and the settings: who may read and write them."""
    yield from _held([state, state / "keys"], rights)
    keys = state / "keys"
    if os.access(keys, os.R_OK | os.X_OK):
        yield from _held(sorted(path for path in keys.iterdir() if path.is_file()), rights)
    yield from _held([file], rights, secret=False)


def _held(paths: Iterable[Path], rights: UserRights, *, secret: bool = True) -> Iterator[FileFacts]:
    for path in paths:
        try:
            found = path.stat()
        except OSError:  # not made yet, or not for the eyes of whoever asks
            continue
        yield FileFacts(str(path), found.st_mode & 0o7777, rights.may_write(found), secret)


def _port(bus: str, path: str, rights: UserRights) -> PortFacts:
    try:
        found = Path(path).stat()
    except OSError:
        return PortFacts(bus, path, exists=False, allowed=False)
    return PortFacts(bus, path, exists=True, allowed=rights.may_use(found))


def unit_facts(root: Path = Path("/")) -> tuple[UnitFacts, ...] | None:
    """The view of systemd on our units; None without systemd or without them."""
    if not (root / "run/systemd/system").is_dir():
        return None
    screens = sorted(path.name for path in root.glob(SCREENS))
    found = [unit for name in (*UNITS, *screens) if (unit := _unit(name)) is not None]
    return tuple(found) or None


def _unit(name: str) -> UnitFacts | None:
    command = ("systemctl", "show", name, "--property=LoadState,ActiveState,Result,NRestarts")
    try:
        ran = subprocess.run(  # noqa: S603  # the command stands above
            command, capture_output=True, text=True, check=False, timeout=SYSTEMCTL_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    if told.get("LoadState") != "loaded":
        return None
    restarts = told.get("NRestarts", "")
    return UnitFacts(
        name,
        told.get("ActiveState", ""),
        told.get("Result", ""),
        int(restarts) if restarts.isdecimal() else 0,
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _lines(path: Path) -> list[str]:
    return [line for line in (_text(path) or "").splitlines() if " " in line]


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and text.isdecimal() else None
