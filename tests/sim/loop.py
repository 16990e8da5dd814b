"""An event loop in virtual time: it never waits, it jumps to the next timer.

A week of back-off takes milliseconds, and two runs of one program take the same steps. Nothing
with a thread, a subprocess or a peer outside this process belongs on it: virtual time would run
away while real work takes place, so an executor is refused and a loop that could only wait for
the outside world raises `NothingLeft`.
"""

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

START_S = 1_000.0
"""Where virtual time begins: not zero, so that "unset" and "now" never look alike."""


class NothingLeft(RuntimeError):
    """Every task waits for something, and no timer will ever wake one: a dead-lock."""


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the kernel without waiting; where a real selector would wait, time advances."""

    def __init__(self, start_s: float) -> None:
        super().__init__()
        self.now_s = start_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise NothingLeft
        self.now_s += max(timeout, 0.0)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop over the jumping selector."""

    def __init__(self, start_s: float = START_S) -> None:
        self._jumping = _JumpingSelector(start_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s

    @property
    def now_s(self) -> float:
        """Virtual seconds, for assertions."""
        return self._jumping.now_s

    @property
    def now_ns(self) -> int:
        """Virtual time as the clock counts it."""
        return round(self._jumping.now_s * 1e9)

    def run_in_executor(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused: a thread lives in real time."""
        raise RuntimeError("a thread under virtual time")


def run(main: Coroutine[Any, Any, _T], start_s: float = START_S) -> _T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(start_s)) as runner:
        return runner.run(main)


def simulated(test: Callable[_P, Awaitable[_T]]) -> Callable[_P, _T]:
    """Decorator: this coroutine test runs in virtual time; fixtures and parameters as usual."""

    @functools.wraps(test)
    def in_virtual_time(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        async def main() -> _T:
            return await test(*args, **kwargs)

        return run(main())

    return in_virtual_time
