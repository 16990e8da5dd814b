"""An event loop in virtual time: it never waits, it jumps to the next timer.

A week of back-off takes milliseconds, and two runs of one program take the same steps. Nothing
with a thread, a subprocess or a peer outside this process belongs on it: virtual time would run
away while real work takes place, so an executor is refused and a loop that could only wait for
the outside world raises `NothingLeft`.
"""

import asyncio
import functools
import math
import random
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Where virtual time begins: not zero, so that "unset" and "now" never look alike.
START_S = 1_000.0

# A timer that is due in less is due now.
RESOLUTION_S = 1e-9


# Timers that are no further apart have no order.
SAME_INSTANT_S = 1e-6

# So long what runs in a thread takes.
THREAD_S = 0.0002, 0.02


class NothingLeft(RuntimeError):
    """Every task waits for something, and no timer will ever wake one: a dead-lock."""


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the kernel without waiting; where a real selector would wait, time advances."""

    def __init__(self, start_s: float, on_jump: Callable[[], None]) -> None:
        super().__init__()
        self.now_s = start_s
        self._on_jump = on_jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise NothingLeft
        if timeout > 0:
            self.now_s += timeout
            self._on_jump()
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop over the jumping selector."""

    def __init__(self, start_s: float = START_S) -> None:
        self._jumping = _JumpingSelector(start_s, self._refine)
        super().__init__(self._jumping)
        self._refine()

    def _refine(self) -> None:
        # From the 194th day on a nanosecond is less than a step of the number that counts the
        # seconds, and to asyncio no timer would ever be due.
        self._clock_resolution = max(RESOLUTION_S, math.ulp(self._jumping.now_s))

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


class MachineLoop(SimulatedLoop):
    """Virtual time for a whole station: threads are played, and no order is promised.

    What would run in a thread is done here, a moment later; timers of one instant come in any
    order. `chance` decides both.
    """

    def __init__(self, start_s: float, chance: random.Random) -> None:
        super().__init__(start_s)
        self._chance = chance

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        return super().call_at(when + self._chance.random() * SAME_INSTANT_S, *args, **kwargs)

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, work: Callable[..., _T], *args: Any
    ) -> "asyncio.Future[_T]":
        done: asyncio.Future[_T] = self.create_future()
        self.call_later(self._chance.uniform(*THREAD_S), self._work, done, work, *args)
        return done

    @staticmethod
    def _work(done: "asyncio.Future[_T]", work: Callable[..., _T], *args: Any) -> None:
        try:
            result = work(*args)
        except Exception as error:  # noqa: BLE001  # it is for whoever asked
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(result)
