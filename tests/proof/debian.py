"""A bare Debian in a folder: made by debootstrap, entered by chroot, kept for the next time."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".dev" / "debian"
SUITES = {12: "bookworm", 13: "trixie"}
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LC_ALL": "zh_CN.UTF-8"}
# What the package manager and the system write for themselves, whatever is installed.
OWN_RECORDS = ("var/lib/dpkg/", "var/log/", "var/cache/", "proc/", "dev/", "sys/", "tmp/", "run/")


class Tree:
    """One root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, code: int = 0, **environ: str) -> str:
        """A command inside, in a mount namespace of its own; what it said on both channels."""
        inside = 'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && cd / && '
        script = inside + 'root=$1 && shift && exec chroot "$root" "$@"'
        ran = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", script, "sh", str(self.root), *command],
            env=CLEAN | {"DEBIAN_FRONTEND": "noninteractive"} | environ,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == code, f"{command}: {ran.returncode}\n{ran.stdout}"
        return ran.stdout

    def fingerprint(self) -> dict[str, tuple[int, int, int, str]]:
        """Every path with mode, owner and content, but for the system's own records."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                short = str(path.relative_to(self.root))
                if not f"{short}/".startswith(OWN_RECORDS):
                    found[short] = _what_is(path)
        return found


def _what_is(path: Path) -> tuple[int, int, int, str]:
    status = path.lstat()
    content = ""
    if path.is_symlink():
        content = str(path.readlink())
    elif path.is_file():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return status.st_mode, status.st_uid, status.st_gid, content


def bare(release: int, folder: Path, needs: list[str]) -> Tree:
    """A minimal Debian with `needs` installed; the first time from a mirror, then from a copy."""
    kept = KEPT / f"{release}-{hashlib.sha256(' '.join(needs).encode()).hexdigest()[:12]}.tar"
    tree = Tree(folder / f"debian-{release}")
    if not kept.exists():
        tree.root.mkdir()
        options = ["--variant=minbase", "--include=ca-certificates"]
        _run("debootstrap", *options, SUITES[release], str(tree.root))
        shutil.copy("/etc/resolv.conf", tree.root / "etc/resolv.conf")
        tree.run("apt-get", "update", "-qq")
        tree.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *needs)
        tree.run("apt-get", "clean")
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(".new")
        _run("tar", "-C", str(tree.root), "--numeric-owner", "-cf", str(fresh), ".")
        fresh.rename(kept)
    else:
        tree.root.mkdir()
        _run("tar", "-C", str(tree.root), "--numeric-owner", "-xf", str(kept))
    return tree


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"


def package(release: int, arch: str, out: Path) -> Path:
    """Build both as `./dev deb` does; the station's, beside which the tools' lies."""
    command = [str(ROOT / "systemd/debian/build"), "--release", str(release)]
    ran = subprocess.run(
        [*command, "--arch", arch, "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    station, tools = map(Path, ran.stdout.split())
    assert station.parent == tools.parent
    assert tools.name.startswith("yizhan-tools_")
    return station


def tools_beside(station: Path) -> Path:
    """The package of the demo and the emulated devices."""
    (tools,) = station.parent.glob("yizhan-tools_*.deb")
    return tools


def field(deb: Path, name: str) -> str:
    """A field of the package's control file."""
    asked = ["dpkg-deb", "--field", str(deb), name]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def needs(deb: Path) -> list[str]:
    """The names that it depends on."""
    names = [each.split()[0] for each in field(deb, "Depends").split(",")]
    return sorted(set(names))
