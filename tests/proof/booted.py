"""A Debian tree booted by its own systemd, in namespaces of its own.

Process ids, mounts, network, control groups and host name are the tree's: what systemd does there
with units, paths, watchdogs and its programs in the kernel is what it does on a machine. Every boot
is a card's first one. Needs root.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.proof.debian import CLEAN, Tree

Found = TypeVar("Found")

GROUPS = Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")
UP_S, DOWN_S = 90.0, 20.0
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "console")
BOOT = """\
echo $$ > "$2/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --net --uts --ipc --cgroup --propagation private \
    sh -ec '
cd "$1"
mount --bind . . && cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for name in DEVICES; do touch "dev/$name" && mount --bind "/dev/$name" "dev/$name"; done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 run run
mkdir -p run/before
pivot_root . run/before
exec chroot . sh -ec "
umount -l /run/before
exec env -i container=proof PATH=$PATH /lib/systemd/systemd --system --log-target=null" </dev/null
' sh "$1"
""".replace("DEVICES", " ".join(DEVICES))


class Booted:
    """One booted tree; commands run inside as root."""

    def __init__(self, tree: Tree, init: int) -> None:
        """`init` is the outer process id of its systemd."""
        self.tree = tree
        self.init = init

    def run(self, *command: str, code: int | None = 0) -> str:
        """A command inside; what it said on both channels."""
        ran = subprocess.run(
            ["nsenter", "--target", str(self.init), "--all", "--root", "--wd", *command],
            env=CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        assert code is None or ran.returncode == code, f"{command}: {ran.returncode}\n{ran.stdout}"
        return ran.stdout

    def beside(self, *command: str) -> tuple[str, ...]:
        """A command of the machine outside, in the tree's network."""
        return ("nsenter", "--target", str(self.init), "--net", *command)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def main_pid(self, unit: str) -> int:
        """Its main process, by the tree's own number; 0: none."""
        return int(self.show(unit, "MainPID"))

    def until(self, holds: Callable[[], Found], what: str, within_s: float = 60.0) -> Found:
        """Look again until it holds; what it gave."""
        until_s = time.monotonic() + within_s
        while not (found := holds()):
            assert time.monotonic() < until_s, f"{what}\n{self.log()}"
            time.sleep(0.2)
        return found

    def log(self) -> str:
        """What the tree's journal says at last."""
        return self.run("journalctl", "--no-pager", "-n", "80", "-o", "short-monotonic", code=None)


@contextlib.contextmanager
def booted(tree: Tree) -> Iterator[Booted]:
    """Boot it, wait until all has started, and end everything afterwards."""
    groups = next(each for each in GROUPS if (each / "cgroup.procs").exists())
    group = groups / f"yizhan-booted-{os.getpid()}"
    group.mkdir()
    (tree.root / "etc/machine-id").write_text("uninitialized\n")
    process = subprocess.Popen(["sh", "-ec", BOOT, "sh", str(tree.root), str(group)])
    try:
        made = Booted(tree, _child(process))
        up = ("running\n", "degraded\n")
        asked = ("systemctl", "is-system-running")
        made.until(lambda: made.run(*asked, code=None) in up, "systemd has not come up", UP_S)
        yield made
    finally:
        process.send_signal(signal.SIGKILL)  # its systemd goes with it, and all that it started
        process.wait(DOWN_S)
        _forget(group)


def _child(process: "subprocess.Popen[bytes]") -> int:
    """The first process of the new namespace, as it is numbered outside."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until_s = time.monotonic() + UP_S
    while time.monotonic() < until_s:
        assert process.poll() is None, "the namespaces could not be made"
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        time.sleep(0.1)
    raise AssertionError("no systemd")


def _forget(group: Path) -> None:
    """The control groups go, the innermost first, as soon as nobody is left in them."""
    until_s = time.monotonic() + DOWN_S
    while group.exists() and time.monotonic() < until_s:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        time.sleep(0.1)
