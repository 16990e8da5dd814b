"""A page, a check of the doctor and a command beside the product (docs/CONTRIBUTING.md)."""

import json
import os
import subprocess
import sys

import pytest

from drivers.extensions import EXTENSIONS_VARIABLE
from tests.station.harness import ROOT, rig

TOYS = {EXTENSIONS_VARIABLE: str(ROOT / "tests" / "toys")}


def yizhan(*words, **environ):
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LANG": "en", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_command_beside_the_product_runs_and_is_listed():
    assert yizhan("toy", "hello", **TOYS).stdout == "hello\n"
    assert "a toy command" in yizhan("--help", **TOYS).stdout
    assert yizhan("toy", "hello").returncode == 2


def test_a_check_beside_the_product_stands_with_the_others_of_its_group(tmp_path):
    words = ("doctor", "--json", "--config", str(tmp_path), "--state", str(tmp_path))
    findings = json.loads(yizhan(*words, **TOYS).stdout)["findings"]
    (toy,) = [each for each in findings if each["check"] == "toy"]
    assert (toy["group"], toy["message"]) == ("machine", "the toy check has seen this machine")
    assert findings[-1] == toy, "checks that no list names come last"
    known = json.loads(yizhan(*words).stdout)["findings"]
    assert [each["check"] for each in findings[:-1]] == [each["check"] for each in known]


@pytest.mark.slow
async def test_a_page_beside_the_product_is_served_and_a_broken_one_costs_nothing_else(tmp_path):
    broken = tmp_path / "broken" / "gateway" / "pages"
    broken.mkdir(parents=True)
    (broken / "wrong.py").write_text("raise RuntimeError\n")
    folders = os.pathsep.join([str(tmp_path / "broken"), TOYS[EXTENSIONS_VARIABLE]])
    async with rig(tmp_path, meters=1) as made:
        made.station._environ = {EXTENSIONS_VARIABLE: folders}
        await made.station.start()
        assert await made.page("/toy") == "toy page of under-test"
        assert "start.page.wrong" in {each["where"] for each in (await made.vitals())["faults"]}
