"""What should stand on a machine that is a station: the steps, in order."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from drivers.shelf import shared
from gateway.appliance.install.sandbox import Dropin
from gateway.appliance.install.steps import (
    Absent,
    Accounts,
    File,
    Folder,
    Link,
    Owner,
    Program,
    Step,
)
from gateway.appliance.load import FILE_NAME

UNITS = "usr/lib/systemd/system"
DROPINS = {
    unit: f"etc/systemd/system/{unit}.d/50-station.conf"
    for unit in ("yizhan.service", "yizhan-audio.service")
}
SETTINGS = "etc/yizhan"
STATE = "var/lib/yizhan"
USERS = ("yizhan", "yizhan-kiosk")

Kiosk = Literal["cog", "chromium", "none"]

_ROOTS = (
    Path(__file__).parents[3] / "systemd",
    Path(sys.prefix) / "share" / "yizhan" / "systemd",
)
_PLACES = {
    "yizhan.service": f"{UNITS}/yizhan.service",
    "yizhan-audio.service": f"{UNITS}/yizhan-audio.service",
    "yizhan-prepare.service": f"{UNITS}/yizhan-prepare.service",
    "yizhan-kiosk-cog.service": f"{UNITS}/yizhan-kiosk-cog.service",
    "yizhan-kiosk-chromium.service": f"{UNITS}/yizhan-kiosk-chromium.service",
    "sysusers.conf": "usr/lib/sysusers.d/yizhan.conf",
    "tmpfiles.conf": "usr/lib/tmpfiles.d/yizhan.conf",
    "udev.rules": "usr/lib/udev/rules.d/61-yizhan.rules",
}
_JOURNALD = ("journald.conf", "usr/lib/systemd/journald.conf.d/50-yizhan.conf")
_POLICY = ("chromium-policy.json", "etc/chromium/policies/managed/yizhan.json")


class Wish(NamedTuple):
    """What the installer chose."""

    kiosk: Kiosk = "none"
    keep_logs: bool = False
    """Leave the machine's log where it is, instead of in bounded memory."""
    as_shipped: bool = False
    """No narrowing: while the setup pages still change the wiring."""


def source(name: str) -> bytes:
    """A file of `systemd/`: in the checkout, else in the installed prefix."""
    places = [root / name for root in _ROOTS]
    return next((place for place in places if place.is_file()), places[-1]).read_bytes()


def steps(wish: Wish, dropins: Mapping[str, Dropin]) -> Iterator[Step]:
    """Every step, in an order in which each finds what it needs; `dropins` are by unit."""
    yield Program("opt/yizhan/bin/yizhan")
    for name, path in _PLACES.items():
        yield File(path, source(name))
    if not wish.keep_logs:
        yield File(_JOURNALD[1], source(_JOURNALD[0]))
    yield Accounts(USERS, source("sysusers.conf"))
    yield Folder(SETTINGS, 0o750, USERS[0], data=True)
    yield Folder(STATE, 0o700, USERS[0], data=True)
    yield File(f"{SETTINGS}/station.example.toml", shared("station.example.toml").read_bytes())
    yield Owner(f"{SETTINGS}/{FILE_NAME}", USERS[0])
    for unit, path in DROPINS.items():
        if wish.as_shipped:
            yield Absent(path)
        elif unit in dropins:
            yield File(path, dropins[unit].text.encode())
        yield _enable(unit)
    if wish.kiosk == "chromium":
        yield File(_POLICY[1], source(_POLICY[0]))
    if wish.kiosk != "none":
        yield _enable(f"yizhan-kiosk-{wish.kiosk}.service")


def _enable(unit: str) -> Link:
    return Link(f"etc/systemd/system/multi-user.target.wants/{unit}", f"/{UNITS}/{unit}")
