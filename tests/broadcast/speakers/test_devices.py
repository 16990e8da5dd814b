"""`yizhan audio --devices`: the very names that `device` takes, without ALSA's talk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broadcast.speakers.sound_cards import file_card

pytestmark = pytest.mark.slow


def asked(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    conf, _ = file_card(folder)
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "audio", "--devices", *arguments],
        env={**os.environ, "ALSA_CONFIG_PATH": str(conf), "LANG": "zh_CN.UTF-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_card_is_listed_by_the_name_that_opens_it(tmp_path: Path) -> None:
    done = asked(tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["yizhan"]["plays"]
    table = asked(tmp_path).stdout
    assert table.splitlines()[0].split() == ["device", "能放", "能录"]
    assert "yizhan" in table
