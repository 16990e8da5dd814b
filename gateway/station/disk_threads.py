"""The threads that wait for the disk; they do not keep the process from ending."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.tasks import STOP_WITHIN_S

NAME = "aside"


class DiskExecutor(ThreadPoolExecutor):
    """The loop's default executor; its shutdown abandons threads that a disk blocks."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=NAME)

    def shutdown(self, wait: bool = True, **more: Any) -> None:
        """Start nothing more, and wait a little for what is running."""
        super().shutdown(wait=False, cancel_futures=True)
        del more
        until_s = time.monotonic() + STOP_WITHIN_S
        for thread in _ours() if wait else ():
            thread.join(max(0.0, until_s - time.monotonic()))


def left_behind() -> bool:
    """Whether a thread remains that the interpreter would wait for."""
    return any(not thread.daemon for thread in _ours())


def _ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]
