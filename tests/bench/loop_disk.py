"""An ext4 disk on a loop device in memory, which counts what reaches it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SECTOR = 512
_WRITE_SECTORS, _FLUSHES = 6, 15


class Written(NamedTuple):
    """What the device has taken so far."""

    bytes: int
    flushes: int

    def since(self, earlier: "Written") -> "Written":
        return Written(self.bytes - earlier.bytes, self.flushes - earlier.flushes)


class LoopDisk(NamedTuple):
    """Where it is mounted, and its device's name."""

    path: Path
    device: str

    def written(self) -> Written:
        os.sync()
        fields = Path(f"/sys/block/{self.device}/stat").read_text("ascii").split()
        return Written(int(fields[_WRITE_SECTORS]) * _SECTOR, int(fields[_FLUSHES]))


@contextlib.contextmanager
def loop_disk(directory: Path, mib: int) -> Iterator[LoopDisk]:
    """A fresh one."""
    image, point = directory / "image", directory / "disk"
    point.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(mib << 20)
    command = ["mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0", image]
    subprocess.run(command, check=True)
    command = ["losetup", "--find", "--show", image]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["mount", "-o", "noatime", device, point], check=True)
    try:
        yield LoopDisk(point, device.removeprefix("/dev/"))
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)
        subprocess.run(["losetup", "--detach", device], check=True)
