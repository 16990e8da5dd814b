"""A station in memory starts anew once the disk's journal can be had."""

import asyncio

from gateway.station.process import RESTART, _until


class Journal:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.fatal: asyncio.Future[Exception] = loop.create_future()
        self.recovered: asyncio.Future[None] = loop.create_future()


async def test_the_disk_s_journal_is_worth_a_new_start() -> None:
    journal, stop = Journal(), asyncio.get_running_loop().create_future()
    ending = asyncio.create_task(_until(stop, journal))
    await asyncio.sleep(0)
    assert not ending.done()
    journal.recovered.set_result(None)
    assert await ending == RESTART


async def test_a_stop_is_a_stop_and_a_dead_disk_an_error() -> None:
    journal, stop = Journal(), asyncio.get_running_loop().create_future()
    stop.set_result(0)
    assert await _until(stop, journal) == 0
    journal.fatal.set_result(OSError("EIO"))
    assert await _until(stop, journal) == 1
