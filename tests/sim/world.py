"""What is outside of a simulated station: true time, power, and all that befalls it by the seed."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# The true UTC time at which every world begins: 2026-09-21.
EPOCH_NS = 1_790_000_000 * 10**9

# So long the kernel has been up when the station starts.
BOOTED_S = 5.0


class Profile(NamedTuple):
    """How hard the world is: the mean seconds from one mishap of a kind to the next (0: never)."""

    killed_s: float
    power_cut_s: float
    away_s: float
    lost_answer: float
    restored_s: float
    device_ill_s: float
    line_ill_s: float
    slow_disk_s: float
    wrong_time_s: float
    stray: float
    command_s: float


PROFILES = {
    "calm": Profile(0, 0, 40_000, 0.001, 0, 20_000, 80_000, 0, 0, 0.0, 20_000),
    "lively": Profile(
        20_000, 40_000, 9_000, 0.01, 90_000, 3_000, 12_000, 9_000, 40_000, 0.001, 900
    ),
    "hostile": Profile(240, 500, 150, 0.1, 600, 60, 240, 200, 300, 0.02, 20),
}


class Mark(NamedTuple):
    """One line of the timeline."""

    at_s: float
    what: str


class World:
    """True time in seconds since it began; whatever happens in it is in `timeline`."""

    def __init__(self, seed: int, profile: str, folder: Path) -> None:
        self.seed = seed
        self.profile = PROFILES[profile]
        self.chance = random.Random(f"yizhan {seed}")
        self.folder = folder
        self.timeline: list[Mark] = []
        self.boots = 0
        self.booted_at_s = -BOOTED_S
        self._ahead: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._idle_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        # No more mishaps: what can be made good is made good.
        self.quiet = False

    def new_chance(self, name: str) -> random.Random:
        """A generator of its own for one actor: what another draws does not change what it does."""
        return random.Random(f"yizhan {self.seed} {name}")

    @property
    def now_s(self) -> float:
        return self._idle_s if self._loop is None else self.booted_at_s + self._loop.time()

    @property
    def now_ns(self) -> int:
        """UTC."""
        return EPOCH_NS + round(self.now_s * 1e9)

    @property
    def boottime_s(self) -> float:
        return self.now_s - self.booted_at_s

    def say(self, what: str) -> None:
        self.timeline.append(Mark(self.now_s, what))

    def boot(self, *, off_s: float) -> None:
        """Power comes back after so long."""
        assert self._loop is None
        self._idle_s += off_s
        self.boots += 1
        self.booted_at_s = self._idle_s - BOOTED_S

    def wait(self, seconds: float) -> None:
        """Nothing runs."""
        assert self._loop is None
        self._idle_s += seconds

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        """Something will happen."""
        heapq.heappush(self._ahead, (at_s, next(self._numbers), act))
        if self._loop is not None:
            self._loop.call_at(max(at_s - self.booted_at_s, self._loop.time()), self._due)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now_s + seconds, act)

    def often(self, mean_s: float, name: str, act: Callable[[random.Random], None]) -> None:
        """A mishap again and again, as long as the world is not `quiet`."""
        if not mean_s:
            return
        chance = self.new_chance(name)

        def happen() -> None:
            if not self.quiet:
                act(chance)
                self.after(chance.expovariate(1 / mean_s), happen)

        self.after(chance.expovariate(1 / mean_s), happen)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on true time goes with that loop."""
        self._loop = loop
        for at_s, _, _ in self._ahead:
            loop.call_at(max(at_s - self.booted_at_s, loop.time()), self._due)

    def detach(self) -> None:
        """The loop has ended; time stands still until the next one, or `boot`."""
        now_s = self.now_s
        self._loop, self._idle_s = None, now_s

    def _due(self) -> None:
        while self._ahead and self._ahead[0][0] <= self.now_s + 1e-3:
            _, _, act = heapq.heappop(self._ahead)
            act()
