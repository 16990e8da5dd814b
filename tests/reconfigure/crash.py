"""Kills this very process (SIGKILL) at its n-th step on the settings' files.

A step is an fsync, a rename, an unlink or the opening of a file for writing, of `station.toml` or
of anything in `settings/`: between two steps nothing reaches the disk. As a program it is
`yizhan` with such a death before it:

    CRASH_AT=3 CRASH_LOG=steps CRASH_ARMED=armed python -m tests.reconfigure.crash run --config …

Steps count from when the file `CRASH_ARMED` is there, and go on over a restart by `exec`.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Which file a call of `os` is about, from its arguments.
NAMED: dict[str, Callable[..., str]] = {
    "fsync": lambda descriptor: str(Path(f"/proc/self/fd/{descriptor}").readlink()),
    "replace": lambda _source, target: str(target),
    "rename": lambda _source, target: str(target),
    "unlink": lambda path, **_: str(path),
    "open": lambda path, flags, *_, **__: str(path) if flags & os.O_CREAT else "",
}


def install(at: int, log: Path, armed: Callable[[], bool] = lambda: True) -> None:
    """Stand before the calls: write each step down in `log`, and die at that one."""
    for call, named in NAMED.items():
        setattr(os, call, _stepped(getattr(os, call), named, at, log, armed))


def _stepped(
    real: Any, named: Callable[..., str], at: int, log: Path, armed: Callable[[], bool]
) -> Any:
    opened, written = os.open, os.write

    def stepped(*arguments: Any, **more: Any) -> Any:
        path = Path(named(*arguments, **more))
        if armed() and _ours(path):
            count = len(log.read_text("utf-8").splitlines()) + 1 if log.exists() else 1
            descriptor = opened(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            written(descriptor, f"{real.__name__} {path.name}\n".encode())
            os.close(descriptor)
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)

    stepped.__name__ = real.__name__
    return stepped


def _ours(path: Path) -> bool:
    settings = path.name.lstrip(".").startswith("station.toml") or "settings" in path.parts[-2:]
    return settings and path.name != "lock"


if __name__ == "__main__":
    flag = Path(os.environ["CRASH_ARMED"])
    install(int(os.environ["CRASH_AT"]), Path(os.environ["CRASH_LOG"]), flag.exists)
    from gateway.cli import main

    sys.exit(main(sys.argv[1:]))
