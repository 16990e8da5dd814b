"""What avahi, another implementation, sees of our stations, in a network of the test's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHIN_S = 240


@pytest.fixture(scope="module")
def told() -> dict:
    """The whole story, once; it needs `unshare`, `ip`, avahi, and root as the proofs do."""
    played = subprocess.run(
        [
            *("unshare", "--net", "--mount", "--propagation", "private"),
            *(sys.executable, "-m", "tests.discovery.network_story"),
        ],
        cwd=ROOT,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert played.returncode == 0, played.stderr.decode()
    return json.loads(played.stdout)


pytestmark = pytest.mark.slow


def fields(lines: list[str]) -> list[list[str]]:
    return [line.split(";") for line in lines]


def test_a_station_to_be_claimed_is_seen_but_offers_no_pages(told) -> None:
    assert list(told["setup"]) == ["lan0 _yizhan._tcp"]
    (line,) = told["setup"]["lan0 _yizhan._tcp"]
    assert '"state=setup"' in line
    assert ";wangjing-07.local;192.0.2.10;8443;" in line


def test_a_claimed_one_says_so_and_offers_them(told) -> None:
    assert set(told["claimed"]) == {"lan0 _yizhan._tcp", "lan0 _http._tcp"}
    for (line,) in told["claimed"].values():
        for said in ("id=wangjing-07", "version=0.1.0", "state=ready", "path=/desk/", "tls=1"):
            assert f'"{said}"' in line


def test_two_stations_of_one_name_are_told_apart(told) -> None:
    for kind in ("_yizhan._tcp", "_http._tcp"):
        seen = {(each[6], each[7]) for each in fields(told["two"][f"lan0 {kind}"])}
        assert seen == {
            ("wangjing-07.local", "192.0.2.10"),
            ("wangjing-07-2.local", "192.0.2.20"),
        }


def test_our_own_command_finds_both_and_says_that_one_is_renamed(told) -> None:
    found = {each["host"]: each for each in told["ours"]}
    assert set(found) == {"wangjing-07.local", "wangjing-07-2.local"}
    assert found["wangjing-07-2.local"]["version"] == "0.2.0"
    assert found["wangjing-07.local"]["url"] == "https://wangjing-07.local:8443/desk/"
    assert "不止一个驿站叫 wangjing-07" in told["table"]
    assert told["table"].count("正常") == 2


def test_goodbye_is_heard_at_once(told) -> None:
    assert [each[6] for each in fields(told["goodbye"]["lan0 _yizhan._tcp"])] == [
        "wangjing-07.local"
    ]
    assert told["gone"] == {}


def test_whoever_watches_sees_who_comes_and_who_goes(told) -> None:
    *lines, ended = told["watched"]
    came = [(each["host"], each["gone"]) for each in map(json.loads, lines)]
    assert set(came) == {
        ("wangjing-07.local", False),
        ("wangjing-07-2.local", False),
        ("wangjing-07-2.local", True),
    }
    assert came[-1] == ("wangjing-07-2.local", True)
    assert ended == "exit 0"
    last = told["watched, read"][-2]
    assert last.startswith("- wangjing-07 ")
    assert "走了" in last


def test_another_cable_and_a_lost_one(told) -> None:
    assert "lan1 _yizhan._tcp" in told["moved"]
    assert told["resolved"][0] == "wangjing-07.local"
    assert "lan0 _yizhan._tcp" not in told["lost"]
    assert "lan1 _yizhan._tcp" in told["lost"]


def test_without_a_network_the_command_says_what_to_do() -> None:
    asked = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "gateway.cli", "discover"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={"LANG": "en_US.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert asked.returncode == 1
    assert b"Plug in the cable" in asked.stderr
