"""What an installer or a dying machine can do to a station: a clear word, and nothing lost."""

import asyncio
import errno
import os
import socket
import sys

import pytest

from tests.proof import shim
from tests.station.harness import ROOT, StationProcess, rig

pytestmark = pytest.mark.slow


@pytest.fixture
def alone(tmp_path):
    return StationProcess(tmp_path)


def settings(extra: str = "") -> str:
    return f'schema = 1\n[station]\nid = "alone"\nname = "独站"\n[web]\nport = 0\n{extra}'


async def refused(station: StationProcess, code: int) -> str:
    await station.launch()
    assert await station.ended() == code
    assert "Traceback" not in station.said
    return station.said


async def test_without_settings_it_says_where_they_were_looked_for(alone):
    said = await refused(alone, 2)
    assert str(alone.folder / "station.toml") in said
    assert "station.example.toml" in said, "the remedy"


async def test_what_cannot_be_built_is_left_out_and_told_with_its_line(alone):
    (alone.folder / "station.toml").write_text(
        settings('[bus.m]\nkind = "serail"\n[device.d]\nnmae = "表"\nprofile = "no-such"\n'),
        "utf-8",
    )
    await alone.start()
    said = alone.said
    assert "Traceback" not in said
    assert "station.toml:8" in said
    assert "station.toml:11" in said
    assert "serail" in said
    assert "no-such" in said
    await alone.stop()


async def test_settings_that_cannot_be_read_are_no_traceback(alone):
    (alone.folder / "station.toml").write_bytes(b"\xff\xfe\x00schema")
    assert "station.toml" in await refused(alone, 2)


async def test_a_held_port_is_named_and_taken_once_it_is_free(alone):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        text = settings().replace("port = 0", f"port = {port}")
        (alone.folder / "station.toml").write_text(text, "utf-8")
        await alone.start()  # siren and keys wait for no page
        assert str(port) in alone.said
        assert "Traceback" not in alone.said
    async with asyncio.timeout(60):
        while "the pages are at" not in alone.said:  # noqa: ASYNC110 - another process's log
            await asyncio.sleep(0.1)
    vitals = await alone.get("/api/v1/vitals", port)
    assert [fault["where"] for fault in vitals["faults"]] == ["start.pages"]
    await alone.stop()


async def test_a_station_that_is_started_by_hand_is_found_by_the_other_commands(alone, tmp_path):
    """As the README shows it: nothing but a folder with settings."""
    (alone.folder / "station.toml").write_text(settings(), "utf-8")
    by_hand = {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": str(tmp_path)}
    by_hand |= {"PYTHONPATH": str(ROOT), "LANG": "zh_CN.UTF-8"}

    async def yizhan(*command: str) -> tuple[int, str]:
        asked = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", *command),
            env={**os.environ, **by_hand},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asked.communicate()
        assert asked.returncode is not None
        return asked.returncode, said.decode()

    alone._environ = by_hand
    await alone.start()
    for command in (
        ("journal", "stats"),
        ("journal", "stats", "--state", str(alone.folder / "state")),
        ("accounts", "claim-code"),
        ("doctor", "--config", str(alone.folder), "--state", str(alone.folder / "state")),
    ):
        code, said = await yizhan(*command)
        assert "control.sock" not in said, said
        assert code == 0 or command[0] == "doctor", said
    assert "驿站 alone 在运行" in said
    code, said = await yizhan("journal", "stats", "--state", str(tmp_path / "nowhere"))
    assert code != 0, "another journal is not this station's"
    assert await alone.stop() < 30
    assert not (tmp_path / "yizhan" / "control.sock").exists()


async def test_a_second_station_on_the_same_state_is_turned_away(tmp_path):
    async with rig(tmp_path) as made:
        await made.station.start()
        second = StationProcess(tmp_path)
        second.output = tmp_path / "second.log"
        await second.launch(RUNTIME_DIRECTORY=str(tmp_path / "other"))
        assert await second.ended() == 1
        assert "Traceback" not in second.said
        assert "state" in second.said or "journal" in second.said
        await made.telemetry_beyond(3)


async def test_a_missing_port_is_waited_for_and_the_other_bus_goes_on(tmp_path):
    async with rig(tmp_path) as made:
        await made.field.set_fault("line", "unplugged")
        await made.station.start()
        await made.telemetry_beyond(3)

        async def one_of_two():
            buses = {bus["id"]: bus for bus in (await made.vitals())["buses"]}
            return buses if (buses["line"]["state"], buses["box"]["state"]) == ("down", "up") else 0

        assert (await made.until(one_of_two))["line"]["code"] == "bus.port-missing"
        page = await made.page("/")
        assert f"{tmp_path}/ttyLINE" in page
        assert "bus.port-missing" not in page, "people read words, not codes"
        await made.field.clear_faults("line")

        async def line_is_up():
            return all(bus["state"] == "up" for bus in (await made.vitals())["buses"])

        await made.until(line_is_up)


MOODS = ["away", "frozen", "refuses", "busy", "garbage", "silent", "forgetful", "slow"]


@pytest.mark.parametrize(
    "mood", [pytest.param(m, marks=pytest.mark.proof) for m in MOODS if m != "silent"] + ["silent"]
)
async def test_a_bad_platform_loses_nothing(tmp_path, mood):
    async with rig(tmp_path) as made:
        await made.station.start()
        await made.telemetry_beyond(3)
        await made.platform_mood(mood)

        async def is_told():
            uplink = (await made.vitals())["uplinks"][0]
            return uplink if uplink["state"] != "up" else None

        if mood != "slow":  # late, but right
            assert (await made.until(is_told))["code"]
        heads = {lane["lane"]: lane["issued"] for lane in (await made.vitals())["lanes"]}
        await made.platform_mood("normal")
        await made.telemetry_beyond(heads["telemetry"])
        assert all(lane["holes"] == [] for lane in (await made.lanes()).values())
        assert "Traceback" not in made.station.said


async def test_a_disk_that_dies_at_run_time_ends_the_process_and_the_next_runs_on_memory(tmp_path):
    async with rig(tmp_path) as made:
        state = tmp_path / "state"
        dead = f"{errno.EIO}:forever"

        def dying(after: int) -> StationProcess:
            env = shim.environment(state, fail=f"sync:{after}:{dead}")
            return StationProcess(tmp_path, **{k: env[k] for k in env.keys() - os.environ.keys()})

        made.station = dying(60)
        await made.station.start()
        await made.telemetry_beyond(3)
        assert await made.station.ended() == 1
        stored = (await made.lanes())["telemetry"]
        # The service manager starts it again at once; the disk refuses from the first sync on, and
        # this one start is enough.
        made.station = dying(1)
        await made.station.start()

        async def answers():
            vitals = await made.vitals()
            arrived = (await made.lanes()).get("telemetry")
            return vitals["journal"]["volatile"] and arrived and arrived["epoch"] != stored["epoch"]

        await made.until(answers)
        health = await made.station.get("/healthz", made.port)
        assert not health["ok"]
        assert "web.health-volatile" in health["reasons"]
        page = await made.page("/")
        assert "存不住" in page or "存储" in page
        assert "Traceback" not in made.station.said
