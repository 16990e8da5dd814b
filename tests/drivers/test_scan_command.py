"""`yizhan scan` and `yizhan profile` as an installer runs them, on real ptys and a real D-Bus."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.ble.emulator import DEMO_SENSORS, DbusDaemon, FakeBluez, VirtualRadio, parse_radio
from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.profiles import find_profile, profile_folder
from gateway.config.load import examine
from gateway.scan.toml_lines import device_id

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SLOW = "4800 8E1"
METERS = {
    "em": EmulatedMeterSpec(profile="eastron-sdm120", bus="line", unit=3),
    "di": EmulatedMeterSpec(profile="generic-di8", bus="line", unit=5),
    "dead": EmulatedMeterSpec(profile="xy-md02", bus="line", unit=4),
    "elec": EmulatedMeterSpec(
        profile="dlt645-single-phase", bus="line", address="201000000012", line=SLOW
    ),
    "water": EmulatedMeterSpec(
        profile="cjt188-water", bus="line", address="78330011223344", line=SLOW
    ),
}


@contextlib.asynccontextmanager
async def field(folder: Path, meters: dict[str, EmulatedMeterSpec]) -> AsyncIterator[EmulatedField]:
    spec = EmulatedFieldSpec(
        bus={"line": EmulatedBusSpec(link=str(folder / "ttyLINE"))}, meter=meters, seed=3
    )
    played = EmulatedField.from_spec(spec, find_profile)
    await played.start()
    try:
        yield played
    finally:
        await played.stop()


async def start(*arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *arguments,
        cwd=ROOT, env={**os.environ, "LANG": "en_GB.UTF-8", "PYTHONUNBUFFERED": "1", **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
    process = await start(*arguments, **environ)
    output, complaint = await process.communicate()
    return process.returncode or 0, output.decode(), complaint.decode()


@pytest.mark.slow
async def test_a_mixed_line_is_found_on_a_real_pty_and_its_lines_can_be_pasted(tmp_path) -> None:
    async with field(tmp_path, METERS) as played:
        await played.set_fault("dead", "dead")
        await played.set_fault("line", "noise", 0.001)
        wire = played.buses["line"].wire
        code, output, complaint = await run(
            *("scan", str(tmp_path / "ttyLINE"), "--json", "--address", "1-6", "--wait-ms", "100"),
            *("--line", "9600 8N1", "--line", SLOW, "--config", str(tmp_path)),
        )
    assert code == 0, output + complaint
    told = json.loads(output)
    models = {each["address"]: each["profiles"][0]["id"] for each in told["found"]}
    assert models == {
        "3": "eastron-sdm120",
        "5": "generic-di8",
        "201000000012": "dlt645-single-phase",
        "78330011223344": "cjt188-water",
    }
    assert told["complete"] is True
    assert wire.counters.violations == 0
    head = 'schema = 1\n[station]\nid = "x"\nname = "X"\n'
    assert len(tomllib.loads(head + told["toml"])["device"]) == 4
    (tmp_path / "station.toml").write_text(head + told["toml"], "utf-8")
    _, mistakes = examine(tmp_path)
    assert [mistake.code for mistake in mistakes] == ["check.unknown-place"] * 4
    (tmp_path / "station.toml").write_text(head + told["toml"].replace('"?"', '""'), "utf-8")
    assert examine(tmp_path)[1] == ()


async def test_ctrl_c_keeps_what_was_found(tmp_path) -> None:
    async with field(tmp_path, {"em": METERS["em"]}):
        process = await start(
            *("scan", str(tmp_path / "ttyLINE"), "--family", "modbus", "--config", str(tmp_path))
        )
        assert process.stdout is not None
        before = []
        while "address 3" not in (line := (await process.stdout.readline()).decode()):
            assert line
            before.append(line)
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
    assert any("if nobody answers" in line for line in before)
    assert process.returncode == 0
    assert 'profile = "eastron-sdm120"' in rest.decode()


async def test_a_port_that_is_in_use_is_left_alone_and_its_holder_named(tmp_path) -> None:
    async with field(tmp_path, {"em": METERS["em"]}) as played:
        with (tmp_path / "ttyLINE").open("rb", buffering=0) as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            code, _, complaint = await run(
                "scan", str(tmp_path / "ttyLINE"), "--config", str(tmp_path)
            )
        assert played.buses["line"].wire.counters.frames == 0
    assert code == 1
    assert f"({os.getpid()})" in complaint
    assert "systemctl stop yizhan" in complaint


@pytest.mark.parametrize(
    "wrong",
    [("scan",), ("scan", "/dev/x", "--family", "m"), ("scan", "/dev/x", "--line", "9600"),
     ("scan", "/dev/x", "--address", "0-3"), ("profile", "check", "no-such", "--port", "/x",
     "--address", "1"), ("profile", "check", "ibeacon", "--port", "/x", "--address", "1"),
     ("profile", "check", "cjt188-gas", "--tcp", "127.0.0.1:1", "--address", "1" * 14)],
)  # fmt: skip
async def test_wrong_use_is_said_with_a_remedy(wrong, tmp_path) -> None:
    code, output, complaint = await run(*wrong, "--config", str(tmp_path))
    assert (code, output) == (2, "")
    assert complaint.strip()


async def test_the_sensors_in_the_air_are_found(tmp_path) -> None:
    eight = DEMO_SENSORS.read_text("utf-8")
    spec = parse_radio(eight.replace("\nformat =", "\nevery_s = 0.4\nformat ="))
    async with DbusDaemon() as broker, VirtualRadio(spec, FakeBluez()).serve(broker.address):
        code, output, complaint = await run(
            *("scan", "--ble", "--seconds", "3", "--json", "--config", str(tmp_path)),
            DBUS_SYSTEM_BUS_ADDRESS=broker.address,
        )
    assert code == 0, output + complaint
    told = json.loads(output)
    assert len(told["found"]) == 8
    assert sum(each["sealed"] for each in told["found"]) == 3
    assert tomllib.loads(told["toml"])["device"][
        device_id("ibeacon", "ibeacon/x/10001/19641")
    ]["bus"] == "air"  # fmt: skip


async def test_no_radio_is_said_and_no_traceback(tmp_path) -> None:
    async with DbusDaemon() as broker:
        code, _, complaint = await run(
            "scan", "--ble", "--config", str(tmp_path), DBUS_SYSTEM_BUS_ADDRESS=broker.address
        )
    assert code == 1
    assert "Traceback" not in complaint
    assert complaint.strip()


@pytest.mark.parametrize(("meter", "address"), [("em", "3"), ("elec", "201000000012"),
                                                ("water", "78330011223344")])  # fmt: skip
async def test_a_profile_is_tried_with_bytes_and_values_side_by_side(
    meter, address, tmp_path
) -> None:
    model = METERS[meter].profile
    async with field(tmp_path, {meter: METERS[meter]}):
        where = ("--port", str(tmp_path / "ttyLINE"), "--address", address)
        where += ("--line", METERS[meter].line or "9600 8N1")
        code, output, complaint = await run(
            "profile", "check", model, *where, "--config", str(tmp_path), "--json"
        )
    assert code == 0, output + complaint
    told = json.loads(output)
    points = [point for exchange in told["exchanges"] for point in exchange["points"]]
    assert {point["id"] for point in points} == {spec.id for spec in find_profile(model).point}
    assert all(point["raw"] for point in points)
    assert all(
        point["raw"] in each["reply"] for each in told["exchanges"] for point in each["points"]
    )
    assert told["source"]["url"].startswith("http")


async def test_a_device_of_another_model_does_not_pass(tmp_path) -> None:
    async with field(tmp_path, {"em": METERS["em"]}):
        where = ("--port", str(tmp_path / "ttyLINE"), "--address", "3", "--config", str(tmp_path))
        where += ("--line", "9600 8N1")
        code, output, _ = await run("profile", "check", "chint-dtsu666", *where)
    assert code == 1
    assert "✕" in output


async def test_own_models_are_listed_and_wrong_ones_named(tmp_path) -> None:
    (tmp_path / "devices").mkdir()
    own = (profile_folder() / "xy-md02.toml").read_text("utf-8")
    (tmp_path / "devices" / "xy-md02.toml").write_text(own, "utf-8")
    (tmp_path / "devices" / "broken.toml").write_text("schema = 2", "utf-8")
    code, output, complaint = await run("profile", "list", "--config", str(tmp_path), "--json")
    assert code == 1
    assert "broken.toml" in complaint
    rows = {row["id"]: row for row in json.loads(output)}
    assert "own" in rows["xy-md02"]["mark"]
    assert "unverified" in rows["dynaflox-ultrad"]["mark"]
    code, output, _ = await run("profile", "show", "dynaflox-ultrad", "--config", str(tmp_path))
    assert code == 0
    assert "Unverified" in output
    assert "https://" in output
