"""The door to the desk computers, while another program has its port."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from gateway.errors import Unavailable
from gateway.station.web import HELD_AGAIN_S, WebAssembly
from gateway.tasks import stop_tasks, supervise
from tests.sim.loop import run as simulate

renewed: list[int] = []


def doors(tries: list[float], free_after: int) -> tuple[WebAssembly, Any]:
    made = WebAssembly.__new__(WebAssembly)
    made.access = SimpleNamespace(claimed=True)  # type: ignore[assignment]
    made.tls = SimpleNamespace(context=None, renew=lambda: renewed.append(1))  # type: ignore[assignment]
    made._refused, made._stirred = False, asyncio.Event()

    async def open_lan(_context: object) -> None:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) <= free_after:
            raise Unavailable("web.port-held", port=8443, why="Address already in use")

    return made, SimpleNamespace(open_lan=open_lan, lan_port=8443)


def test_a_taken_port_is_tried_again_and_said_once(caplog) -> None:
    tries: list[float] = []
    renewed.clear()

    async def story() -> None:
        made, server = doors(tries, free_after=5)
        task = supervise("doors", lambda: made.run(server))
        await asyncio.sleep(HELD_AGAIN_S * 6 + 1)
        await stop_tasks([task], 1)

    with caplog.at_level(logging.INFO):
        simulate(story())
    assert len(tries) == 6
    assert len(renewed) == 6, "a certificate that is due is renewed though the port is taken"
    lines = [(each.levelno, each.getMessage()) for each in caplog.records]
    assert [level for level, _ in lines] == [logging.ERROR, logging.INFO]
    assert "port=8443" in lines[0][1]
    assert "8443" in lines[1][1]
