"""A unit's sandbox by hand, without a systemd: `python -m tests.proof.sandbox UNIT ROOT -- …`.

Read from the unit file itself and applied before the program starts: system calls, address
families, namespaces, write-and-execute memory, privileges, resource limits, memory and tasks (by
control groups, version 1), what can be written, seen in /proc and found in /dev. Left out:
IPAddressAllow=, SocketBindAllow= and DeviceAllow= (systemd's own programs in the kernel; a /dev
with the plain devices alone stands in), NoExecPaths=, and LimitRTPRIO=: see `test_booted.py`. Needs
root; run it in a mount namespace of its own (`unshare --mount`).
"""

import ctypes
import os
import resource
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ALLOW, ERRNO_EPERM, ERRNO_ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
MASKED_EQ, EQ = 7, 4
NAMESPACE_FLAGS = 0x7E020000
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MDWE, PR_CAP_AMBIENT = 38, 24, 65, 47
CAPABILITIES = 41
UNITS = {"M": 1 << 20, "G": 1 << 30, "K": 1 << 10}
CGROUPS = Path("/sys/fs/cgroup")
GROUP = "yizhan-sandbox-"
LIMITS = {
    "LimitNOFILE": resource.RLIMIT_NOFILE,
    "LimitCORE": resource.RLIMIT_CORE,
}
PLAIN_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


class Compare(ctypes.Structure):
    """`struct scmp_arg_cmp` of libseccomp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def read(unit: Path) -> dict[str, list[str]]:
    """The settings of the unit; an empty assignment empties a list."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.read_text("utf-8").splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        found[key].append(value)
        if not value:
            found[key].clear()
    return found


def calls(group: str) -> set[str]:
    """The system calls of a group such as @system-service, as systemd itself lists them."""
    listing = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    )
    names = {line.strip() for line in listing.stdout.splitlines()[1:]}
    members = {name for name in names if name and not name.startswith(("#", "@"))}
    return members.union(*(calls(name) for name in names if name.startswith("@")))


def allowed_calls(unit: dict[str, list[str]]) -> set[str]:
    """What SystemCallFilter= leaves; a line with `~` takes away. Each line is a list of groups."""
    allowed = calls("@default")
    for line in unit["SystemCallFilter"]:
        words = line.removeprefix("~").split()
        named = set[str]().union(*(calls(w) if w.startswith("@") else {w} for w in words))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed | calls("@default")


def call_filter(unit: dict[str, list[str]]) -> Callable[[], int]:
    """The filter, made ready; called, it is in force for this process and for ever."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO_EPERM)))

    def rule(action: int, name: str, *compares: Compare) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # a call that this machine does not have needs no rule
            array = (Compare * len(compares))(*compares)
            done = seccomp.seccomp_rule_add_array(
                context, ctypes.c_uint32(action), number, len(compares), array
            )
            assert done == 0, (name, done)

    for name in sorted(allowed_calls(unit) - {"socket", "clone", "clone3"}):
        rule(ALLOW, name)
    for family in " ".join(unit["RestrictAddressFamilies"]).split():
        rule(ALLOW, "socket", Compare(0, EQ, getattr(socket, family), 0))
    rule(ALLOW, "clone", Compare(0, MASKED_EQ, NAMESPACE_FLAGS, 0))
    rule(ERRNO_ENOSYS, "clone3")  # as systemd does: libc then falls back to clone
    return partial(seccomp.seccomp_load, context)


def amount(text: str) -> int:
    """`300M` in bytes."""
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def limit(unit: dict[str, list[str]], name: str) -> None:
    """Memory and tasks, in control groups of this name; descriptors."""
    wanted = {
        "memory/memory.limit_in_bytes": str(amount(unit["MemoryMax"][-1])),
        "pids/pids.max": unit["TasksMax"][-1],
    }
    for path, value in wanted.items():
        controller, file = path.split("/")
        group = CGROUPS / controller / name
        group.mkdir(exist_ok=True)
        (group / file).write_text(value)
        (group / "cgroup.procs").write_text(str(os.getpid()))
    for key, number in LIMITS.items():
        for text in unit[key]:
            resource.setrlimit(number, (int(text), int(text)))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def writable(unit: dict[str, list[str]]) -> Iterator[str]:
    for name in unit["StateDirectory"]:
        yield f"var/lib/{name}"
    for name in unit["RuntimeDirectory"]:
        yield f"run/{name}"
    yield from (path.lstrip("-/") for line in unit["ReadWritePaths"] for path in line.split())


def furnish(unit: dict[str, list[str]], root: Path) -> None:
    """ProtectSystem=strict, PrivateTmp=, ProtectProc=, ProcSubset=, and a bare /dev."""
    mount("--bind", str(root), str(root))
    user, group = _numbers(root / "etc/passwd", unit["User"][-1])
    for path in writable(unit):
        (root / path).mkdir(parents=True, exist_ok=True)
        os.chown(root / path, user, group)
    mount("-t", "tmpfs", "tmpfs", str(root / "dev"))
    for name in PLAIN_DEVICES:
        (root / "dev" / name).touch()
        mount("--bind", f"/dev/{name}", str(root / "dev" / name))
    mount("-t", "tmpfs", "tmpfs", str(root / "tmp"))
    (root / "tmp").chmod(0o1777)
    mount("-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", str(root / "proc"))
    for path in writable(unit):
        mount("--bind", str(root / path), str(root / path))
    mount("-o", "remount,bind,ro", str(root))


def drop(unit: dict[str, list[str]], root: Path) -> None:
    """Into the root, to the unit's user, without a privilege or a way to one."""
    prctl = ctypes.CDLL(None).prctl
    numbers = _numbers(root / "etc/passwd", unit["User"][-1])
    groups = [_numbers(root / "etc/group", name)[0] for name in unit["SupplementaryGroups"]]
    os.chroot(root)
    os.chdir("/")
    for number in range(CAPABILITIES):
        prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([numbers[1], *groups])
    os.setresgid(numbers[1], numbers[1], numbers[1])
    os.setresuid(numbers[0], numbers[0], numbers[0])
    os.umask(0o077)
    assert prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0


def _numbers(path: Path, name: str) -> tuple[int, int]:
    line = next(x for x in path.read_text().splitlines() if x.startswith(f"{name}:"))
    fields = line.split(":")
    return int(fields[2]), int(fields[3]) if fields[3].isdecimal() else int(fields[2])


def main(unit_file: str, root: str, command: list[str]) -> None:
    unit = read(Path(unit_file))
    limit(unit, f"{GROUP}{os.getpid()}")
    furnish(unit, Path(root))
    enforce = call_filter(unit)  # while systemd-analyze is still there to be asked
    drop(unit, Path(root))
    assert enforce() == 0
    os.execve(command[0], command, dict(os.environ))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[4:])
