"""Tasks: supervised ones are restarted alone when they fail, but never in a tight loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from gateway.errors import JournalDamaged, JournalFailed, StationError
from gateway.faults import DYING, OnFault, log_fault

# Limit of each step of stopping: a stop as a whole takes at most 3 s.
STOP_WITHIN_S = 0.7

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

# A task that failed sooner than this is restarted only when this time has passed.
RUN_S_MIN = 5.0

# A task that ends this often within that time will not recover: it is `dying` until it has not
# ended for as long again.
DEATHS, WITHIN_S = 3, 600.0


def supervise(
    name: str, run: Callable[[], Awaitable[None]], on_fault: OnFault = log_fault
) -> asyncio.Task[None]:
    """Start a task that runs until it is cancelled."""
    return asyncio.create_task(keep_running(name, run, on_fault), name=name)


async def keep_running(
    name: str, run: Callable[[], Awaitable[None]], on_fault: OnFault = log_fault
) -> None:
    """Run `run` for ever, again after each failure; ends only by cancellation.

    One room's mistake must not end the others: this is the supervisor's edge, which catches
    every exception and logs each failure once with its traceback. A task that ends again and
    again is a fault of its own, however it ends.
    """
    loop = asyncio.get_running_loop()
    ends_s: deque[float] = deque(maxlen=DEATHS)
    while True:
        began_s = loop.time()
        ended: Exception = RuntimeError(f"{name} ended")
        try:
            await run()
        except Exception as error:  # noqa: BLE001  # the supervisor's edge: see above
            _tell(name, error, on_fault)
            ended = error
        else:
            log.warning("%s ended and is started again", name)
        ends_s.append(loop.time())
        if len(ends_s) == DEATHS and ends_s[-1] - ends_s[0] <= WITHIN_S:
            on_fault(DYING + _where(name), ended)
        await asyncio.sleep(max(0.0, began_s + RUN_S_MIN - loop.time()))


async def attempt(what: str, step: Callable[[], Awaitable[None]], on_fault: OnFault) -> None:
    """One step of the start: a failure costs only itself, is a fault, and the next step follows.

    A journal whose disk has failed, or whose file is damaged, is for the next process to open.
    """
    try:
        await step()
    except (JournalFailed, JournalDamaged):
        raise
    except Exception as error:  # noqa: BLE001  # the edge of one step: see above
        on_fault(f"start.{what}", error)


async def attempt_stop(
    what: str,
    step: Callable[[], Awaitable[None]],
    on_fault: OnFault,
    within_s: float | None = None,
) -> None:
    """One step of the stop: a failure or timeout (`within_s`) costs only itself.

    No exception ends the stop: a later step may be the one that saves a count or the time.
    """
    try:
        async with asyncio.timeout(within_s):
            await step()
    except TimeoutError:
        log.warning("stopping: %s took longer than %s s", what, within_s)
    except StationError as error:
        log.error("stopping: %s failed: %s", what, error)  # noqa: TRY400  # foreseen, and said whole
    except Exception as error:  # noqa: BLE001  # the edge of one step: see above
        on_fault(f"stop.{what}", error)


def _tell(name: str, error: Exception, on_fault: OnFault) -> None:
    """One line for an expected error; a mistake of ours is a fault."""
    foreseen, unforeseen = (
        error.split(StationError)
        if isinstance(error, ExceptionGroup)
        else ((error, None) if isinstance(error, StationError) else (None, error))
    )
    if unforeseen is None:
        log.error("%s failed and is started again: %s", name, _leaf(foreseen))
    else:
        log.error("%s failed and is started again", name)
        on_fault(f"task.{_where(name)}", unforeseen)


def _where(name: str) -> str:
    return name.replace(" ", ".")


def _leaf(error: BaseException | None) -> BaseException | None:
    return _leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def report_uncaught(on_fault: OnFault) -> None:
    """What no edge has caught in this loop is also a fault: in callbacks and unawaited tasks."""

    def uncaught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            on_fault("loop", error)
        else:
            log.error("%s", context.get("message", "the loop complains"))

    asyncio.get_running_loop().set_exception_handler(uncaught)


class TaskSet:
    """Short tasks that run beside everything else, each dropped when it has ended.

    asyncio holds a running task by a weak reference only, so its starter must keep it.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(
        self, work: Coroutine[Any, Any, ResultT], name: str | None = None
    ) -> asyncio.Task[ResultT]:
        """Start a task; its result may be awaited."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(tuple(self._tasks))

    def cancel(self) -> None:
        """Cancel all, without waiting for their ends."""
        for task in self._tasks:
            task.cancel()

    async def wait(self) -> None:
        """Return when all have ended; what they raised stays with whoever awaits them."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))


async def stop_tasks(tasks: list[asyncio.Task[None]], within_s: float) -> None:
    """Cancel the tasks and wait for at most `within_s`; those that remain are logged."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        log.warning("%s did not stop within %.1f s", task.get_name(), within_s)
