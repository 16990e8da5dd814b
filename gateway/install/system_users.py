"""System users below a root: created by systemd-sysusers, and removed without a trace.

The program leaves backups of the files that it changes (`passwd-`) and a lock; an installation that
can be undone restores those.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import Unavailable

FILES = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow")
_TRACES = (*(f"{name}-" for name in FILES), "etc/.pwd.lock")


def user_exists(root: Path, name: str) -> bool:
    return _line(root / "etc/passwd", name) is not None


def user_ids(root: Path, name: str) -> tuple[int, int]:
    """Its user and group ids."""
    line = _line(root / "etc/passwd", name)
    if line is None:
        raise Unavailable("install.no-account", name=name, path=str(root / "etc/passwd"))
    _, _, user, group, *_ = line.split(":")
    return int(user), int(group)


def _line(path: Path, name: str) -> str | None:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    return next((line for line in lines if line.startswith(f"{name}:")), None)


def create_users(root: Path, declared: bytes) -> None:
    """Create the missing users of a sysusers.d text."""
    with tempfile.NamedTemporaryFile(suffix=".conf") as file, _untraced(root):
        file.write(declared)
        file.flush()
        command = ["systemd-sysusers", f"--root={root}", file.name]
        try:
            ran = subprocess.run(  # noqa: S603 - a fixed program, a root that root chose
                command, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise Unavailable("install.no-sysusers") from None
    if ran.returncode != 0:
        raise Unavailable("install.sysusers-failed", reason=ran.stderr.strip())


@contextlib.contextmanager
def _untraced(root: Path) -> Iterator[None]:
    """Restore backups and lock with mode and owner."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: Path(folder, Path(name).name) for name in _TRACES}
        for name, copy in kept.items():
            _copy(root / name, copy)
        try:
            yield
        finally:
            for name, copy in kept.items():
                (root / name).unlink(missing_ok=True)
                _copy(copy, root / name)


def _copy(source: Path, target: Path) -> None:
    """Copy with mode, times and owner, which `shutil` omits."""
    if source.exists():
        shutil.copy2(source, target)
        if os.geteuid() == 0:
            os.chown(target, source.stat().st_uid, source.stat().st_gid)


def remove_user(root: Path, name: str) -> bool:
    """Remove the user and its group from the four files; nothing else changes."""
    for path in (root / each for each in FILES):
        if not path.exists():
            continue
        lines = path.read_bytes().splitlines(keepends=True)
        left = [line for line in lines if not line.startswith(f"{name}:".encode())]
        if left != lines:
            _replace(path, b"".join(left))
    return True


def _replace(path: Path, body: bytes) -> None:
    fresh = path.with_name(f"{path.name}.yizhan-new")
    _copy(path, fresh)  # mode and owner, before the content
    fresh.write_bytes(body)
    fresh.replace(path)
