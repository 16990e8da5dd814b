"""The whole station, measured from outside: start, memory, idle CPU, latency, CPU a point."""

import asyncio
import contextlib
import os
import sqlite3
import ssl
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from statistics import quantiles

import aiohttp
import msgspec
import pytest
from yarl import URL

from drivers.ble.emulator import DbusDaemon
from drivers.bus.rounds import plan_rounds
from drivers.family import Framing, WireCost
from drivers.modbus.driver import DRIVER
from gateway.access import codes
from tests.access.test_station import PASSWORD, claimed
from tests.bench.test_field_cpu import METER, bare_c, codec_alone
from tests.ports import free_port
from tests.station.harness import ROOT, StationProcess

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# The same forty registers that the codec is measured with (`test_field_cpu.METER`).
DENSE = "forty-registers"

# Two sensors that speak in the open; one with a key needs what signed orders need, too.
AIR = """
[bus.air]
kind = "ble"
[device.hall-climate]
name = "大厅温湿度"
profile = "bthome-temperature-humidity"
bus = "air"
address = "A4:C1:38:00:00:01"
place = ""
[device.roof-door]
name = "天台门"
profile = "shelly-blu-door-window"
bus = "air"
address = "A4:C1:38:00:00:04"
place = ""
"""

LOOKED_AT = ("/", "/desk/", "/desk/health", "/setup/", "/trust", "/api/v1/vitals")
# Beyond it somebody has made every station import something that few need.
RSS_MB_MAX = 66  # the goal is 64; 2 MB are for another machine

SETTLE_S = 12
BARE_S = 10
DOCTOR_S = 15  # the doctor has had his first look by then
BYTECODE = ROOT / ".dev" / "bytecode"


def allocation() -> dict[str, str]:
    """How the unit that is shipped lets memory be taken."""
    lines = (ROOT / "systemd" / "yizhan.service").read_text("utf-8").splitlines()
    said = [line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")]
    words = " ".join(said).split()
    return dict(word.split("=", 1) for word in words if word.startswith("MALLOC_"))


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
        air: str = "",
    ) -> None:
        """`air` is the D-Bus with the emulated sensors, of which two are the station's."""
        self.folder = folder
        self.port, self.platform_port, self.panel_port = free_port(), free_port(), free_port()
        self.lan_port = free_port()
        self.cpu_ready_s = 0.0
        self.gateways = ports = [free_port() for _ in range(gateways)]
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
            f"[web]\nport = {self.port}\nlan_port = {self.lan_port}\n"
            f"[discovery]\nannounce = false\n"
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
        if air:
            station += AIR
        self._air = air
        (folder / "config" / "devices").mkdir(parents=True)
        (folder / "config" / "devices" / f"{DENSE}.toml").write_text(dense(), "utf-8")
        (folder / "field.toml").write_text(field, "utf-8")
        (folder / "config" / "station.toml").write_text(station, "utf-8")
        # An installed station has its bytecode; a checkout under test may have none.
        environ = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
        environ |= allocation()
        if air:
            environ["DBUS_SYSTEM_BUS_ADDRESS"] = air
        self.station = StationProcess(folder / "config", **environ)

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[float]:
        """Everything runs; yields the seconds from start to ready."""
        platform = ("gateway.demo.platform", "--port", self.platform_port)
        away = ("--platform", "-", "--live", "-", "--dispatcher", "-")
        air = ("--air", self._air) if self._air else ()
        field = ("gateway.demo.field", "--panel", self.panel_port, *away, *air)
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
            ready_s = await self.station.start()
            self.cpu_ready_s = self.cpu_s()
            yield ready_s
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

    def written(self) -> int:
        """Bytes that the station has sent to the disk so far."""
        lines = Path(f"/proc/{self.station.pid}/io").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))

    def received(self) -> tuple[int, list[float]]:
        """How many values the platform has, and how old each event was when it came, in ms."""
        db = sqlite3.connect(f"file:{self.folder}/platform/platform.db?mode=ro", uri=True)
        with contextlib.closing(db):
            rows = db.execute("SELECT came_ms, body FROM event WHERE lane = 'telemetry'").fetchall()
        values, ages_ms = 0, []
        for came_ms, body in rows:
            event = msgspec.json.decode(body if body[:1] == b"{" else b"{" + body)
            values += len(event["data"]["v"])
            if "time" in event:  # a busy machine may learn the time a little late
                ages_ms.append(came_ms - datetime.fromisoformat(event["time"]).timestamp() * 1000)
        return values, ages_ms


async def test_start_and_memory_with_sixty_devices(tmp_path) -> None:
    async with DbusDaemon() as broker:
        scene = Scene(tmp_path, meters=58, every_s=15, air=broker.address)
        async with scene.playing() as ready_s:
            await asyncio.sleep(SETTLE_S)
            print(f"\n60 devices, HTTP uplink, BLE: ready after {ready_s:.2f} s ", end="")
            print(f"(goal 0.5; {scene.cpu_ready_s:.2f} s of CPU); ", end="")
            print(f"RSS {scene.rss_mb():.1f} MB, ", end="")
            await look(scene)
            await asyncio.sleep(DOCTOR_S)
            whole_mb = scene.rss_mb()
            print(f"{whole_mb:.1f} MB with TLS and pages looked at (goal 64)")
    assert whole_mb < RSS_MB_MAX


async def look(scene: Scene) -> None:
    """Claim the station, which opens its door; then sign in by TLS and read pages."""
    context = ssl.create_default_context(
        cadata=await claimed(scene.port, await scene.station.claim_code())
    )
    base, jar = f"https://localhost:{scene.lan_port}", aiohttp.CookieJar(unsafe=True)
    line = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(base, connector=line, cookie_jar=jar) as reader:
        await (await reader.get("/signin")).read()
        form = codes.form_token(jar.filter_cookies(URL(base))["__Host-form"].value)
        fields = {"form": form, "id": "boss", "password": PASSWORD}
        await (await reader.post("/signin/enter", data=fields, headers={"Origin": base})).read()
        for page in LOOKED_AT:
            async with reader.get(page, headers={"Accept": "text/html"}) as answer:
                assert answer.status == 200, page
                await answer.read()


async def test_idle_cpu_and_latency_at_fifty_points_a_second(tmp_path) -> None:
    scene = Scene(tmp_path, meters=10, every_s=3)  # 10 meters × 15 points / 3 s
    async with scene.playing():
        await asyncio.sleep(SETTLE_S)
        before_s = scene.cpu_s()
        await asyncio.sleep(30)
        share = (scene.cpu_s() - before_s) / 30
        _, ages_ms = scene.received()
        cuts = quantiles(ages_ms[len(ages_ms) // 4 :], n=100)
        print(f"\n50 points/s: {share:.2%} of a core (goal 0.3 %); meter → platform ", end="")
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
        await scene.station.stop()
        bare_s = await bare_poller(scene.gateways)
    print(f"\n100,000 points polled, ruled, journalled, receipted: {took_s:.2f} s CPU at ", end="")
    print(f"{points / 30:.0f} points/s; ", end="")
    print(f"a bare loop that polls and decodes the same over TCP {bare_s:.2f} s ", end="")
    print(f"({took_s / bare_s:.1f} ×, goal 3 ×), the codec alone {codec_s:.2f} s ", end="")
    print(f"({took_s / codec_s:.1f} ×), bare C {floor_s * 1000:.1f} ms")


# Points a second, and the period of meters of forty registers that together give them.
RATES = ((500, 1.0), (2_000, 1.0), (10_000, 0.2))


@pytest.mark.parametrize(("rate", "every_s"), RATES)
async def test_cpu_latency_and_disk_at_three_rates(rate, every_s, tmp_path) -> None:
    meters = round(rate * every_s / len(METER.points))
    scene = Scene(tmp_path, meters=meters, every_s=every_s, gateways=min(meters, 10), profile=DENSE)
    async with scene.playing():
        await asyncio.sleep(SETTLE_S)
        before_s, written_before = scene.cpu_s(), scene.written()
        before, ages_before = scene.received()
        await asyncio.sleep(30)
        took_s, written = scene.cpu_s() - before_s, scene.written() - written_before
        points, ages_ms = scene.received()
    points -= before
    cuts = quantiles(ages_ms[len(ages_before) :], n=100)
    print(f"\n{points / 30:.0f} points/s of {rate}: {took_s * 100_000 / points:.2f} s CPU ", end="")
    print(
        f"per 100,000 (goal {CPU_GOALS_S[rate]}); meter → platform p50 {cuts[49]:.0f} ms, ", end=""
    )
    print(f"p95 {cuts[94]:.0f} ms; {written * 100_000 / points / 1e6:.1f} MB written per 100,000")


CPU_GOALS_S = {500: 1.6, 2_000: 1.2, 10_000: 0.75}


async def bare_poller(ports: Sequence[int]) -> float:
    """CPU per 100,000 points of our codec and coalescing over TCP: no bus, no event, no journal."""
    until_s = asyncio.get_running_loop().time() + BARE_S
    began_s = time.process_time()
    polls = sum(await asyncio.gather(*(poll_bare(port, until_s) for port in ports)))
    return (time.process_time() - began_s) * 100_000 / (polls * len(METER.points))


async def poll_bare(port: int, until_s: float) -> int:
    """One gateway with its two meters, asked as often as the station asks; how many answers."""
    loop, polls = asyncio.get_running_loop(), 0
    wire = WireCost(Framing.MBAP)
    asked = [
        plan_rounds(msgspec.structs.replace(METER, address=unit), DRIVER, wire)[0].transactions[0]
        for unit in ("1", "2")
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (now_s := loop.time()) < until_s:
        transaction = asked[polls % 2]
        request = transaction.request
        writer.write(polls.to_bytes(2) + b"\0\0" + len(request).to_bytes(2) + request)
        head = await reader.readexactly(6)
        frame = await reader.readexactly(int.from_bytes(head[4:]))
        assert transaction.expect.find(frame, final=True) is not None
        assert len(transaction.decode(frame)) == len(METER.points)
        polls += 1
        await asyncio.sleep(now_s + 0.1 - loop.time())
    writer.close()
    return polls
