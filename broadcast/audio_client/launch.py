"""Starting `yizhan audio` where no systemd does it: in a session of its own, to outlive us."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

# A process that we started ends itself once nobody has been connected for so long, in silence.
LEAVE_AFTER_S = 20

Launch = Callable[[Path], None]


def under_systemd(environ: Mapping[str, str]) -> bool:
    """Whether units start each other here."""
    return "INVOCATION_ID" in environ


class AudioProcessLauncher:
    """Starts the process, and sees to it that a dead one leaves no zombie."""

    def __init__(self, leave_after_s: float = LEAVE_AFTER_S) -> None:
        self._leave_after_s = leave_after_s
        self.pid: int | None = None

    def __call__(self, path: Path) -> None:
        """Start it, unless the one that we started still lives."""
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
        """Whether the one that we started runs; a dead one is buried."""
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
    """Without what is between a service manager and us: it would speak in our name."""
    ours = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    return {name: value for name, value in environ.items() if name not in ours}
