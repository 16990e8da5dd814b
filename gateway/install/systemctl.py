"""The commands that a running systemd needs after files have changed."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.install.plan import BROWSERS, WATCH, WATCHDOG, screen_unit, wants_link
from gateway.toml import Phrase

RUNNING = Path("/run/systemd/system")


class SystemctlCommand(NamedTuple):
    """One command and its purpose."""

    purpose: Phrase
    command: tuple[str, ...]


RELOAD = SystemctlCommand(Phrase("install.order-reload"), ("systemctl", "daemon-reload"))


def systemd_runs(root: Path) -> bool:
    """Whether systemd runs this root right now."""
    return root == Path("/") and RUNNING.is_dir()


def systemctl_commands(
    changed: Iterable[str], *, settings: bool, kiosk: str
) -> Iterator[SystemctlCommand]:
    """The commands that follow from changed paths; without settings nothing is started."""
    paths = tuple(changed)
    if not paths:
        return
    yield RELOAD
    if any("journald" in path for path in paths):
        command = ("systemctl", "restart", "systemd-journald.service")
        yield SystemctlCommand(Phrase("install.order-logs"), command)
    if any("udev" in path for path in paths):
        yield SystemctlCommand(Phrase("install.order-names"), ("udevadm", "control", "--reload"))
        command = ("udevadm", "trigger", "--subsystem-match=tty")
        yield SystemctlCommand(Phrase("install.order-names"), command)
    if WATCHDOG in paths:
        yield SystemctlCommand(Phrase("install.order-watchdog"), ("systemctl", "daemon-reexec"))
    if kiosk == "none" and any(wants_link(screen_unit(each)) in paths for each in BROWSERS):
        units = (WATCH, *map(screen_unit, BROWSERS))
        yield SystemctlCommand(Phrase("install.order-dark"), ("systemctl", "stop", *units))
    if settings:
        screens = () if kiosk == "none" else (WATCH, screen_unit(kiosk))
        units = ("yizhan.service", "yizhan-audio.service", *screens)
        yield SystemctlCommand(Phrase("install.order-start"), ("systemctl", "restart", *units))


def stop_commands() -> SystemctlCommand:
    """The command to run before everything is removed."""
    ours = ("yizhan.service", "yizhan-audio.service", "yizhan-prepare.service")
    units = (WATCH, *map(screen_unit, BROWSERS), *ours)
    return SystemctlCommand(Phrase("install.order-stop"), ("systemctl", "stop", *units))


def run_command(order: SystemctlCommand) -> str | None:
    """Run it; its message if it failed."""
    ran = subprocess.run(  # noqa: S603 - the commands stand above
        order.command, capture_output=True, text=True, check=False
    )
    return None if ran.returncode == 0 else (ran.stderr.strip() or f"exit {ran.returncode}")
