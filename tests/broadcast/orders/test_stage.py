"""What the stage says in the log while the audio process does not do as it is told."""

import asyncio
import logging

from broadcast.stage import Stage
from gateway.errors import Unavailable
from tests.broadcast.orders.house import HOUSE


class Away:
    """An audio process that is there or not."""

    here = False

    async def stop(self, _programme: str, why: str) -> None:
        if not self.here:
            raise Unavailable("audio.away", why=why)


async def test_a_lasting_fault_is_said_once_and_once_its_end(caplog) -> None:
    engine = Away()
    stage = Stage(engine, HOUSE, lambda _: None)
    with caplog.at_level(logging.INFO, "broadcast.stage"):
        for here in (False, False, False, True, True):
            engine.here = here
            stage.cut("o-1")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    await stage.close()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
