"""Waits for the first of several coroutines."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def wait_for_first(*waits: Coroutine[Any, Any, Any], timeout_s: float | None) -> bool:
    """Whether one of them ended within `timeout_s`; the others are cancelled."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()  # raises the error of a journal that has failed
    return bool(done)
