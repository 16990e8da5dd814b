"""A station that is told to stop before it has opened its journal."""

import asyncio
import os
import signal
from typing import Any

from gateway.station import process

SETTINGS = """\
schema = 1
[station]
id = "early-01"
name = "站"
"""


async def test_a_stop_while_the_journal_opens_ends_the_start(tmp_path, monkeypatch):
    (tmp_path / "station.toml").write_text(SETTINGS, "utf-8")
    ended = []

    async def takes_for_ever(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(process, "open_or_volatile", takes_for_ever)
    assert await process.run_station(tmp_path, tmp_path) == 0
    assert ended == [True], "its opening hears of it, and takes back its strike"
