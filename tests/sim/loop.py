"""An event loop whose time is virtual: it jumps to the next timer, so a week takes milliseconds.

Nothing with a thread, a subprocess or a socket runs under it; a test that waits for something
that can never happen ends at once with `NothingLeft`.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingLeft(RuntimeError):
    """Everybody waits and no timer is set."""


class _Jump(selectors.SelectSelector):
    """Waits for nothing: it advances the loop's time instead."""

    loop: "SimulatedLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeft
        self.loop.now_s += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop with its own time, `now_s`, starting at `start_s`."""

    def __init__(self, start_s: float = 1000.0) -> None:
        selector = _Jump()
        selector.loop = self
        self.now_s = start_s
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


def run(main: Coroutine[Any, Any, T], start_s: float = 1000.0) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(start_s)) as runner:
        return runner.run(main)
