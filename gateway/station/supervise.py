"""Tasks that must go on: restarted alone when they fail, and never in a tight loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

RUN_S_MIN = 5.0
"""A task that failed sooner than this is started again only when this time has passed."""


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run `run` for ever, again after each failure; ends only by being cancelled.

    One room's mistake must not end the others: this is the supervisor's edge, the one place where
    every exception is caught, and it is logged with its traceback once a failure.
    """
    loop = asyncio.get_running_loop()
    while True:
        began_s = loop.time()
        try:
            await run()
        except Exception:  # the supervisor's edge: see above
            log.exception("%s failed and is started again", name)
        else:
            log.warning("%s ended and is started again", name)
        await asyncio.sleep(max(0.0, began_s + RUN_S_MIN - loop.time()))


async def stop_all(tasks: list[asyncio.Task[None]], within_s: float) -> None:
    """Cancel the tasks and wait for them, at most `within_s`; the rest is left behind, named."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        log.warning("%s did not stop within %.1f s", task.get_name(), within_s)
