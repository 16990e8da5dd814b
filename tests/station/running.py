"""A station in this process, with a handle on its composition."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest import mock

from gateway.station import process
from gateway.station.app import StationApp
from gateway.station.machine import LINUX

READY_WITHIN_S = 30


@contextlib.asynccontextmanager
async def running(folder: Path, **environ: str) -> AsyncIterator[StationApp]:
    """Run the station whose settings are in that folder until the block ends."""
    made: list[StationApp] = []
    stops: list[Callable[[], None]] = []
    ready = asyncio.Event()

    class Kept(StationApp):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            made.append(self)

    def notify(message: str) -> bool:
        if message == "READY=1":
            ready.set()
        return True

    state, run = folder / "state", folder / "run"
    state.mkdir(exist_ok=True)
    run.mkdir(exist_ok=True)
    machine = LINUX._replace(
        environ={**os.environ, "RUNTIME_DIRECTORY": str(run)}, notify=notify, on_stop=stops.append
    )
    with mock.patch.dict(os.environ, environ), mock.patch.object(process, "StationApp", Kept):
        task = asyncio.create_task(process.run_station(folder, state, machine))
        waiting = asyncio.create_task(ready.wait())
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            assert ready.is_set(), task
            yield made[-1]
        finally:
            waiting.cancel()
            for stop in stops:
                stop()
            await task
