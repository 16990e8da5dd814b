"""Identifies the kernel's boot: 16 hex digits in a small file of the runtime directory.

The file also holds the kernel's own boot id, so that a directory which survives a reboot is
noticed. A hardened unit may hide the kernel's id (`ProcSubset=pid`); then only a directory that the
system empties at boot is trusted.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gateway import entropy

KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN = "-"
CONTROL, USUAL = "control.sock", Path("/run/yizhan")
_HEX = frozenset("0123456789abcdef")


def run_directory(environ: Mapping[str, str], state: Path) -> tuple[Path, bool]:
    """The runtime directory, and whether the system empties it at boot."""
    given = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given), True
    user = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if Path(user).is_dir():
        return Path(user) / "yizhan", True
    return state / "run", False


def user_run_directory(environ: Mapping[str, str]) -> Path:
    """This user's directory of runtime files that other commands must find."""
    user = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if Path(user).is_dir():
        return Path(user) / "yizhan"
    return Path(tempfile.gettempdir()) / f"yizhan-{os.getuid()}"


def control_sockets(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The candidates for the control socket of a station on this machine, the likeliest first.

    In systemd's directory if that is given, else in this user's own, else in the usual one of
    an installed station.
    """
    given = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return (Path(given) / CONTROL,)
    return user_run_directory(environ) / CONTROL, USUAL / CONTROL


def kernel_boot_id(path: Path = KERNEL_BOOT_ID) -> str:
    """The kernel's id of this boot, or `UNKNOWN`."""
    try:
        return path.read_text("ascii").strip() or UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN


def read_boot_id(directory: Path, kernel: str, *, emptied: bool) -> str:
    """The id of this boot, the same for every process that uses this directory.

    If the directory cannot be written, the id lasts as long as the process: deadlines then
    expire early, never late.
    """
    path = directory / "boot"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _believed(path, kernel, emptied=emptied) or _written(path, kernel)
    except OSError:
        return entropy.token_hex(8)


def _believed(path: Path, kernel: str, *, emptied: bool) -> str | None:
    try:
        ours, _, theirs = path.read_text("ascii").strip().partition(" ")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if len(ours) != 16 or not _HEX.issuperset(ours):  # noqa: PLR2004 - as many as we write
        return None
    same = emptied if UNKNOWN in (theirs, kernel) else theirs == kernel
    return ours if same else None


def _written(path: Path, kernel: str) -> str:
    """Write a new id; if another process is first, use its id."""
    ours = entropy.token_hex(8)
    stale = path.read_bytes() if path.exists() else None
    fresh = path.with_name(f"boot.{ours}")
    fresh.write_text(f"{ours} {kernel}\n", "ascii")
    try:
        if stale is not None and path.read_bytes() == stale:
            path.unlink()
        os.link(fresh, path)  # unlike a rename, a link never replaces another's file
    except FileExistsError:
        return _believed(path, kernel, emptied=True) or ours
    finally:
        fresh.unlink()
    return ours
