"""The steps that make a machine a station, in order."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import gateway
from drivers.data_files import config_path
from gateway.config.paths import FILE_NAME
from gateway.install.manifest import Manifest
from gateway.install.sandbox import HEAD, Dropin
from gateway.install.steps import (
    AbsenceStep,
    FileStep,
    FirstFileStep,
    FolderStep,
    InstallStep,
    LinkStep,
    OwnerStep,
    ProgramStep,
    UsersStep,
)

UNITS = "usr/lib/systemd/system"
GATEWAY, AUDIO = "yizhan.service", "yizhan-audio.service"
DROPINS = {unit: f"etc/systemd/system/{unit}.d/50-station.conf" for unit in (GATEWAY, AUDIO)}
SETTINGS = "etc/yizhan"
STATE = "var/lib/yizhan"
USERS = ("yizhan", "yizhan-kiosk")

KioskBrowser = Literal["cog", "chromium", "none"]

# The programs that each screen needs; Debian's packages have the same names.
BROWSERS: dict[KioskBrowser, tuple[str, ...]] = {"cog": ("cog",), "chromium": ("cage", "chromium")}

# Restarts the browser of a screen that has fallen silent.
WATCH = "yizhan-screen.path"

# Where the shipped screens look for the station's page.
USUAL_PORT = 8080

_ROOTS = (
    Path(gateway.__file__).parents[1] / "systemd",
    Path(sys.prefix) / "share" / "yizhan" / "systemd",
)
_PLACES = {
    "yizhan.service": f"{UNITS}/yizhan.service",
    "yizhan-audio.service": f"{UNITS}/yizhan-audio.service",
    "yizhan-prepare.service": f"{UNITS}/yizhan-prepare.service",
    "yizhan-kiosk-cog.service": f"{UNITS}/yizhan-kiosk-cog.service",
    "yizhan-kiosk-chromium.service": f"{UNITS}/yizhan-kiosk-chromium.service",
    "yizhan-screen.path": f"{UNITS}/yizhan-screen.path",
    "yizhan-screen.service": f"{UNITS}/yizhan-screen.service",
    "yizhan.preset": "usr/lib/systemd/system-preset/50-yizhan.preset",
    "sysusers.conf": "usr/lib/sysusers.d/yizhan.conf",
    "tmpfiles.conf": "usr/lib/tmpfiles.d/yizhan.conf",
    "udev.rules": "usr/lib/udev/rules.d/61-yizhan.rules",
}
WATCHDOG = "usr/lib/systemd/system.conf.d/50-yizhan.conf"
_JOURNALD = ("journald.conf", "usr/lib/systemd/journald.conf.d/50-yizhan.conf")
_POLICY = ("chromium-policy.json", "etc/chromium/policies/managed/yizhan.json")


class InstallChoices(NamedTuple):
    """What the installer chose."""

    kiosk: KioskBrowser = "none"

    # Leave the machine's log where it is, instead of in bounded memory.
    keep_logs: bool = False
    # Do not narrow the units while the setup pages still change the wiring.
    wiring: bool = False
    # Settings that have yet to be written.
    first: bytes = b""
    # The port of the station's page, for the screen.
    port: int = USUAL_PORT


def wants_link(unit: str) -> str:
    """The link that starts a unit at boot."""
    return f"etc/systemd/system/multi-user.target.wants/{unit}"


def screen_unit(kiosk: str) -> str:
    """The unit of a screen."""
    return f"yizhan-kiosk-{kiosk}.service"


def enabled_screen(manifest: Manifest) -> KioskBrowser:
    """The screen that was chosen before."""
    found = (each for each in BROWSERS if manifest.find(wants_link(screen_unit(each))))
    return next(found, "none")


def unit_source(name: str) -> bytes:
    """A file of `systemd/`: in the checkout, else in the installed prefix."""
    places = [root / name for root in _ROOTS]
    return next((place for place in places if place.is_file()), places[-1]).read_bytes()


def install_steps(wish: InstallChoices, dropins: Mapping[str, Dropin]) -> Iterator[InstallStep]:
    """All steps, in an order in which each finds what it needs; `dropins` are by unit."""
    yield ProgramStep("opt/yizhan/bin/yizhan")
    for name, path in _PLACES.items():
        yield FileStep(path, unit_source(name))
    yield (
        AbsenceStep(_JOURNALD[1])
        if wish.keep_logs
        else FileStep(_JOURNALD[1], unit_source(_JOURNALD[0]))
    )
    yield FileStep(WATCHDOG, unit_source("watchdog.conf"))
    yield UsersStep(USERS, unit_source("sysusers.conf"))
    yield FolderStep(SETTINGS, 0o750, USERS[0], data=True)
    yield FolderStep(STATE, 0o700, USERS[0], data=True)
    yield FileStep(
        f"{SETTINGS}/station.example.toml", config_path("station.example.toml").read_bytes()
    )
    if wish.first:
        yield FirstFileStep(f"{SETTINGS}/{FILE_NAME}", wish.first, USERS[0])
    yield OwnerStep(f"{SETTINGS}/{FILE_NAME}", USERS[0])
    for unit, path in DROPINS.items():
        if unit in dropins:
            yield FileStep(path, dropins[unit].text.encode())
        elif wish.wiring:
            yield AbsenceStep(path)
        yield _enable(unit)
    yield from _screens(wish)


def _screens(wish: InstallChoices) -> Iterator[InstallStep]:
    """At most one screen: the other one and its files are removed."""
    for each in BROWSERS:
        if each != wish.kiosk:
            yield AbsenceStep(wants_link(screen_unit(each)))
        moved = f"etc/systemd/system/{screen_unit(each)}.d/50-station.conf"
        if each == wish.kiosk and wish.port != USUAL_PORT:
            yield FileStep(
                moved, _at_port(unit_source(screen_unit(each)).decode(), wish.port).encode()
            )
        else:
            yield AbsenceStep(moved)
    policy = unit_source(_POLICY[0]).decode().replace(f":{USUAL_PORT}", f":{wish.port}")
    yield (
        FileStep(_POLICY[1], policy.encode())
        if wish.kiosk == "chromium"
        else AbsenceStep(_POLICY[1])
    )
    if wish.kiosk == "none":
        yield AbsenceStep(wants_link(WATCH))
    else:
        yield _enable(screen_unit(wish.kiosk))
        yield _enable(WATCH)


def _at_port(unit: str, port: int) -> str:
    """A drop-in that starts the same browser on another port."""
    (command,) = re.findall(r"^ExecStart=(?:.*\\\n)*.*$", unit, re.MULTILINE)
    there = command.replace(f":{USUAL_PORT}/", f":{port}/")
    return f"{HEAD}ExecStart=\n{there}\n"


def _enable(unit: str) -> LinkStep:
    return LinkStep(wants_link(unit), f"/{UNITS}/{unit}")
