"""`yizhan alarms` beside a running station."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway import cli
from gateway.web import control_socket
from tests.access.harness import site
from tests.alarms.harness import AlarmSite


@pytest_asyncio.fixture
async def made(tmp_path, monkeypatch) -> AsyncIterator[AlarmSite]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    async with site(tmp_path, kind=AlarmSite, control=tmp_path / control_socket.NAME) as station:
        yield station


async def yizhan(*arguments: str) -> int:
    return await asyncio.to_thread(cli.main, ["alarms", *arguments])


async def test_alarms_are_listed_taken_shelved_and_noted(made: AlarmSite, capsys) -> None:
    assert await yizhan("list") == 0
    assert "没有报警" in capsys.readouterr().out
    made.say("di-b3.smoke", True)
    made.say("bin.fill", 82)
    assert await yizhan("list") == 0
    shown = capsys.readouterr().out.splitlines()
    assert "smoke-b3" in shown[1], "the most urgent first"
    assert await yizhan("ack", "smoke-b3") == 0
    assert await yizhan("shelve", made.id_of("bin-east"), "--hours", "2") == 0
    assert await yizhan("note", "bin-east", "已清") == 0
    capsys.readouterr()
    assert await yizhan("list", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(a["rule"], a["state"], a["note"]) for a in told] == [
        ("smoke-b3", "acknowledged", None),
        ("bin-east", "shelved", "已清"),
    ]
    assert await yizhan("unshelve", "bin-east") == 0
    assert made.state_of(made.id_of("bin-east")) == "raised"


async def test_a_building_under_maintenance_is_silent_until_it_is_ended(
    made: AlarmSite, capsys
) -> None:
    assert await yizhan("maintain", "b3", "--hours", "2") == 0
    made.say("em-b3.power", 19.2)
    assert made.state_of(made.id_of("load-b3")) == "suppressed"
    assert await yizhan("maintain", "b3", "--hours", "0") == 0
    made.tick(1)
    assert made.state_of(made.id_of("load-b3")) == "raised"
    assert await yizhan("maintain", "moon") == 1
    assert "moon" in capsys.readouterr().err


async def test_a_no_is_said_in_words_and_with_1(made: AlarmSite, capsys) -> None:
    assert await yizhan("ack", "alarm-0-0") == 1
    assert "alarm-0-0" in capsys.readouterr().err


async def test_undoing_the_shelf_of_what_has_gone_is_no_mistake(made: AlarmSite, capsys) -> None:
    made.say("bin.fill", 82)
    assert await yizhan("shelve", "bin-east") == 0
    made.say("bin.fill", 10)
    made.tick(200)
    made.say("bin.fill", 10)
    assert await yizhan("unshelve", "bin-east") == 0
    assert "没有报警" in capsys.readouterr().out


def test_without_a_station_it_says_so(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert cli.main(["alarms", "list"]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("task", ["list", "ack", "shelve", "unshelve", "note", "maintain"])
def test_every_task_has_help(task, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["alarms", task, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out
