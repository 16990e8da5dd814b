"""A kind of rule beside the product, in tests/toys: docs/CONTRIBUTING.md has the recipe."""

import os
import subprocess
import sys

import pytest

from drivers.extensions import EXTENSIONS_VARIABLE
from tests.station.harness import ROOT, rig

TOYS = {EXTENSIONS_VARIABLE: str(ROOT / "tests" / "toys")}

SETTINGS = """schema = 1
[station]
id = "toy"
name = "Toy"
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:1502"
[device.m1]
name = "m1"
profile = "eastron-sdm120"
bus = "box"
address = "1"
place = ""
[upstream.district]
kind = "http"
url = "http://127.0.0.1:1"
"""

RULE = """
[rule.toy]
use = "toy-in-range"
on = ["m1.voltage"]
set = { first = 100, last = 300 }
"""


def check(folder, **environ):
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", "--config", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LANG": "en", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
async def test_a_kind_beside_the_product_raises_its_alarm_in_a_running_station(tmp_path):
    async with rig(tmp_path, meters=1) as made:
        made.write_settings(RULE)
        made.station._environ = TOYS
        await made.station.start()

        async def alarm():
            found = await made.station.get("/api/v1/alarms", made.port)
            return next((each for each in found if each["rule"] == "toy"), None)

        alarm = await made.until(alarm)
        assert (alarm["name"], alarm["severity"], alarm["on"]) == ("玩具规则", "minor", True)
        page = await made.page(f"/desk/alarms/{alarm['id']}")
        assert "在 100 和 300 V 之间" in page


def test_settings_know_the_kind_only_where_the_variable_names_its_folder(tmp_path):
    (tmp_path / "station.toml").write_text(SETTINGS + RULE, "utf-8")
    with_it = check(tmp_path, **TOYS)
    assert with_it.returncode == 0, with_it.stdout + with_it.stderr
    assert "玩具规则" in with_it.stdout
    without = check(tmp_path)
    assert without.returncode == 1
    assert "toy-in-range" in without.stdout
