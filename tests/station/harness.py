"""A whole station under test: the real process, emulated meters, the reference platform."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.profiles import find_profile
from gateway.demo.platform.app import Platform
from tests.ports import free_port

READY_WITHIN_S = 60
LINE_EVERY_S_MIN = 0.3  # what a 9600 baud line bears
ROOT = Path(__file__).parents[2]
HALL = """[place]
hall = { name = "大厅" }
[zone]
hall = { name = "大厅", places = ["hall"], sound = "indoors" }
"""


def first_lines(port: int, station: str = "") -> str:
    """With what the settings of a station under test begin; `station` is more about it."""
    return (
        f'schema = 1\n[station]\nid = "under-test"\nname = "试验站"\n{station}'
        "[journal]\nquota_mb = 16\n"
        f"[web]\nport = {port}\n[discovery]\nannounce = false\n"
    )


class StationProcess:
    """`yizhan run` as systemd would start it: notify socket, runtime directory, SIGTERM."""

    module = "gateway.cli"

    def __init__(self, folder: Path, wrap: tuple[str, ...] = (), **environ: str) -> None:
        self.folder = folder
        self.output = folder / "station.log"
        self.run_folder = folder / "run"
        self.run_folder.mkdir(exist_ok=True)
        (folder / "state").mkdir(exist_ok=True)
        self._wrap = wrap
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        return self.output.read_text("utf-8") if self.output.exists() else ""

    async def start(self) -> float:
        """Start and wait for READY=1; the seconds that it took."""
        path = self.run_folder / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
            notify.bind(str(path))
            began_s = time.monotonic()
            await self.launch(NOTIFY_SOCKET=str(path))
            async with asyncio.timeout(READY_WITHIN_S):
                while b"READY=1" not in await asyncio.get_running_loop().sock_recv(notify, 4096):
                    pass  # a slow start says first that it goes on
            return time.monotonic() - began_s

    async def launch(self, **environ: str) -> None:
        """Start without waiting."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._wrap, sys.executable, "-m", self.module, "run"),
                *("--config", str(self.folder), "--state", str(self.folder / "state")),
                env={
                    **os.environ,
                    "RUNTIME_DIRECTORY": str(self.run_folder),
                    "PYTHONPATH": str(ROOT),
                    "LANG": "zh_CN.UTF-8",
                    **environ,
                    **self._environ,
                },
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def ended(self, within_s: float = 60) -> int:
        """Wait for the end; the exit code."""
        assert self._process is not None
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> float:
        """SIGTERM; the seconds until the process has ended."""
        assert self._process is not None
        began_s = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        await self.ended()
        return time.monotonic() - began_s

    async def claim_code(self) -> str:
        """What `yizhan accounts claim-code` prints on this machine."""
        asked = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "accounts", "claim-code"),
            env={
                **os.environ,
                "RUNTIME_DIRECTORY": str(self.run_folder),
                "PYTHONPATH": str(ROOT),
                "LANG": "zh_CN.UTF-8",
            },
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asked.communicate()
        assert asked.returncode == 0
        return said.decode().strip()

    async def get(self, path: str, port: int) -> Any:
        """JSON of the station's API."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return await answer.json()


class Rig:
    """Everything around the station; `write_settings` makes its `station.toml` by hand."""

    def __init__(self, folder: Path, *, every_s: float = 0.3, meters: int = 3) -> None:
        self.folder = folder
        self.port = free_port()
        self.platform_port = free_port()
        self.every_s = every_s
        buses = {
            "line": EmulatedBusSpec(kind="serial", link=str(folder / "ttyLINE")),
            "box": EmulatedBusSpec(kind="modbus-tcp", port=free_port()),
        }
        specs = {
            f"m{n}": EmulatedMeterSpec(profile="eastron-sdm120", bus=("line", "box")[n % 2], unit=n)
            for n in range(1, meters + 1)
        }
        self.field = EmulatedField.from_spec(
            EmulatedFieldSpec(bus=buses, meter=specs), find_profile
        )
        self.box_port = buses["box"].port
        self.meters = specs
        self.platform = Platform(folder / "platform")
        self.station = StationProcess(folder)

    @property
    def _on_line(self) -> str:
        return f'every_s = {max(self.every_s, LINE_EVERY_S_MIN)}\nline = "9600 8N1"\n'

    def write_settings(self, extra: str = "") -> None:
        devices = "".join(
            f'[device.{name}]\nname = "表{spec.unit}"\nprofile = "{spec.profile}"\n'
            f'bus = "{spec.bus}"\naddress = "{spec.unit}"\nplace = ""\n'
            + (self._on_line if spec.bus == "line" else f"every_s = {self.every_s}\n")
            for name, spec in self.meters.items()
        )
        (self.folder / "station.toml").write_text(
            first_lines(self.port)
            + f'[bus.line]\nkind = "serial"\nport = "{self.folder}/ttyLINE"\nline = "9600 8N1"\n'
            f'[bus.box]\nkind = "modbus-tcp"\naddress = "127.0.0.1:{self.box_port}"\n'
            f"{devices}"
            f'[upstream.district]\nkind = "http"\nurl = "http://127.0.0.1:{self.platform_port}"\n'
            f"{extra}",
            "utf-8",
        )

    async def vitals(self) -> Any:
        return await self.station.get("/api/v1/vitals", self.port)

    async def page(self, path: str) -> str:
        """A page as the browser gets it, in Chinese."""
        async with (
            aiohttp.ClientSession(headers={"Accept-Language": "zh-CN"}) as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return await answer.text()

    async def platform_mood(self, mood: str) -> None:
        """Let the platform misbehave."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.platform.url}/api/mood", json={"mood": mood}) as answer,
        ):
            assert answer.status == 200

    async def lanes(self) -> dict[str, Any]:
        """What the platform holds, by lane, of the station's present epoch."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.platform.url}/api/state") as answer,
        ):
            state = await answer.json()
        epochs = {lane["epoch"] for lane in state["lanes"]}
        if len(epochs) > 1:
            epochs = {(await self.vitals())["journal"]["epoch"]}
        return {lane["lane"]: lane for lane in state["lanes"] if lane["epoch"] in epochs}

    async def until(self, condition: Any, within_s: float = 60) -> Any:
        """Ask again until the condition holds; what it gave."""
        async with asyncio.timeout(within_s):
            while True:
                found = await condition()
                if found:
                    return found
                await asyncio.sleep(0.1)

    async def telemetry_beyond(self, number: int) -> int:
        """Wait until the platform has more readings than that."""

        async def arrived() -> int:
            upto = (await self.lanes()).get("telemetry", {}).get("upto", 0)
            return upto if upto > number else 0

        return int(await self.until(arrived))


@contextlib.asynccontextmanager
async def rig(folder: Path, **options: Any) -> AsyncIterator[Rig]:
    """A rig whose field and platform are up; the station is yours to start."""
    made = Rig(folder, **options)
    made.write_settings()
    await made.field.start()
    await made.platform.start("127.0.0.1", made.platform_port)
    try:
        yield made
    finally:
        if made.station._process is not None:
            await made.station.kill()
        await made.platform.stop()
        await made.field.stop()
