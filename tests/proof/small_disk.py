"""A small disk of its own, mounted for a test, and a neighbour who fills it to the last byte."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

KINDS = ("ext4", "tmpfs")


def may_mount() -> bool:
    """Whether this process may mount: root, and not in a container that forbids it."""
    return os.getuid() == 0 and Path("/dev/loop-control").exists()


@contextlib.contextmanager
def small_disk(directory: Path, kind: str, mib: int) -> Iterator[Path]:
    """An empty file system of so many MiB."""
    point = directory / "disk"
    point.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", point]
    if kind == "ext4":
        image = directory / "image"
        with image.open("wb") as file:
            file.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-J", "size=4", image], check=True)
        command = ["mount", "-o", "loop", image, point]
    subprocess.run(command, check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing fits any more; the file that holds it all."""
    path = disk / "neighbour"
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    assert os.statvfs(disk).f_bavail == 0
    return path
