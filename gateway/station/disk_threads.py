"""The threads that wait for the disk on behalf of the loop: an end of the process does not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.tasks import STOP_WITHIN_S

NAME = "aside"


class DiskExecutor(ThreadPoolExecutor):
    """The loop's default executor; its end leaves behind what a disk that hangs holds up."""

    def __init__(self) -> None:
        """As many threads as usual."""
        super().__init__(thread_name_prefix=NAME)

    def shutdown(self, wait: bool = True, **more: Any) -> None:
        """Begin nothing more; wait a little for what is under way."""
        super().shutdown(wait=False, cancel_futures=True)
        del more
        until_s = time.monotonic() + STOP_WITHIN_S
        for thread in _ours() if wait else ():
            thread.join(max(0.0, until_s - time.monotonic()))


def left_behind() -> bool:
    """Whether a thread goes on that the interpreter would wait for."""
    return any(not thread.daemon for thread in _ours())


def _ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]
