"""A kind of rule as a file beside the product: `docs/CONTRIBUTING.md` has the recipe."""

import os
import subprocess
import sys

import pytest

from drivers.extensions import EXTENSIONS_VARIABLE
from tests.station.rig import ROOT, rig

KIND = '''
"""A value within a range that is nobody's limit: its only task is to be seen in a test."""

from collections.abc import Iterator

import msgspec

from gateway.rules.kinds.kind import Kind, Verdict, number


class ToyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: float
    last: float


class ToyState(msgspec.Struct, frozen=True, array_like=True):
    seen: int = 0


def prepare(options, _point, _calendar):
    return options


def step(limits, state, value, _moment):
    shown = number(value)
    if shown is None:
        return state, Verdict.UNSURE
    return ToyState(state.seen + 1), Verdict.of(limits.first <= shown <= limits.last)


def describe(limits, unit, say) -> Iterator[str]:
    yield say("toy.in-range", first=f"{limits.first:g}", last=f"{limits.last:g}", unit=unit)


KINDS = (Kind("toy-range", ToyOptions, ToyState, prepare, step, describe=describe),)
'''

RECIPE = """schema = 1
id = "toy-in-range"
name = { zh = "玩具规则", en = "Toy rule" }
kind = "toy-range"
severity = "minor"
needs = ["first", "last"]
basis = "只给测试用"
"""

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

TEXTS = {
    "zh": '[toy]\nin-range = "在 {first} 和 {last} {unit} 之间"\n',
    "en": '[toy]\nin-range = "between {first} and {last} {unit}"\n',
}

RULE = """
[rule.toy]
use = "toy-in-range"
on = ["m1.voltage"]
set = { first = 100, last = 300 }
"""


@pytest.fixture
def extension(tmp_path):
    """Laid out like this repository, with nothing in it but a kind, its recipe and its texts."""
    folder = tmp_path / "extension"
    for path, text in (
        ("gateway/rules/kinds/toy_range.py", KIND),
        ("config/rules/toy-in-range.toml", RECIPE),
        *((f"gateway/texts/{language}.toml", text) for language, text in TEXTS.items()),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def check(folder, **environ):
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", "--config", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LANG": "en", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
async def test_a_kind_beside_the_product_raises_its_alarm_in_a_running_station(tmp_path, extension):
    async with rig(tmp_path, meters=1) as made:
        made.write_settings(RULE)
        made.station._environ = {EXTENSIONS_VARIABLE: str(extension)}
        await made.station.start()

        async def alarm():
            found = await made.station.get("/api/v1/alarms", made.port)
            return next((each for each in found if each["rule"] == "toy"), None)

        alarm = await made.until(alarm)
        assert (alarm["name"], alarm["severity"], alarm["on"]) == ("玩具规则", "minor", True)
        page = await made.page(f"/desk/alarms/{alarm['id']}")
        assert "在 100 和 300 V 之间" in page


def test_settings_know_the_kind_only_where_the_variable_names_its_folder(tmp_path, extension):
    (tmp_path / "station.toml").write_text(SETTINGS + RULE, "utf-8")
    with_it = check(tmp_path, **{EXTENSIONS_VARIABLE: str(extension)})
    assert with_it.returncode == 0, with_it.stdout + with_it.stderr
    assert "玩具规则" in with_it.stdout
    without = check(tmp_path)
    assert without.returncode == 1
    assert "toy-in-range" in without.stdout
