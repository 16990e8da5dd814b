"""The whole way in real processes: command line, station, audio process, packets on the wire."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broadcast.pages import api
from broadcast.pages.no_speakers import no_speakers_api
from broadcast.speaker_status.api import SpeakersApi
from tests.broadcast.audio_process.harness import WITHIN_S, drain
from tests.broadcast.chain.end_to_end import control
from tests.ports import free_port
from tests.station.harness import HALL, ROOT, StationProcess, first_lines

pytestmark = pytest.mark.slow

HORN = """[zone.all]
name = "全小区"
places = ["hall"]
sound = "community"
[speaker.horn]
kind = "unicast"
zones = ["hall", "all"]
to = ["127.0.0.1:{ear}"]
"""


class Ear:
    """Hears RTP packets."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    async def hears(self, packets: int) -> None:
        """So many more."""
        drain(self.socket)
        async with asyncio.timeout(WITHIN_S):
            for _ in range(packets):
                await asyncio.get_running_loop().sock_recv(self.socket, 2048)


async def yizhan(station: StationProcess, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "RUNTIME_DIRECTORY": str(station.run_folder),
            "PYTHONPATH": str(ROOT),
            "LANG": "zh_CN.UTF-8",
        },
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def state_of(station: StationProcess, order: str) -> str:
    shown = await control(station, "GET", f"/api/v1/orders/{order}")
    return str(shown["receipt"]["state"])


async def until(station: StationProcess, order: str, wanted: str) -> None:
    ends_s = time.monotonic() + WITHIN_S
    state = ""
    while time.monotonic() < ends_s:
        state = await state_of(station, order)
        if state == wanted:
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{order} is {state}, not {wanted}\n{station.said}")


async def emergency(station: StationProcess, *more: str) -> str:
    """Somebody orders one on the command line; its id."""
    words = ("say", "请大家离开大厅", "--zone", "hall", "--class", "emergency", "--json")
    code, told = await yizhan(station, *words, *more)
    assert code == 0, told + station.said
    return str(json.loads(told)["of"])


async def test_the_gateway_is_killed_in_an_emergency_and_answers_truly(tmp_path: Path):
    ear = Ear()
    settings = first_lines(free_port()) + HALL + HORN.format(ear=ear.port)
    (tmp_path / "station.toml").write_text(settings, "utf-8")
    station = StationProcess(tmp_path)
    await station.start()
    try:
        order = await emergency(station, "--repeat", "20")
        await until(station, order, "playing")
        await ear.hears(10)
        await station.kill()
        await ear.hears(40)  # the sound goes on without the gateway
        await station.start()
        assert await state_of(station, order) == "playing"
        code, told = await yizhan(station, "say", "通知", "--zone", "moon")
        assert code == 1
        assert "moon" in told
        code, told = await yizhan(station, "say", "通知", "--zone", "hall", "--class", "fire")
        assert (code, "不能" in told) == (1, True)
        assert (await yizhan(station, "order", "stop"))[0] == 0
        code, told = await yizhan(station, "order", "list")
        assert order in told
        _, told = await yizhan(station, "order", "show", order, "--json")
        assert json.loads(told)["receipt"]["state"] == "playing", "STOP is for less than that"
        assert (await yizhan(station, "order", "stop", order))[0] == 0
        await until(station, order, "stopped")
        order = await emergency(station)
        await until(station, order, "playing")
        await station.kill()
        await station.start()
        await until(station, order, "finished")
    finally:
        await station.kill()
        ear.socket.close()


async def test_where_no_loudspeaker_is_set_up_the_remedy_is_said(tmp_path: Path):
    (tmp_path / "station.toml").write_text(first_lines(free_port()) + HALL, "utf-8")
    station = StationProcess(tmp_path)
    await station.start()
    try:
        for words in (("say", "通知", "--zone", "hall"), ("order", "list")):
            code, told = await yizhan(station, *words)
            assert code == 1
            assert "喇叭" in told
            assert "[speaker." in told
    finally:
        await station.kill()


def test_it_answers_at_each_address_that_there_would_be():
    def addresses(routes):
        return {(route.method, route.path) for route in routes}

    there = (
        *api.orders_api(*[None] * 4, known=None, voice=None).routes,
        *SpeakersApi({}, dict).routes(),
    )
    missing = ("GET", "/api/v1/speakers/{id}.sdp")
    assert addresses(no_speakers_api().routes) == addresses(there) - {missing}
