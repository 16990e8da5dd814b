"""Runs the core's work: in a thread in production, on the event loop in a simulation.

A shell runs one job at a time and knows nothing of the journal: the next job is chosen on the event
loop, so neither side needs a lock.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
# Called on the event loop with the result or the error.
OnJobDone = Callable[[Any, BaseException | None], None]

_Job = tuple[Callable[[], Any], OnJobDone]


class WriterShell(Protocol):
    """One worker."""

    def start(self, work: Callable[[], Any], done: OnJobDone) -> None:
        """Run the work, then call `done` on the event loop; one job at a time."""

    async def stop(self) -> None:
        """Stop the worker; no job is under way."""

    def leave(self) -> None:
        """Let the worker end after its job, without waiting for it."""


async def run_job(shell: WriterShell, work: Callable[[], _T]) -> _T:
    """The result of one job."""
    future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()

    def done(result: _T, error: BaseException | None) -> None:
        if future.done():  # the caller has gone away
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    shell.start(work, done)
    return await future


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - carried over to whoever asked for the work
        return None, error


class ThreadShell:
    """The writer thread: everything that touches the disk runs in it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # One job, and the end marker, which may come before the thread has taken the job.
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=2)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def start(self, work: Callable[[], Any], done: OnJobDone) -> None:
        """Hand the job to the thread."""
        self._jobs.put_nowait((work, done))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, done = job
            outcome = _outcome(work)
            if self._loop.is_closed():  # the program has ended meanwhile
                return
            self._loop.call_soon_threadsafe(done, *outcome)

    async def stop(self) -> None:
        """End the idle thread; immediate."""
        self.leave()
        self._thread.join()

    def leave(self) -> None:
        """The thread dies with the process if its job takes that long."""
        self._jobs.put_nowait(None)


class InlineShell:
    """No thread: the job runs on the event loop, as if the disk took `delay_s`."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay_s = delay_s

    def start(self, work: Callable[[], Any], done: OnJobDone) -> None:
        self._loop.call_later(self._delay_s, lambda: done(*_outcome(work)))

    async def stop(self) -> None: ...

    def leave(self) -> None: ...
