"""Starts `yizhan audio` where systemd does not: in a session of its own, so that it outlives us."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

# A process that we started ends after this many seconds of silence without a client.
LEAVE_AFTER_S = 20

Launch = Callable[[Path], None]


def under_systemd(environ: Mapping[str, str]) -> bool:
    """Whether systemd runs us and so starts the units."""
    return "INVOCATION_ID" in environ


class AudioProcessLauncher:
    """Starts the process, and leaves no zombie when it dies."""

    def __init__(self, leave_after_s: float = LEAVE_AFTER_S) -> None:
        self._leave_after_s = leave_after_s
        self.pid: int | None = None

    def __call__(self, path: Path) -> None:
        """Start it, unless the one that we started still runs."""
        if self.alive():
            return
        argv = [sys.executable, "-m", "gateway.cli", "audio"]
        argv += ["--socket", str(path), "--leave-after", str(self._leave_after_s)]
        # Not subprocess: a child that outlives us on purpose would be killed or warned about.
        self.pid = os.posix_spawn(
            sys.executable,
            argv,
            _own(os.environ),
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsid=True,
        )

    def alive(self) -> bool:
        """Whether the process that we started runs; a dead one is reaped."""
        if self.pid is None:
            return False
        try:
            done, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            done = self.pid
        if done:
            self.pid = None
        return not done


def _own(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the service manager's variables, or the child would notify for us."""
    ours = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    return {name: value for name, value in environ.items() if name not in ours}
