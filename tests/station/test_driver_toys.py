"""Toy families of every shape, laid beside the product and used in a started station.

This proves the recipes of `docs/CONTRIBUTING.md`: `tests/driver_toys` is an extension, and no other
file knows of it.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from drivers.emulate.slave import Slave
from gateway.config.forecast import make_forecast
from gateway.config.load import examine, load
from gateway.event import Lane
from gateway.health import BusVitals
from gateway.install.sandbox import gateway_dropin, is_tighter
from gateway.journal import Journal
from gateway.station.app import StationApp
from gateway.texts import LANGUAGES, Texts
from tests.conformance.shapes import WITH_TOYS, conformance_of
from tests.ports import free_port
from tests.station.harness import HALL, first_lines
from tests.station.running import running

SECRET = "a-secret-of-the-toys"
WITHIN_S = 20
VARIABLE = next(iter(WITH_TOYS.items()))


def settings(ports: dict[str, int]) -> str:
    return (
        first_lines(ports["web"])
        + HALL
        + f"""
[inlet.push]
kind = "http"
listen = "127.0.0.1:{ports["http"]}"
credential = "toys"
[inlet.panels]
kind = "tcp"
listen = "127.0.0.1:{ports["tcp"]}"
[bus.arm]
kind = "serial"
port = "socket://127.0.0.1:{ports["cuff"]}"
[bus.gate]
kind = "serial"
port = "socket://127.0.0.1:{ports["sign"]}"
[device.attic]
name = "阁楼"
profile = "toy-sensor"
inlet = "push"
address = "attic"
place = "hall"
[device.panel]
name = "主机"
profile = "toy-panel"
inlet = "panels"
address = "p1"
place = "hall"
[device.cuff]
name = "血压计"
profile = "toy-cuff"
bus = "arm"
address = "1"
place = "hall"
[device.sign]
name = "门口屏"
profile = "toy-sign"
bus = "gate"
address = "1"
place = "hall"
[rule.smoke]
use = "contact-active"
on = ["attic.smoke"]
set = {{ for_s = 0 }}
[linkage.sign]
when = "smoke"
do = [{{ relay = "sign.text", value = "阁楼冒烟" }}]
[duty]
roster = [{{ who = "duty", at = "00:00-24:00", by = ["desk"] }}]
escalate = [{{ after_s = 30, to = "duty" }}]
"""
    )


@contextlib.asynccontextmanager
async def on_tcp(slave: Slave, port: int) -> AsyncIterator[None]:
    """The device's side behind a serial server."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while frame := await reader.read(200):
            if slave.accepts(frame) and (answer := slave.answer(frame, 0.0)) is not None:
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


class Toys:
    """A started station with a toy of each shape."""

    def __init__(
        self, station: StationApp, ports: dict[str, int], cuff: Slave, sign: Slave
    ) -> None:
        self.station = station
        self.ports = ports
        self.cuff = cuff
        self.sign = sign

    async def post(self, body: bytes, address: str = "attic") -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.ports['http']}/in/{address}/{SECRET}"
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
            return answer.status, await answer.read()

    async def frame(self, frame: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports["tcp"])
        writer.write(frame)
        writer.write_eof()
        async with asyncio.timeout(WITHIN_S):
            replied = await reader.read()
        writer.close()
        return replied

    @property
    def journal(self) -> Journal:
        return self.station._journal

    async def alarms(self) -> list[dict[str, object]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.station.address + "api/v1/alarms") as answer,
        ):
            return await answer.json()

    async def stored(self) -> list[bytes]:
        """Every entry of every lane, as it is stored."""
        entries = []
        for lane in Lane:
            entries += await self.journal.read(lane, 0, 1000)
        return [entry.body for entry in entries]

    def bus(self, name: str) -> BusVitals:
        return next(bus for bus in self.station.health().buses if bus.id == name)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds():  # noqa: ASYNC110  # a sign has no event
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def toys(folder: Path) -> AsyncIterator[Toys]:
    ports = {name: free_port() for name in ("web", "http", "tcp", "cuff", "sign")}
    (folder / "station.toml").write_text(settings(ports), "utf-8")
    secret = folder / "state/keys/toys"
    secret.parent.mkdir(parents=True)
    secret.write_text(SECRET)
    secret.chmod(0o600)
    cuff = conformance_of("toy_cuff").conformance_device(1).slave
    sign = conformance_of("toy_sign").conformance_device().slave
    async with (
        on_tcp(cuff, ports["cuff"]),
        on_tcp(sign, ports["sign"]),
        running(folder, **WITH_TOYS) as station,
    ):
        made = Toys(station, ports, cuff, sign)
        await made.until(lambda: {bus.state for bus in station.health().buses} <= {"up", "wait"})
        yield made


@pytest.mark.slow
async def test_each_toy_does_its_work_in_a_started_station(tmp_path) -> None:
    async with toys(tmp_path) as made:
        station = made.station
        assert await made.post(b'{"temperature": 21.5, "smoke": false}') == (200, b"stored")
        stored = b"".join(await made.stored())
        assert b"21.5" in stored, "what was confirmed is in the journal"
        assert await made.post(b'{"smoke": true}') == (200, b"stored")
        (alarm,) = await made.alarms()
        assert (alarm["rule"], alarm["on"]) == ("smoke", True)
        await made.until(lambda: made.sign.shown)
        assert made.sign.shown == ["阁楼冒烟"]

        assert (await made.post(b"{", "attic"))[0] == 400
        assert (await made.post(b"{}", "nobody"))[0] == 404
        panel = conformance_of("toy_panel")
        body = panel.frame(b"p1=7")
        assert await made.frame(body) == b"+" + body[-1:]
        assert await made.frame(panel.frame(b"p9=7")) == b""

        before = await made.stored()
        until_s = asyncio.get_running_loop().time() + 10
        measured = await station.buses.measure("cuff", until_s)
        assert [sample.value for sample in measured.samples] == [121]
        await asyncio.sleep(1)
        assert not any(b"cuff" in body or b"121" in body for body in await made.stored())
        assert len(await made.stored()) >= len(before)
        assert station.intake.current.readings("cuff") == {}

        vitals = {bus.id: (bus.kind, bus.state) for bus in station.health().buses}
        assert vitals["push"] == ("http", "up")
        assert vitals["panels"] == ("tcp", "up")
        assert station.faults.all() == ()


@pytest.mark.slow
async def test_an_inlet_moves_with_the_settings_and_waits_for_a_held_port(tmp_path) -> None:
    async with toys(tmp_path) as made:
        before, free = made.ports["http"], free_port()
        with socket.create_server(("127.0.0.1", free)):
            made.ports["http"] = free
            (tmp_path / "station.toml").write_text(settings(made.ports), "utf-8")
            after = load(tmp_path)
            assert made.station.reconfiguration.restart_scope(after).buses == ("push",)
            await made.station.reconfiguration.switch_to(after)
            await made.until(lambda: made.bus("push").code == "inlet.port-held")
            assert made.bus("push").data == {"listen": f"127.0.0.1:{free}"}
            assert made.bus("panels").state == "up"
        await made.until(lambda: made.bus("push").state == "up")
        assert await made.post(b'{"temperature": 1}') == (200, b"stored")
        made.ports["http"] = before
        with pytest.raises(aiohttp.ClientConnectorError):
            await made.post(b'{"temperature": 2}')


@pytest.fixture
def named(monkeypatch) -> None:
    """The variable names the toys."""
    monkeypatch.setenv(*VARIABLE)


PORTS = {"web": 8080, "http": 8081, "tcp": 8082, "cuff": 8083, "sign": 8084}


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        ('inlet = "push"', 'bus = "arm"', "device.attic.bus", "inlet.needed"),
        ('inlet = "push"', "", "device.attic.bus", "settings.missing-key"),
        ('inlet = "push"', 'inlet = "push"\nbus = "arm"', "device.attic.inlet",
         "check.bus-and-inlet"),
        ('inlet = "push"', 'inlet = "psh"', "device.attic.inlet", "check.unknown-inlet"),
        ('inlet = "push"', 'inlet = "panels"', "device.attic.inlet", "inlet.no-family"),
        ('kind = "http"', 'kind = "mqtt"', "inlet.push.kind", "check.unknown-inlet-kind"),
        ("127.0.0.1:8081", "127.0.0.1:8082", "inlet.panels.listen", "inlet.listen-twice"),
        ("127.0.0.1:8081", "127.0.0.1:8080", "inlet.push.listen", "inlet.port-of-pages"),
        ("127.0.0.1:8081", "127.0.0.1:0", "inlet.push.listen", "inlet.bad-listen"),
        ("127.0.0.1:8081", "300.0.0.1:8081", "inlet.push.listen", "inlet.bad-listen"),
        ("[inlet.push]", "[inlet.arm]", "inlet.arm", "check.inlet-is-bus"),
        ('bus = "arm"', 'bus = "gate"', "bus.gate", "bus.mixed-shapes"),
        ('bus = "arm"', 'inlet = "push"', "inlet.push", "bus.mixed-shapes"),
        ('profile = "toy-cuff"', 'profile = "toy-cuff"\nreport = { systolic = {} }',
         "device.cuff.report", "measured.never-reported"),
        ('on = ["attic.smoke"]', 'on = ["attic.smoke", "cuff.systolic"]', "rule.smoke.on",
         "measured.no-rule"),
        ('value = "阁楼冒烟"', "value = true", "linkage.sign.do[0].value", "rules.needs-text"),
        ('credential = "toys"', "", "inlet.push.credential", "settings.missing-key"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("named")
def test_what_is_wrong_is_said_with_its_place_and_remedy(tmp_path, old, new, path, code) -> None:
    text = settings(PORTS)
    assert old in text
    (tmp_path / "station.toml").write_text(text.replace(old, new, 1), "utf-8")
    _, mistakes = examine(tmp_path)
    found = {(each.path, each.code): each for each in mistakes}
    assert (path, code) in found, found
    assert found[path, code].line > 0
    for language in LANGUAGES:
        assert Texts(language).remedy(code, **found[path, code].data)


@pytest.mark.usefixtures("named")
def test_the_settings_of_all_toys_are_accepted_and_forecast(tmp_path) -> None:
    (tmp_path / "station.toml").write_text(settings(PORTS), "utf-8")
    buses = {bus.id: bus for bus in make_forecast(load(tmp_path)).buses}
    assert buses["push"].load is None
    assert buses["push"].where == "127.0.0.1:8081"
    assert buses["gate"].devices == 1


@pytest.mark.usefixtures("named")
def test_the_sandbox_opens_the_ports_of_inlets_that_devices_use(tmp_path) -> None:
    text = settings(PORTS)
    (tmp_path / "station.toml").write_text(text, "utf-8")
    opened = gateway_dropin(load(tmp_path)).text
    assert "SocketBindAllow=tcp:8081\n" in opened
    assert "SocketBindAllow=tcp:8082\n" in opened
    without = text.replace(text[text.index("[device.panel]") : text.index("[device.cuff]")], "")
    (tmp_path / "station.toml").write_text(without, "utf-8")
    narrower = gateway_dropin(load(tmp_path)).text
    assert "tcp:8082" not in narrower, "no device comes in there"
    assert is_tighter(narrower, opened)
