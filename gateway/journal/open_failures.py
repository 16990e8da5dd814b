"""Decides when the disk is dead: the journal could not be opened twice within 60 seconds.

A journal that opened and then met an I/O error counts as a failed opening: the process ends, and
the next one finds the failure. So does an opening that was killed, whatever it took so long for:
its failure is recorded beforehand and withdrawn afterwards. Failures are kept in the runtime
directory, in memory: the disk in question must not be the one that remembers.
"""

import logging
from collections.abc import Collection
from pathlib import Path

from gateway.clock import Clock

log = logging.getLogger(__name__)

WITHIN_NS = 60_000_000_000
# An opening that was killed may have run this long before.
KILLED_WITHIN_NS = 600_000_000_000

# A disk that comes and goes is tried at growing intervals; after a day, as at first.
LATELY_NS = 24 * 3_600_000_000_000

STRIKES_MAX = 2
_KEPT = 16
_OPENING, _RECOVERED = "opening", "recovered"


class OpenFailures:
    """The failures of this boot, in a small file."""

    def __init__(self, runtime: Path, clock: Clock) -> None:
        self._path = runtime / "journal-strikes"
        self._clock = clock
        self._here: list[str] = []
        self._opening = ""

    def note(self) -> None:
        """Record a failure now."""
        self._write([*self._all(), f"{self._clock.boot} {self._clock.now_ns()}"])

    def begin(self) -> None:
        """An opening begins: a failure unless `end` follows."""
        self._opening = f"{self._clock.boot} {self._clock.now_ns()} {_OPENING}"
        self._write([*self._all(), self._opening])

    def end(self) -> None:
        """The opening ended, whatever its outcome."""
        self._write([line for line in self._all() if line != self._opening])

    def recovered(self) -> None:
        """The journal on disk is available again, and this process ends for it. Not a failure."""
        self._write([*self._all(), f"{self._clock.boot} {self._clock.now_ns()} {_RECOVERED}"])

    def recent_counts(self) -> tuple[int, int]:
        """The failures within a day of this boot, and the restarts for the disk's sake.

        The last sixteen of both together; intervals do not grow beyond that.
        """
        lines = [line.partition(" ") for line in self._all()]
        ours = [rest.partition(" ") for boot, _, rest in lines if boot == self._clock.boot]
        since_ns = self._clock.now_ns() - LATELY_NS
        whats = [what for at, _, what in ours if at.isdecimal() and int(at) >= since_ns]
        recovered = whats.count(_RECOVERED)
        return len(whats) - recovered, recovered

    def _write(self, lines: list[str]) -> None:
        """If it cannot be written, this process remembers it."""
        self._here = lines[-_KEPT:]
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text("\n".join(self._here), "ascii")
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)

    def _all(self) -> list[str]:
        try:
            return self._path.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            return self._here

    def out(self) -> bool:
        """Whether the disk counts as dead."""
        return count_recent(self._all(), self._clock.boot, self._clock.now_ns()) >= STRIKES_MAX


def count_recent(lines: Collection[str], boot: str, now_ns: int) -> int:
    """How many of these lines are failures of this boot that are recent enough."""
    return _count([line for line in lines if not line.endswith(_RECOVERED)], boot, now_ns)


def _count(lines: Collection[str], boot: str, now_ns: int) -> int:
    count = 0
    for line in lines:
        of_boot, _, rest = line.partition(" ")
        at_ns, _, what = rest.partition(" ")
        if of_boot == boot and at_ns.isdecimal():
            within_ns = KILLED_WITHIN_NS if what else WITHIN_NS
            count += 0 <= now_ns - int(at_ns) <= within_ns
    return count
