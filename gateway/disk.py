"""Disk work with a time limit, for callers that must not wait."""

import errno
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

_T = TypeVar("_T")

# A slow card syncs in half a second; the caller is the event loop, which also drives sirens.
WITHIN_S = 1.5

_late: list[threading.Thread] = []


def run_in_time(work: Callable[[], _T], within_s: float | None = None) -> _T:
    """The result of `work`; TimeoutError (an OSError) after `within_s` or `WITHIN_S`.

    After a timeout the work goes on and its result is dropped. Until it has ended all other
    work is refused at once: waits for a disk that hangs must not add up. A disk that is merely
    slow delays every call.
    """
    _late[:] = [thread for thread in _late if thread.is_alive()]
    if _late:
        raise _hangs()
    returned: list[_T] = []
    raised: list[BaseException] = []
    context = copy_context()

    def run() -> None:
        try:
            returned.append(context.run(work))
        except BaseException as error:  # noqa: BLE001   # raised again in the caller
            raised.append(error)

    thread = threading.Thread(target=run, name="disk", daemon=True)
    thread.start()
    thread.join(WITHIN_S if within_s is None else within_s)
    if thread.is_alive():
        _late.append(thread)
        raise _hangs()
    if raised:
        raise raised[0]
    return returned[0]


def _hangs() -> OSError:
    return OSError(errno.ETIMEDOUT, "the disk hangs")
