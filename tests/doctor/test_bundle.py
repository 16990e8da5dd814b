"""A support file holds what helps and nobody's personal data: canaries lie at every source."""

import asyncio
import os
import stat
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api_client import ApiClient
from gateway.doctor.bundle.archive import pack
from gateway.doctor.bundle.contents import BundleSources, bundle_pages
from gateway.doctor.bundle.scrubber import Scrubber, without_comments
from gateway.doctor.checks import examine
from gateway.errors import Unavailable
from tests.doctor.faults import FILE, HEALTHY, seeded
from tests.kiosk.requests.station_process import house

PERSONAL = {
    "a mobile telephone": "13912345678",
    "the same, spoken": "+86 139 1234 5678",
    "a telephone at home": "010-64701234",
    "an identity number": "110105194912310027",
    "a number plate": "京A12345",
    "a green number plate": "京AD12345",
    "a mail address": "wang.xiulan@example.cn",
}
FIGURES = (
    "78330011223344",  # a meter's address
    "1732851234567890123",  # an instant in ns
    "13000000000.5",
    "192.168.139.123",
    "3号楼A12345",
    "1.139.1234.5678",
)


@pytest.mark.parametrize("kind", PERSONAL)
def test_what_belongs_to_a_person_is_taken_out(kind: str) -> None:
    said = Scrubber().text(f"住户{PERSONAL[kind]}来过，电话（{PERSONAL[kind]}）")
    assert PERSONAL[kind] not in said
    assert said.count("＊") == 4


@pytest.mark.parametrize("figure", FIGURES)
def test_what_is_a_figure_stays(figure: str) -> None:
    assert Scrubber().text(figure) == figure


def test_the_stations_own_persons_are_known() -> None:
    scrubber = Scrubber(["王秀兰", "boss", "x"])
    assert scrubber.text("王秀兰 by boss, x") == "＊person＊ by ＊person＊, x"
    assert scrubber.text("bosses boss-2") == "bosses boss-2"
    assert scrubber.tree({"who": ["boss", 13912345678]}) == {"who": ["＊person＊", 13912345678]}


def test_comments_go_and_everything_else_stays_in_its_line() -> None:
    text = "# 张工\na = \"#1\"  # 139\nb = '''\n# in a text\n'''\n[c] # d\n"
    assert without_comments(text) == "\na = \"#1\"\nb = '''\n# in a text\n'''\n[c]\n"


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,5}\Z"), st.text(), max_size=5), st.text())
def test_settings_mean_the_same_without_their_comments(table: dict[str, str], note: str) -> None:
    note = "".join(letter for letter in note if letter.isprintable())
    quoted = {key: _quoted(value) for key, value in table.items()}
    text = "".join(f"{key} = {value} # {note}\n" for key, value in quoted.items())
    left = without_comments(text)
    assert tomllib.loads(left) == table
    assert left.count("\n") == text.count("\n")


def _quoted(text: str) -> str:
    escaped = "".join(
        letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
        if not 0xD800 <= ord(letter) <= 0xDFFF
    )
    return f'"{escaped}"'


def broken(tmp_path: Path, text: str, log: str = "") -> dict[str, str]:
    """The pages of a station that does not run, from settings with that text."""
    file = tmp_path / "station.toml"
    file.write_text(text, "utf-8")
    facts = seeded(HEALTHY, {"running": None})
    nobody = ApiClient(tmp_path / "none.sock")
    return bundle_pages(BundleSources(file, facts, examine(facts), nobody, lambda _: log, tmp_path))


def test_of_settings_that_are_no_toml_nothing_is_shown(tmp_path: Path) -> None:
    made = broken(tmp_path, 'bind_key = "cana\nry')
    assert "cana" not in "".join(made.values())
    assert "no TOML" in made["settings.toml"]


def test_what_stood_in_the_place_of_a_mistake_is_not_quoted(tmp_path: Path) -> None:
    from gateway.toml import Mistake  # noqa: PLC0415  # only here

    mistake = Mistake(FILE, 3, "device.air.bind_key", "settings.wrong-type", {"found": "canary"})
    facts = seeded(HEALTHY, {"written.mistakes": (mistake,)})
    asked = BundleSources(
        tmp_path / "none", facts, examine(facts), ApiClient(tmp_path), str, tmp_path
    )
    made = bundle_pages(asked)
    assert "canary" not in "".join(made.values())
    assert "device.air.bind_key" in made["found.json"]


def test_a_log_that_should_not_hold_them_is_scrubbed_all_the_same(tmp_path: Path) -> None:
    made = broken(tmp_path, '[station]\nphone = "64701234"\n', "called 64701234 and 13912345678")
    assert made["log.txt"] == "called ＊person＊ and ＊phone＊"


def test_the_file_is_for_its_maker_alone_and_always_the_same(tmp_path: Path) -> None:
    one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
    size = pack(one, "x", {"a.txt": "甲", "b.txt": ""})
    pack(two, "x", {"b.txt": "", "a.txt": "甲"})
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_size == size
    with pytest.raises(Unavailable):
        pack(tmp_path / "none" / "x.tar.gz", "x", {})


CANARIES = {
    "who": ("wangxl-canary", "王秀兰乙"),
    "resident": "13912345678",
    "comment": "张工甲的电话",
    "secret": "5b51a7c91cde707c9ef18dfda143a58c",
    "station": "010-64700000",
}
AIR = f"""
[bus.air]
kind = "ble"
[device.air]
name = "门磁"
profile = "xiaomi-mccgq02hl"
bus = "air"
address = "A4:C1:38:00:00:01"
bind_key = "{CANARIES["secret"]}"
place = "hall"   # {CANARIES["comment"]}
"""


@pytest.mark.slow
async def test_no_canary_of_a_running_station_is_in_its_support_file(tmp_path: Path) -> None:
    async with house(tmp_path, AIR) as made:
        await made.call(
            "POST", "/api/v1/accounts/{}/add?name={}&role=staff".format(*CANARIES["who"])
        )
        await made.press("repair", what="water", contact={"phone": CANARIES["resident"]})
        (asked,) = await made.call("GET", "/api/v1/requests")
        shown = await made.call("POST", f"/api/v1/requests/{asked['id']}/reveal", {})
        assert CANARIES["resident"] in str(shown), "the station holds it"
        packed = tmp_path / "help.tar.gz"
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "doctor", "--config", str(made.station.folder)),
            *("--state", str(made.station.folder / "state"), "--bundle", str(packed)),
            env={**os.environ, "RUNTIME_DIRECTORY": str(made.station.run_folder)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await ran.communicate()
        assert ran.returncode == 0
        settings = (made.station.folder / "station.toml").read_text("utf-8")
    assert str(packed) in said.decode()
    with tarfile.open(packed) as archive:
        inside = {
            Path(each.name).name: archive.extractfile(each).read().decode()  # type: ignore[union-attr]
            for each in archive.getmembers()
        }
    whole = "".join(inside.values())
    assert all(CANARIES[name] in settings for name in ("comment", "secret", "station")), "laid"
    laid = [*CANARIES["who"], *(CANARIES[name] for name in CANARIES if name != "who")]
    assert [canary for canary in laid if canary in whole] == []
    assert '"under-test"' in inside["running.json"]
    assert 'address = "A4:C1:38:00:00:01"' in inside["settings.toml"]
    assert len(tomllib.loads(inside["settings.toml"])["device"]) == 1
