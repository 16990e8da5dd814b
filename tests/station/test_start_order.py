"""What a station does first: nobody may order anything of a room that forgot what it promised."""

import asyncio
from pathlib import Path
from unittest import mock

from tests.access.composed import composed

ROOMS = ("intake.resume", "setup.start", "broadcast.start", "kiosk.start", "rules.load")
DOORS = ("buses.start", "server.start", "_web.admit_desks", "uplinks.start")
ACTS = ("server.bind", *ROOMS, *DOORS)
AT_ONCE = {"uplinks.start", "buses.start"}


async def test_every_room_takes_back_what_it_knew_before_a_door_opens(tmp_path: Path) -> None:
    done: list[str] = []
    async with composed(tmp_path) as made:
        mock.patch("gateway.station.app.supervise", side_effect=no_task).start()
        for name in ACTS:
            room, act = name.split(".")
            kind = mock.Mock if name in AT_ONCE else mock.AsyncMock
            stand_in = kind(side_effect=lambda *_, name=name: done.append(name))
            mock.patch.object(getattr(made.station, room), act, stand_in).start()
        try:
            await made.station.restore()
            await made.station.start()
        finally:
            mock.patch.stopall()
    assert tuple(done) == ACTS


def no_task(*_: object) -> "asyncio.Task[None]":
    """What would go on beside the start does nothing here."""
    return asyncio.ensure_future(asyncio.sleep(0))
