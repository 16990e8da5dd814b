"""The disk, for who cannot wait for it: work on it is done in time, or refused."""

import errno
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

_T = TypeVar("_T")

# A slow card syncs in half a second; whoever calls is the event loop, which holds up a siren.
WITHIN_S = 1.5

_late: list[threading.Thread] = []


def run_in_time(work: Callable[[], _T], within_s: float | None = None) -> _T:
    """What `work` returns or raises; TimeoutError, an OSError, after `within_s` or `WITHIN_S`.

    It goes on, and nobody hears what comes of it. Until it has ended all other work is refused at
    once: how long a disk that hangs holds somebody up must not add up. One that is slow,
    and just in time, holds up each.
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
        except BaseException as error:  # noqa: BLE001  # carried over to whoever asked for it
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
