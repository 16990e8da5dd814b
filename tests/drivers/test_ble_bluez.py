"""The real bleak against an emulated BlueZ on a private D-Bus: scanning, loss, return, load."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.bluezdbus import manager

import drivers.ble.bus
import drivers.ble.scan_watchdog
from drivers.ble.bus import BleBus
from drivers.ble.codec import FORMATS
from drivers.ble.driver import BUS_KINDS
from drivers.ble.emulator import DbusDaemon, FakeBluez, VirtualRadio, parse_radio
from drivers.ble.emulator.bluez import AdvertPayload
from drivers.ble.options import BleBusOptions, BleDeviceOptions
from drivers.contract import (
    BusChange,
    BusState,
    Device,
    DeviceChange,
    DeviceState,
    Point,
    PollResult,
    Quality,
)

ROOT = Path(__file__).parents[2]
EIGHT = ROOT / "drivers/ble/emulator/eight.toml"
WITHIN_S = 60.0
(BLE,) = BUS_KINDS

AIR = """
[sensor.plain]
format = "bthome"
address = "A4:C1:38:00:00:01"
every_s = 0.2
says = { temperature = 21.5, door = true }
[sensor.sealed]
format = "bthome"
address = "A4:C1:38:00:00:02"
every_s = 0.2
key = "231d39c1d7cc1ab1aee224cd096db932"
says = { temperature = 4.25, humidity = 61.0 }
[sensor.mijia]
format = "mibeacon"
address = "A4:C1:38:00:00:03"
every_s = 0.2
key = "e9ea895fac7cca6d30532432a516f3a8"
says = { temperature = 19.5, leak = true }
[sensor.tag]
format = "ibeacon"
address = "A4:C1:38:00:00:04"
every_s = 0.2
says = { uuid = "fda50693-a4e2-4fb1-afcf-c6eb07647825", major = 10001, minor = 19641 }
[sensor.chair]
format = "eddystone"
address = "A4:C1:38:00:00:05"
every_s = 0.2
says = { namespace = "edd1ebeac04e5defa017", instance = "ebb1cb1c7cc1", voltage = 2.93 }
"""
POINTS = {
    "plain": [("bthome", "temperature"), ("bthome", "door")],
    "sealed": [("bthome", "temperature"), ("bthome", "humidity")],
    "mijia": [("mibeacon", "temperature"), ("mibeacon", "leak")],
    "tag": [("ibeacon", "major"), ("radio", "rssi")],
    "chair": [("eddystone", "voltage")],
}


async def until(happened) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not happened():  # noqa: ASYNC110 - whatever is waited for has no event
            await asyncio.sleep(0.02)


def point(kind: str, what: str) -> Point:
    units = {each.name: each.units for each in FORMATS} | {"radio": {"rssi": "dB[mW]"}}
    return Point(id=what, kind=kind, address=what, unit=units[kind][what], decimals=2)


class Station:
    """A bus beside an emulated air, and what it has said so far."""

    def __init__(self, air: VirtualRadio, **options: Any) -> None:
        self.air = air
        self.results: list[PollResult] = []
        self.changes: list[BusChange | DeviceChange] = []
        devices = [self._device(name) for name in air.spec.sensor]
        built = BLE.build(
            "air", BleBusOptions(**options), devices, self.results.append, self.changes.append
        )
        assert isinstance(built, BleBus)
        self.bus = built

    def _device(self, name: str) -> Device:
        spec = self.air.spec.sensor[name]
        points = tuple(point(kind, what) for kind, what in POINTS[name])
        return Device(
            id=name,
            family="ble",
            address=spec.address,
            points=points,
            options=BleDeviceOptions(bind_key=spec.key),
            every_s=0.7,
        )

    async def until(self, happened) -> None:
        await until(happened)

    def latest(self, device: str) -> dict[str, Any]:
        latest: dict[str, Any] = {}
        for result in self.results:
            if result.device == device:
                latest.update({each.point: each.value for each in result.readings})
        return latest

    def bus_states(self) -> list[str]:
        return [
            f"{each.state.value} {each.code or ''}".strip()
            for each in self.changes
            if isinstance(each, BusChange)
        ]

    def states(self, device: str) -> list[DeviceState]:
        return [
            each.state
            for each in self.changes
            if isinstance(each, DeviceChange) and each.device == device
        ]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch) -> None:
    """Real time passes here: look and try again more often than a station does."""
    monkeypatch.setattr(drivers.ble.bus, "SWEEP_S", 0.1)
    monkeypatch.setattr(drivers.ble.scan_watchdog, "CHECK_S", 0.2)
    monkeypatch.setattr(drivers.ble.scan_watchdog, "RETRY_MAX_S", 1.0)


@pytest.fixture
async def broker(monkeypatch) -> AsyncIterator[DbusDaemon]:
    async with DbusDaemon() as broker:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", broker.address)
        yield broker
        await _let_bleak_go()


async def _let_bleak_go() -> None:
    """bleak keeps its D-Bus connection as long as the loop; a test's loop ends before the bus."""
    instance = manager._global_instances.pop(asyncio.get_running_loop(), None)
    if instance is not None and instance._bus is not None:
        instance._bus.disconnect()
        if instance._bus_watcher_task is not None:
            await asyncio.wait({instance._bus_watcher_task})


@contextlib.asynccontextmanager
async def station(broker: DbusDaemon, text: str = AIR, **options: Any) -> AsyncIterator[Station]:
    async with VirtualRadio(parse_radio(text), FakeBluez()).serve(broker.address) as air:
        there = Station(air, **options)
        task = asyncio.create_task(there.bus.run())
        try:
            yield there
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_every_format_is_heard_plain_and_sealed(broker) -> None:
    async with station(broker) as here:
        await here.until(lambda: len(here.latest("mijia")) == 2 and here.latest("chair"))
        await here.until(lambda: all(here.latest(name) for name in POINTS))
        assert here.latest("plain") == {"temperature": 21.5, "door": True}
        assert here.latest("sealed") == {"temperature": 4.25, "humidity": 61}
        assert here.latest("mijia") == {"temperature": 19.5, "leak": True}
        assert here.latest("tag")["major"] == 10001
        assert -64 <= here.latest("tag")["rssi"] <= -60
        assert here.latest("chair") == {"voltage": 2.93}
        assert here.bus_states() == ["up"]
        assert all(here.states(name) == [DeviceState.OK] for name in POINTS)
        assert here.air.bluez.scans == 1


async def test_unchanged_adverts_are_asked_for_because_they_are_signs_of_life(broker) -> None:
    async with station(broker) as here:
        await here.until(lambda: here.latest("tag"))
        (known,) = (each for each in here.bus._ears.sensors if each.device.id == "tag")
        before = known.stats.transactions
        await here.until(lambda: known.stats.transactions >= before + 5)
        assert here.states("tag") == [DeviceState.OK]


async def test_the_faults_of_sensors_are_said_and_taken_back(broker) -> None:
    async with station(broker) as here:
        await here.until(lambda: all(here.latest(name) for name in POINTS))
        here.air.set_fault("plain", "silent")
        here.air.set_fault("sealed", "wrong-key")
        here.air.set_fault("mijia", "garbage")
        here.air.set_fault("tag", "gone")
        await here.until(lambda: DeviceState.SILENT in here.states("plain"))
        await here.until(lambda: DeviceState.FAULTY in here.states("sealed"))
        await here.until(lambda: DeviceState.FAULTY in here.states("mijia"))
        await here.until(lambda: DeviceState.SILENT in here.states("tag"))
        assert here.latest("plain") == {"temperature": None, "door": None}
        assert here.latest("sealed") == {"temperature": None, "humidity": None}
        for name in POINTS:
            here.air.clear_fault(name)
        await here.until(lambda: all(here.states(name)[-1] is DeviceState.OK for name in POINTS))
        await here.until(lambda: here.latest("plain")["temperature"] == 21.5)
        assert here.states("chair") == [DeviceState.OK]
        assert here.bus_states() == ["up"]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "code"), [("off", "ble.off"), ("unplugged", "ble.no-adapter")])
async def test_a_radio_that_goes_and_comes_back_is_said_once_each(broker, fault, code) -> None:
    async with station(broker) as here:
        await here.until(lambda: here.latest("plain"))
        here.air.set_fault("adapter", fault)
        await here.until(lambda: here.bus.stats.state is BusState.DOWN)
        await here.until(lambda: here.latest("plain") == {"temperature": None, "door": None})
        here.air.clear_fault("adapter")
        await here.until(lambda: here.bus.stats.state is BusState.UP)
        await here.until(lambda: here.latest("plain") == {"temperature": 21.5, "door": True})
        assert here.bus_states() == ["up", f"down {code}", "up"]
        assert here.states("plain") == [DeviceState.OK]
        stale = [each for each in here.results if each.device == "plain" and each.fault]
        assert {each.quality for result in stale for each in result.readings} == {Quality.STALE}


async def test_a_scanner_that_went_deaf_is_started_again(broker) -> None:
    async with station(broker, watchdog_s=1.5) as here:
        await here.until(lambda: here.latest("plain"))
        here.air.set_fault("adapter", "deaf")
        await here.until(lambda: here.bus.air.restarts >= 1)
        heard = here.bus.air.adverts
        await here.until(lambda: here.bus.air.adverts > heard)
        assert here.bus_states() == ["up"]
        assert here.air.bluez.scans >= 2


async def test_a_bluetoothd_that_is_restarted_is_found_again(broker) -> None:
    async with station(broker, watchdog_s=1.5) as here:
        await here.until(lambda: here.latest("plain"))
        await here.air.bluez.close()
        await here.until(lambda: here.bus.stats.state is BusState.DOWN)
        await here.air.bluez.serve(broker.address)
        await here.until(lambda: here.bus.stats.state is BusState.UP)
        here.results.clear()
        await here.until(lambda: here.latest("plain"))
        assert here.bus_states() == ["up", "down ble.refused", "up"]


async def test_a_station_that_starts_anew_hears_them_again(broker) -> None:
    async with VirtualRadio(parse_radio(AIR), FakeBluez()).serve(broker.address) as air:
        for _ in range(2):
            there = Station(air)
            task = asyncio.create_task(there.bus.run())
            await there.until(lambda there=there: there.latest("plain"))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await _let_bleak_go()
        assert air.bluez.scans == 2


async def test_a_d_bus_that_dies_is_a_lost_radio(broker) -> None:
    async with station(broker) as here:
        await here.until(lambda: here.latest("plain"))
        await broker.stop()
        await here.until(lambda: here.bus.stats.state is BusState.DOWN)
        assert here.bus_states() == ["up", "down ble.no-bluez"]


async def test_without_a_bus_the_radio_is_not_there(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    changes: list[Any] = []
    bus = BLE.build("air", BleBusOptions(), [], lambda _result: None, changes.append)
    task = asyncio.create_task(bus.run())
    await until(lambda: changes)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [(each.state, each.code) for each in changes] == [(BusState.DOWN, "ble.no-bluez")]


def rss_kb() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


async def flood(here: Station, adverts: int) -> None:
    """So many adverts of one sensor, each with news."""
    for _ in range(adverts):
        assert here.air.bluez.advert("A4:C1:38:00:00:01", here.air.next_messages("plain"))


async def test_three_thousand_adverts_and_none_is_lost(broker) -> None:
    quiet = AIR.replace("every_s = 0.2", "every_s = 3600")
    async with station(broker, quiet) as here:
        await here.until(lambda: here.air.bluez.is_scanning)
        began_s = time.process_time()
        await flood(here, 3000)
        await here.until(lambda: here.bus.air.known >= 3000)
        took_s = time.process_time() - began_s
        assert here.bus.air.known == 3000
        assert len(here.results) == 3000
        print(
            f"\nble: 3000 of 3000 adverts, {took_s / 3000 * 1e6:.0f} us of CPU each, "
            "with the emulated sensor and BlueZ in the same process"
        )


@pytest.mark.slow
async def test_ten_thousand_strangers_leave_nothing_behind(broker) -> None:
    quiet = AIR.replace("every_s = 0.2", "every_s = 3600")
    async with station(broker, quiet) as here:
        await here.until(lambda: here.air.bluez.is_scanning)
        memory = []
        for lot in range(20):
            addresses = [f"7A:00:00:{lot:02X}:{n >> 8:02X}:{n & 255:02X}" for n in range(512)]
            for address in addresses:
                here.air.bluez.advert(address, AdvertPayload(maker_data={0x004C: b"\x10\x05\x01"}))
            await here.until(lambda lot=lot: here.bus.air.strangers == (lot + 1) * 512)
            for address in addresses:
                here.air.bluez.forget(address)
            memory.append(rss_kb())
        print(f"\nble: 10240 strangers came and went, RSS {memory[4]} -> {memory[-1]} kB")
        assert memory[-1] - memory[4] < 3_000
        assert here.bus.air.known == 0
        assert here.bus._scanner._scanner.discovered_devices == []


def test_bleak_is_loaded_only_when_a_scan_begins() -> None:
    program = (
        "import pathlib, sys\n"
        "import asyncio, msgspec, drivers.ble.driver, drivers.ble.bluez, drivers.ble.bus\n"
        "assert not {'bleak', 'dbus_fast', 'cryptography'} & set(sys.modules)\n"
        "def kb():\n"
        "    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    return int(status.partition('VmRSS:')[2].split()[0])\n"
        "before = kb()\n"
        "import bleak, bleak.backends.bluezdbus.scanner\n"
        "print(kb() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    grown_kb = int(done.stdout)
    print(f"\nble: loading bleak and its BlueZ backend takes {grown_kb / 1024:.1f} MB")
    assert 0 < grown_kb < 16 * 1024


async def test_the_emulated_air_runs_in_a_process_of_its_own(monkeypatch) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drivers.ble.emulator", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(WITHIN_S):
            told = json.loads(await process.stdout.readline())
            assert len(told["sensors"]) == 8
            assert told["address"].startswith("unix:path=")
            for line, answer in [
                ("fault hall-climate silent", "ok"),
                ("fault adapter off", "ok"),
                ("clear adapter", "ok"),
                ("set roof-door window true", "ok"),
                ("fault hall-climate tired", "no:"),
                ("fault nobody silent", "no:"),
                ("set roof-door lift 1", "no:"),
                ("dance", "no:"),
            ]:
                process.stdin.write(f"{line}\n".encode())
                assert (await process.stdout.readline()).decode().startswith(answer), line
            process.stdin.close()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not os.path.exists(told["address"].removeprefix("unix:path=").split(",")[0])  # noqa: ASYNC240, PTH110 - one look


@pytest.mark.bench
async def test_bench_cpu_per_advert(monkeypatch, tmp_path) -> None:
    """Another process plays BlueZ, so that this process's CPU is the station's alone."""
    spec = parse_radio(EIGHT.read_text("utf-8"))
    for crowd in (0, 300):
        config = tmp_path / "air.toml"
        busy = EIGHT.read_text("utf-8").replace("[sensor.", "crowd = 0\n[sensor.", 1)
        lines = busy.replace("crowd = 0", f"crowd = {crowd}").splitlines()
        config.write_text("\n".join(
            line + ("\nevery_s = 0.05" if line.startswith("format") else "") for line in lines
        ), "utf-8")  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drivers.ble.emulator", "--config", str(config), cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        assert process.stdin
        told = json.loads(await process.stdout.readline())
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", told["address"])
        devices = [
            Device(
                id=name, family="ble", address=one.address, every_s=60,
                points=(point(one.format, next(iter(one.says))),),
                options=BleDeviceOptions(bind_key=one.key),
            )
            for name, one in spec.sensor.items()
        ]  # fmt: skip
        bus = BLE.build("air", BleBusOptions(), devices, lambda _result: None, lambda _change: None)
        assert isinstance(bus, BleBus)
        task = asyncio.create_task(bus.run())
        await asyncio.sleep(2)
        began, heard = time.process_time(), bus.air.adverts
        await asyncio.sleep(5)
        adverts = bus.air.adverts - heard
        each_us = (time.process_time() - began) / adverts * 1e6
        share = bus.air.known / bus.air.adverts
        print(
            f"\nble: {adverts / 5:.0f} adverts/s, {share:.0%} of our sensors: "
            f"{each_us:.0f} us of CPU per advert"
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _let_bleak_go()
        process.stdin.close()
        assert await process.wait() == 0
        assert adverts > 500
