"""The whole station, measured from outside: start, memory, idle CPU, latency, CPU a point."""

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from statistics import quantiles

import msgspec
import pytest

from tests.bench.test_field_cpu import METER, bare_c, codec_alone
from tests.station.rig import ROOT, StationProcess, free_port

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
DENSE = "forty-registers"
"""The same forty registers that the codec is measured with (`test_field_cpu.METER`)."""

SETTLE_S = 12
BYTECODE = ROOT / ".dev" / "bytecode"


def dense() -> str:
    """A device model of forty registers in one block."""
    points = "".join(
        f'[[point]]\nid = "{point.id}"\nname = {{ zh = "{point.id}", en = "{point.id}" }}\n'
        f'kind = "holding"\naddress = {point.address}\nscale = {point.scale}\ndecimals = 1\n'
        for point in METER.points
    )
    name = 'name = { zh = "四十个寄存器", en = "Forty registers" }'
    return f'schema = 1\nid = "{DENSE}"\n{name}\nfamily = "modbus"\nunverified = true\n{points}'


class Scene:
    """A station with so many emulated meters behind TCP gateways, and a platform, all processes."""

    def __init__(
        self,
        folder: Path,
        *,
        meters: int,
        every_s: float,
        gateways: int = 3,
        profile: str = "eastron-sdm630",
    ) -> None:
        self.folder = folder
        self.port, self.platform_port, self.panel_port = free_port(), free_port(), free_port()
        ports = [free_port() for _ in range(gateways)]
        names = [(f"m{n}", n % gateways, n // gateways + 1) for n in range(meters)]
        field = "".join(
            f'[bus.g{n}]\nkind = "modbus-tcp"\nport = {port}\nline = "115200 8N1"\n'
            for n, port in enumerate(ports)
        ) + "".join(
            f'[meter.{name}]\nprofile = "{profile}"\nbus = "g{bus}"\nunit = {unit}\n'
            for name, bus, unit in names
        )
        station = (
            'schema = 1\n[station]\nid = "bench"\nname = "量"\n[journal]\nquota_mb = 64\n'
            f"[web]\nport = {self.port}\n[discovery]\nannounce = false\n"
            f'[upstream.p]\nkind = "http"\nurl = "http://127.0.0.1:{self.platform_port}"\n'
        )
        station += "".join(
            f'[bus.g{n}]\nkind = "modbus-tcp"\naddress = "127.0.0.1:{port}"\n'
            for n, port in enumerate(ports)
        ) + "".join(
            f'[device.{name}]\nname = "{name}"\nprofile = "{profile}"\nbus = "g{bus}"\n'
            f'address = "{unit}"\nplace = ""\nevery_s = {every_s}\n'
            for name, bus, unit in names
        )
        (folder / "config" / "devices").mkdir(parents=True)
        (folder / "config" / "devices" / f"{DENSE}.toml").write_text(dense(), "utf-8")
        (folder / "field.toml").write_text(field, "utf-8")
        (folder / "config" / "station.toml").write_text(station, "utf-8")
        # An installed station has its bytecode; a checkout under test may have none.
        bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
        self.station = StationProcess(folder / "config", **bytecode)

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[float]:
        """Everything runs; yields the seconds from start to ready."""
        platform = ("gateway.demo.platform", "--port", self.platform_port)
        away = ("--platform", "-", "--live", "-", "--dispatcher", "-")
        field = ("gateway.demo.field", "--panel", self.panel_port, *away)
        others = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *map(str, command), "--dir", str(at)),
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
            )
            for command, at in ((platform, self.folder / "platform"), (field, self.folder))
        ]
        await asyncio.sleep(2)
        try:
            for _ in range(2):  # bytecode and keys are made, then the time becomes known
                await self.station.start()
                await asyncio.sleep(2)
                await self.station.stop()
            yield await self.station.start()
        finally:
            await self.station.kill()
            for process in others:
                process.kill()
                await process.wait()

    def cpu_s(self) -> float:
        """User and system time of the station so far."""
        fields = Path(f"/proc/{self.station.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def rss_mb(self) -> float:
        """Resident memory of the station now."""
        status = Path(f"/proc/{self.station.pid}/status").read_text("ascii")
        return int(status.split("VmRSS:", 1)[1].split()[0]) / 1024

    def received(self) -> tuple[int, list[float]]:
        """How many values the platform has, and how old each event was when it came, in ms."""
        db = sqlite3.connect(f"file:{self.folder}/platform/platform.db?mode=ro", uri=True)
        with contextlib.closing(db):
            rows = db.execute("SELECT came_ms, body FROM event WHERE lane = 'telemetry'").fetchall()
        values, ages_ms = 0, []
        for came_ms, body in rows:
            event = msgspec.json.decode(body if body[:1] == b"{" else b"{" + body)
            values += len(event["data"]["v"])
            ages_ms.append(came_ms - datetime.fromisoformat(event["time"]).timestamp() * 1000)
        return values, ages_ms


async def test_start_and_memory_with_sixty_devices(tmp_path) -> None:
    scene = Scene(tmp_path, meters=60, every_s=15)
    async with scene.playing() as ready_s:
        await asyncio.sleep(SETTLE_S)
        print(f"\n60 devices, web, HTTP uplink: ready after {ready_s:.2f} s (goal 0.5), ", end="")
        print(f"RSS {scene.rss_mb():.1f} MB (goal 64)")
        assert scene.rss_mb() < 64


async def test_idle_cpu_and_latency_at_fifty_points_a_second(tmp_path) -> None:
    scene = Scene(tmp_path, meters=10, every_s=3)  # 10 meters × 15 points / 3 s
    async with scene.playing():
        await asyncio.sleep(SETTLE_S)
        before_s = scene.cpu_s()
        await asyncio.sleep(30)
        share = (scene.cpu_s() - before_s) / 30
        _, ages_ms = scene.received()
        cuts = quantiles(ages_ms[len(ages_ms) // 4 :], n=100)
        print(f"\n50 points/s: {share:.2%} of a core (goal 0.5 %); meter → platform ", end="")
        print(f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms (goal 50)")


async def test_cpu_per_hundred_thousand_points_end_to_end(tmp_path) -> None:
    floor_s, codec_s = bare_c(tmp_path), min(codec_alone() for _ in range(3))
    scene = Scene(tmp_path, meters=40, every_s=0.2, gateways=20, profile=DENSE)
    async with scene.playing():
        await asyncio.sleep(SETTLE_S)
        before_s, (before, _) = scene.cpu_s(), scene.received()
        await asyncio.sleep(30)
        after, _ = scene.received()
        points = after - before
        took_s = (scene.cpu_s() - before_s) * 100_000 / points
    print(f"\n100,000 points polled, ruled, journalled, receipted: {took_s:.2f} s CPU ", end="")
    print(f"({points:,} measured at {points / 30:.0f}/s); our codec alone {codec_s:.2f} s ", end="")
    print(f"({took_s / codec_s:.1f} ×), bare C {floor_s * 1000:.1f} ms; Node-RED 5.4 s, ", end="")
    print("ThingsBoard gateway 12 to 27 s, both less durable")
