"""`yizhan replay`: the past through the rules, from lines as the journal exports them."""

import datetime
import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.errors import UsageError
from gateway.replay import facts

EXAMPLE = (Path(__file__).parents[2] / "config" / "station.example.toml").read_text("utf-8")
PLAIN = EXAMPLE.split("\n# 规则")[0]
RULES = """
[rule.load]
use = "over-limit"
on = ["em-b3.power-w"]
set = { above = "100 kW", for_s = 600 }
[rule.smoke]
use = "smoke"
on = ["di-b3.smoke"]
[rule.silent]
use = "device-silent"
on = ["em-b3"]
set = { silent_s = 1800 }
[linkage.call]
when = "smoke"
do = [{ call = "desk" }]
"""
START = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)


def line(at_s, device, values, *, what="reading", known=True, **data):
    event = {
        "type": f"cn.yizhan.field.{what}.v1",
        "source": f"/yizhan/wangjing-07/{device}",
        "bootid": "b",
        "uptimems": str(5000 + at_s * 1000),
        "data": {"v": values, **data},
    }
    if known:
        event["time"] = (START + datetime.timedelta(seconds=at_s)).isoformat()
    return json.dumps(event)


def history(tmp_path, *lines):
    (tmp_path / "station.toml").write_text(PLAIN + RULES, "utf-8")
    (tmp_path / "past.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return ["replay", str(tmp_path / "past.jsonl"), "--config", str(tmp_path)]


def replayed(tmp_path, capsys, *lines):
    code = main([*history(tmp_path, *lines), "--json"])
    return code, [json.loads(each) for each in capsys.readouterr().out.splitlines()]


def test_what_would_have_been_raised_and_done(tmp_path, capsys):
    code, seen = replayed(
        tmp_path,
        capsys,
        line(0, "di-b3", {"smoke": False}),
        line(100, "di-b3", {"smoke": True}),
        line(300, "di-b3", {"smoke": False}),
        line(400, "di-b3", {"smoke": False}),
    )
    assert code == 1
    assert [(one["rule"], one["what"]) for one in seen] == [
        ("smoke", "raised"), ("smoke", "call"), ("smoke", "returned"),
    ]  # fmt: skip
    assert seen[1]["state"] == "dry-run"
    assert seen[0]["reading"] == {"device": "di-b3", "point": "smoke", "value": True, "unit": "1"}


def test_a_value_stands_between_two_reports_so_that_a_delay_passes(tmp_path, capsys):
    reports = [line(at, "em-b3", {"power-w": 120_000}) for at in (0, 900, 1800)]
    code, seen = replayed(tmp_path, capsys, *reports)
    assert code == 1
    assert [(one["rule"], one["what"], one["time"]) for one in seen] == [
        ("load", "raised", "2026-03-02T00:10:00.000Z")
    ]


def test_a_short_delay_passes_between_two_reports_to_the_few_seconds(tmp_path, capsys):
    lines = [line(at, "di-b3", {"smoke": at == 65}) for at in (0, 65, 130, 200)]
    _, seen = replayed(tmp_path, capsys, *lines)
    assert [(one["what"], one["time"][14:19]) for one in seen if one["what"] != "call"] == [
        ("raised", "01:10"), ("returned", "02:20"),
    ]  # fmt: skip


def test_a_device_that_may_be_silent_for_a_minute_only_is_not_called_dead(tmp_path):
    quick = history(tmp_path, line(0, "em-b3", {"power-w": 5}), line(600, "di-b3", {}))
    settings = (tmp_path / "station.toml").read_text("utf-8").replace("1800", "60")
    (tmp_path / "station.toml").write_text(settings, "utf-8")
    assert main(quick) == 0


def test_it_stands_no_longer_than_it_would_have_been_said_again(tmp_path, capsys):
    _, seen = replayed(
        tmp_path, capsys, line(0, "em-b3", {"power-w": 5}), line(7200, "di-b3", {"smoke": False})
    )
    assert [(one["rule"], one["what"]) for one in seen] == [("silent", "raised")]


def test_a_device_that_fell_silent_does_not_go_on_saying_what_it_said(tmp_path, capsys):
    code, seen = replayed(
        tmp_path,
        capsys,
        line(0, "em-b3", {"power-w": 120_000}),
        line(60, "em-b3", {}, what="device-state", state="silent"),
        line(1700, "di-b3", {"smoke": False}),
    )
    assert (code, seen) == (0, [])


def test_a_line_without_the_time_gets_it_from_its_boot():
    lines = [line(10, "a", {"x": 1}, known=False), line(60, "a", {"x": 2})]
    first, second = facts(each.encode() for each in lines)
    assert second.wall_ns - first.wall_ns == 50_000_000_000
    assert facts([lines[0].encode()]) == []


def test_a_line_that_is_no_event_is_named():
    with pytest.raises(UsageError, match=r"replay\.bad-line"):
        facts([b"{]"])


def test_people_get_tables_and_a_sum(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    past = history(tmp_path, line(0, "di-b3", {"smoke": True}), line(86_400, "di-b3", {}))
    assert main([*past, "--rule", "smoke"]) == 1
    said = capsys.readouterr().out
    assert "03-02 08:00" in said  # in the station's own time
    assert "3号楼5层" in said
    assert "1.0 days; 1 alarms, 1.00 a day" in said
    assert main([*past, "--rule", "load"]) == 0
    assert "Nothing would have been raised." in capsys.readouterr().out


def test_a_history_that_is_not_there_is_named(tmp_path, capsys):
    history(tmp_path)
    assert main(["replay", str(tmp_path / "none"), "--config", str(tmp_path)]) == 1
    assert "none" in capsys.readouterr().err
