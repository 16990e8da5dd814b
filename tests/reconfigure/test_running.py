"""Settings of a real station changed while it runs: by signed order, by command, over kills."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.api_client import ApiClient
from gateway.demo.platform.command_issuer import CommandForm
from gateway.errors import Unavailable
from gateway.reconfigure.records import ChangeRecord
from tests.station.harness import ROOT, Rig, StationProcess, rig

pytestmark = pytest.mark.slow

STATION = "under-test"
ALONE = 'schema = 1\n[station]\nid = "alone"\nname = "独站"\n[web]\nport = 0\n'


async def yizhan(station: StationProcess, *arguments: str) -> tuple[int, str]:
    """`yizhan settings …` as an installer types it: the exit code, and what it said."""
    folders = ("--config", str(station.folder), "--state", str(station.folder / "state"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "settings", *arguments, *folders),
        cwd=ROOT,
        env={**os.environ, "RUNTIME_DIRECTORY": str(station.run_folder), "LANG": "zh_CN.UTF-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def signing(made: Rig) -> None:
    """Write the settings with the platform's key in them."""
    made.write_settings(f'command_key = "{made.platform.hand.signer.public}"\n')


async def ordered(made: Rig, kind: str, **data: Any) -> tuple[str, str | None, Any]:
    """What became of a signed command: its state, reason and detail."""
    issued = made.platform.orders.issue(CommandForm(STATION, kind, data, manner="signed"))

    async def answered() -> Any:
        found = made.platform.store.find(issued)
        return found if found is not None and found.state in {"done", "failed", "refused"} else None

    found = await made.until(answered)
    return found.state, found.reason, json.loads(found.detail) if found.detail else None


async def transactions(made: Rig) -> dict[str, int]:
    return {bus["id"]: bus["transactions"] for bus in (await made.vitals())["buses"]}


def histories(made: Rig) -> list[ChangeRecord]:
    control = made.station.run_folder / "control.sock"
    records: list[ChangeRecord] = ApiClient(control).get(
        "/api/v1/settings/history", list[ChangeRecord]
    )
    return records


async def test_a_signed_order_touches_one_bus_and_the_other_goes_on_reading(tmp_path):
    async with rig(tmp_path) as made:
        signing(made)
        await made.station.start()
        await made.telemetry_beyond(12)
        asked = await ordered(made, "settings.read")
        assert asked[0] == "done"
        before, frames = await transactions(made), made.field.buses["line"].wire.counters.frames
        text = asked[2]["text"].replace('bus = "box"\naddress = "3"', 'bus = "box"\naddress = "3"\n'
                                        "timeout_s = 0.9")  # fmt: skip
        answer = await ordered(
            made, "settings.apply", text=text, why="三号表慢", base=asked[2]["digest"]
        )
        assert answer[0] == "done", answer
        assert answer[2]["state"] == "kept"
        after = await transactions(made)
        assert after["box"] < before["box"], "the bus that differs was built anew"
        assert after["line"] > before["line"], "the other one is the same, and went on"
        assert made.field.buses["line"].wire.counters.frames > frames
        assert made.field.buses["line"].wire.counters.violations == 0
        heads = {lane["lane"]: lane["issued"] for lane in (await made.vitals())["lanes"]}
        await made.telemetry_beyond(heads["telemetry"])
        assert all(lane["holes"] == [] for lane in (await made.lanes()).values())
        found, kept = await asyncio.to_thread(histories, made)
        assert (found.state, kept.state, kept.who) == ("found", "kept", "platform:district")
        assert kept.why == "三号表慢"


async def test_while_one_bus_is_changed_the_other_misses_no_poll(tmp_path):
    async with rig(tmp_path, every_s=0.3) as made:
        await made.station.start()
        await made.telemetry_beyond(6)
        wire = made.field.buses["line"].wire
        longest_s = {"before": 0.0, "during": 0.0}

        async def watch(phase: str) -> None:
            seen, since_s = wire.counters.frames, time.monotonic()
            while True:
                await asyncio.sleep(0.005)
                now_s = time.monotonic()
                longest_s[phase] = max(longest_s[phase], now_s - since_s)
                if wire.counters.frames != seen:
                    seen, since_s = wire.counters.frames, now_s

        text, new = (tmp_path / "station.toml").read_text("utf-8"), tmp_path / "new.toml"
        new.write_text(text.replace('"3"\n', '"3"\ntimeout_s = 0.9\n'))
        for phase in ("before", "during"):
            watching = asyncio.create_task(watch(phase))
            if phase == "before":  # as much work beside it, and nothing is changed
                await made.telemetry_beyond((await made.lanes())["telemetry"]["upto"] + 12)
                code, said = await yizhan(made.station, "check", str(new))
            else:
                code, said = await yizhan(made.station, "apply", str(new), "--why", "试")
            assert code == 0, said
            watching.cancel()
        print(f"longest pause of the untouched line: {longest_s}")
        assert longest_s["during"] <= max(3 * longest_s["before"], 5 * made.every_s)


async def test_an_order_with_mistakes_is_refused_with_all_of_them_and_nothing_is_touched(tmp_path):
    async with rig(tmp_path, meters=1) as made:
        signing(made)
        await made.station.start()
        text = (tmp_path / "station.toml").read_text("utf-8")
        wrong = text.replace("modbus-tcp", "modbus-tpc").replace("quota_mb = 16", "quota_mb = -1")
        state, reason, detail = await ordered(made, "settings.apply", text=wrong, why="错的")
        assert (state, reason) == ("failed", "settings.wrong")
        assert {mistake["path"] for mistake in detail["mistakes"]} == {
            "bus.box.kind",
            "journal.quota_mb",
        }
        assert (tmp_path / "station.toml").read_text("utf-8") == text


async def test_settings_that_do_not_start_are_rolled_back_over_the_restart_and_told(tmp_path):
    async with rig(tmp_path, meters=1) as made:
        signing(made)
        await made.station.start()
        text = (tmp_path / "station.toml").read_text("utf-8")
        with socket.create_server(("127.0.0.1", 0)) as holder:
            held = text.replace(f"port = {made.port}", f"port = {holder.getsockname()[1]}")
            state, reason, detail = await ordered(made, "settings.apply", text=held, why="换端口")
        assert (state, reason) == ("failed", "appliance.rolled-back")
        assert detail["troubles"][0]["code"] == "web.port-held"
        assert (tmp_path / "station.toml").read_text("utf-8") == text
        assert (await made.vitals())["station"]["id"] == STATION, "it is there again, where it was"
        assert [record.state for record in await asyncio.to_thread(histories, made)] == [
            "found",
            "rolled-back",
        ]


@pytest.mark.proof
@pytest.mark.full
async def test_settings_that_lose_a_device_are_rolled_back_and_told(tmp_path):
    async with rig(tmp_path) as made:
        signing(made)
        await made.station.start()
        await made.telemetry_beyond(6)
        text = (tmp_path / "station.toml").read_text("utf-8")
        lost = text.replace(f"127.0.0.1:{made.box_port}", "127.0.0.1:9")
        state, reason, detail = await ordered(made, "settings.apply", text=lost, why="换地址")
        assert (state, reason) == ("failed", "appliance.rolled-back")
        assert {"code": "appliance.bus-lost", "bus": "box"} in detail["troubles"]
        assert (tmp_path / "station.toml").read_text("utf-8") == text

        async def well() -> bool:
            return {device["state"] for device in (await made.vitals())["devices"]} == {"ok"}

        await made.until(well)


async def test_the_command_beside_a_station_and_without_one(tmp_path):
    station = StationProcess(tmp_path)
    file, new = tmp_path / "station.toml", tmp_path / "new.toml"
    file.write_text(ALONE, "utf-8")
    code, said = await yizhan(station, "check", str(file))
    assert (code, said.strip()) == (0, "和现在的设置一样。")
    new.write_text(ALONE.replace("独站", "新站"), "utf-8")
    assert (await yizhan(station, "apply", str(new), "--why", "还没开站"))[0] == 0
    assert "新站" in file.read_text("utf-8")
    await station.start()
    try:
        new.write_text(ALONE.replace("独站", "又改"), "utf-8")
        code, said = await yizhan(station, "check", str(new))
        assert code == 0
        assert 'station.name  "新站"  "又改"' in said
        new.write_text(ALONE.replace("name", "nmae"), "utf-8")
        code, said = await yizhan(station, "apply", str(new), "--why", "错")
        assert code == 1
        assert f"{new}:4: station.nmae" in said
        file.write_text(ALONE.replace("独站", "直接改"), "utf-8")
        assert (await yizhan(station, "apply", "--why", "直接改的"))[0] == 0
        assert (await yizhan(station, "undo", "--why", "不要"))[0] == 0
        assert "新站" in file.read_text("utf-8")
        code, said = await yizhan(station, "history", "--json")
        assert [record["state"] for record in json.loads(said)] == ["found"] + ["kept"] * 3
    finally:
        await station.stop()


class Dying(StationProcess):
    """Dies at that step of a change."""

    module = "tests.reconfigure.crash"

    def __init__(self, folder: Path, at: int) -> None:
        self.armed = folder / "armed"
        super().__init__(
            folder,
            CRASH_AT=str(at),
            CRASH_LOG=str(folder / "steps"),
            CRASH_ARMED=str(self.armed),
        )


def apply(station: StationProcess, text: str) -> None:
    """Ask for a change, and bear it that nobody answers any more."""
    console = ApiClient(station.run_folder / "control.sock")
    with contextlib.suppress(Unavailable):
        console.post("/api/v1/settings", {"text": text, "why": "试"})


AT = [9, 14, 19, 23]
FULL = (pytest.mark.proof, pytest.mark.full)
ALL = [at for at in range(1, 31) if at not in AT]


@pytest.mark.parametrize("at", [*AT[:1], *(pytest.param(at, marks=FULL) for at in [*AT[1:], *ALL])])
async def test_a_station_killed_at_a_step_comes_back_whole(tmp_path, at):
    file, cold = tmp_path / "station.toml", at % 2 == 0
    file.write_text(ALONE, "utf-8")
    new = ALONE + "[journal]\nquota_mb = 17\n" if cold else ALONE.replace("独站", "新站")
    dying = Dying(tmp_path, at)
    await dying.start()
    dying.armed.touch()
    await asyncio.to_thread(apply, dying, new)
    with contextlib.suppress(TimeoutError):  # it has no so late step, and lives on
        assert await dying.ended(within_s=8) == -signal.SIGKILL
    await dying.kill()
    assert (tmp_path / "steps").exists(), "the change was on its way"
    station = StationProcess(tmp_path)
    await station.start()
    try:
        assert file.read_text("utf-8") in {ALONE, new}
        code, said = await yizhan(station, "check", str(file))
        assert (code, said.strip()) == (0, "和现在的设置一样。")
        code, said = await yizhan(station, "apply", str(file), "--why", "再来")
        assert code == 0, said
        assert "Traceback" not in station.said
    finally:
        await station.stop()
