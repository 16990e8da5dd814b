import asyncio
import subprocess
import sys

import pytest

from gateway.demo.platform.app import Platform
from tests.station.harness import ROOT, rig

pytestmark = pytest.mark.slow


async def test_readings_of_both_buses_reach_the_platform_and_the_page(tmp_path):
    async with rig(tmp_path) as made:
        await made.station.start()
        await made.telemetry_beyond(10)

        async def all_well():
            vitals = await made.vitals()
            states = {each["state"] for each in (*vitals["buses"], *vitals["uplinks"])}
            devices = {device["state"] for device in vitals["devices"]}
            return vitals if (states, devices) == ({"up"}, {"ok"}) else None

        vitals = await made.until(all_well)
        assert all(lane["holes"] == [] for lane in (await made.lanes()).values())
        points = {point["id"]: point for point in vitals["devices"][0]["points"]}
        voltage = points["voltage"]
        assert voltage["unit"] == "V"
        assert 200 < voltage["value"] < 250


async def test_a_killed_station_and_a_killed_platform_lose_nothing(tmp_path):
    async with rig(tmp_path) as made:
        await made.station.start()
        await made.telemetry_beyond(5)
        await made.station.kill()
        await made.station.start()
        before = await made.telemetry_beyond(10)
        await made.platform.stop()
        await asyncio.sleep(1)
        made.platform = Platform(tmp_path / "platform")
        await made.platform.start("127.0.0.1", made.platform_port)
        after = await made.telemetry_beyond(before + 5)
        lanes = await made.lanes()
        assert after > before
        assert all(lane["holes"] == [] and lane["lost"] == 0 for lane in lanes.values())
        assert lanes["service"]["stored"] >= 2, "both starts were told"


async def test_a_stop_takes_no_three_seconds_and_loses_nothing(tmp_path):
    async with rig(tmp_path) as made:
        began_s = await made.station.start()
        await made.telemetry_beyond(5)
        assert await made.station.stop() < max(3, began_s), "a busy machine is slow at both"
        assert await made.station.ended() == 0
        await made.station.start()
        await made.telemetry_beyond(10)
        assert all(lane["holes"] == [] for lane in (await made.lanes()).values())
        assert "Traceback" not in made.station.said


async def test_a_pulled_plug_is_told_and_the_other_bus_goes_on(tmp_path):
    async with rig(tmp_path) as made:
        await made.station.start()
        await made.telemetry_beyond(5)
        await made.field.set_fault("line", "unplugged")

        async def line_is_down():
            buses = {bus["id"]: bus for bus in (await made.vitals())["buses"]}
            return buses if buses["line"]["state"] == "down" else None

        buses = await made.until(line_is_down)
        assert buses["box"]["state"] == "up"
        devices = {device["id"]: device for device in (await made.vitals())["devices"]}
        assert devices["m2"]["points"][0]["quality"] != "good", "never the last value as good"

        async def the_other_is_ok():
            devices = {device["id"]: device for device in (await made.vitals())["devices"]}
            return devices["m1"]["state"] == "ok"

        await made.until(the_other_is_ok)
        await made.field.clear_faults("line")

        async def line_is_up():
            return all(bus["state"] == "up" for bus in (await made.vitals())["buses"])

        await made.until(line_is_up)


def test_the_station_needs_neither_the_demo_nor_the_emulators():
    loaded = subprocess.run(
        [sys.executable, "-c",
         "import sys, gateway.station.process; print(*sorted(sys.modules), sep='\\n')"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    unwanted = ("gateway.demo", "drivers.emulate", "pymodbus", "bleak", "pyaudio", "zeroconf")
    assert [name for name in loaded if name.startswith(unwanted)] == []
