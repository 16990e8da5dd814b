"""The recipe "Adding an uplink": one file in a folder beside the product, and no other change."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.config.json_schema import json_schema
from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.signing import Signer
from gateway.upstream.uplinks import registry
from tests.ports import free_port
from tests.station.harness import ROOT, StationProcess, first_lines
from tests.upstream.harness import until
from tests.upstream.uplinks.far_side import FarSide
from tests.upstream.uplinks.harness import ToyHarness, lay_toy

HAND, NEXT_HAND = Signer(b"h" * 32), Signer(b"n" * 32)
STATION = "under-test"


def settings(url: str, port: int, extra: str = "") -> str:
    return (
        first_lines(port) + f'[upstream.toy]\nurl = "{url}"\ncommand_key = "{HAND.public}"\n{extra}'
    )


def key_rotation() -> bytes:
    """A command that wants a signature, and changes something."""
    now_ms = time.time_ns() // 1_000_000
    proof = NEXT_HAND.sign({"key": NEXT_HAND.public, "station": STATION})
    body = {
        "id": uuid7(now_ms),
        "kind": "key.rotate",
        "station": STATION,
        "issued": rfc3339(now_ms),
        "expires": rfc3339(now_ms + 600_000),
        "data": {"key": NEXT_HAND.public, "proof": proof},
    }
    return json.dumps({**body, "signature": HAND.sign(body)}).encode()


@pytest.mark.slow
async def test_a_whole_station_works_over_an_uplink_that_is_one_file(tmp_path: Path) -> None:
    far, harness, port = FarSide(), ToyHarness(), free_port()
    url = await harness.start(far)
    (tmp_path / "station.toml").write_text(settings(url, port, "answer_bytes_max = 65536\n"))
    beside = lay_toy(tmp_path / "beside")
    station = StationProcess(tmp_path, YIZHAN_EXTENSIONS=str(beside))
    await station.start()
    try:
        await until(lambda: far.arrivals, 30, every_s=0.05)  # the start itself is an event
        command = key_rotation()
        far.order(command)
        ended = json.loads(command)["id"]
        await until(lambda: far.command_states.get(ended) == ["accepted", "done"], 30, every_s=0.05)
        vitals = await receipted(station, port)
        uplink = vitals["uplinks"][0]
        told = {name: uplink.get(name) for name in ("name", "kind", "state", "worth")}
        assert told == {"name": "toy", "kind": "toy", "state": "up", "worth": "stored"}
        assert sum(lane["receipted"] for lane in vitals["lanes"]) == len(far.arrivals)
        assert "Traceback" not in station.said
    finally:
        await station.stop()
        await harness.kill()


async def receipted(station: StationProcess, port: int) -> Any:
    """The vitals once the far side's receipts have moved the station's follower to the end."""
    async with asyncio.timeout(30):
        while True:
            vitals = await station.get("/api/v1/vitals", port)
            is_up = vitals["uplinks"][0]["state"] == "up"
            if is_up and all(each["issued"] == each["receipted"] for each in vitals["lanes"]):
                return vitals
            await asyncio.sleep(0.1)


def check(folder: Path, text: str) -> tuple[int, str]:
    """What `yizhan check` says of these settings, in English."""
    (folder / "station.toml").write_text(text, "utf-8")
    asked = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", "--config", str(folder)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "LANG": "en_GB.UTF-8", "LC_ALL": "", "LANGUAGE": ""},
    )  # fmt: skip
    return asked.returncode, asked.stdout + asked.stderr


@pytest.mark.usefixtures("beside")
def test_check_reads_its_own_options_strictly(tmp_path: Path) -> None:
    code, said = check(tmp_path, settings("toy+tcp://127.0.0.1:9", 8080))
    assert code == 0, said
    assert "toy+tcp://127.0.0.1:9" in said
    text = settings("toy+tcp://127.0.0.1:9", 8080, "answer_byte_max = 65536\n")
    code, said = check(tmp_path, text)
    line = text.splitlines().index("answer_byte_max = 65536") + 1
    assert code != 0
    assert f"station.toml:{line}" in said
    assert "answer_bytes_max" in said
    code, said = check(tmp_path, settings("toy+tcp:///", 8080))
    assert code != 0
    assert "upstream.toy.url" in said


@pytest.mark.usefixtures("beside")
def test_the_schema_for_editors_knows_it() -> None:
    kinds = json_schema()["properties"]["upstream"]["additionalProperties"]["anyOf"]
    assert len(kinds) == len(registry.kinds()) >= 2
