"""`yizhan emulate`: what it understands, what it refuses and how, and that it really plays."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import sys
from pathlib import Path

import pytest

from drivers.profiles import find_profile, profile_folder
from gateway.cli import main
from gateway.demo.emulate import (
    parse_fault,
    parse_host_and_port,
    parse_literal,
    parse_setting,
    parse_units,
)
from gateway.errors import UsageError

YIZHAN = [sys.executable, "-m", "gateway.cli", "emulate"]
ENGLISH = {**os.environ, "LC_ALL": "en_US.UTF-8"}
PATHS = {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", [1]), ("1,3-5", [1, 3, 4, 5]), ("2-2,2", [2]), ("247", [247])],
)
def test_units(text, expected) -> None:
    assert parse_units(text) == expected


@pytest.mark.parametrize("text", ["", "0", "248", "1-", "-1", "a", "1,,2", "5-3", "1-999999999"])
def test_what_is_no_unit(text) -> None:
    with pytest.raises(UsageError) as error:
        parse_units(text)
    assert error.value.code == "emulate.bad-unit"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dead", ("dead", True)),
        ("late=0.8", ("late_s", 0.8)),
        ("wrong-unit=9", ("wrong_unit", 9)),
        ("exception=4", ("exception", 4)),
        ("noise=0.05", ("noise", 0.05)),
    ],
)
def test_faults(text, expected) -> None:
    assert parse_fault(text) == expected


@pytest.mark.parametrize("text", ["late", "late=x", "tired", "", "dead=1", "exception", "late_s=1"])
def test_what_is_no_fault(text) -> None:
    with pytest.raises(UsageError) as error:
        parse_fault(text)
    assert "late" in error.value.data["known"].split(", ")


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":1502", "127.0.0.1:", "h:99999", "h:-1"])
def test_what_is_no_address(text) -> None:
    with pytest.raises(UsageError):
        parse_host_and_port(text)


def test_values_are_what_a_person_means() -> None:
    assert [parse_literal(text) for text in ("1", "1.5", "true", "false", "abc")] == [
        *(1, 1.5, True, False, "abc"),
    ]


def test_a_point_is_set_only_to_what_it_can_show() -> None:
    model = find_profile("acrel-adw300")
    assert parse_setting("power-w=1800", model) == ("power-w", 1800)
    for text, code in [
        ("power=1", "emulate.no-point"),
        ("current-a=1e9", "emulate.bad-value"),
        ("current-a=x", "emulate.bad-value"),
    ]:
        with pytest.raises(UsageError) as error:
            parse_setting(text, model)
        assert error.value.code == code


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nope"], "xy-md02"),
        (["dlt645-three-phase", "--tcp", "127.0.0.1:0"], "--rtu-over-tcp"),
        (["xy-md02", "--line", "9600"], "9600 8N1"),
        (["xy-md02", "--set", "foo=1"], "temperature"),
        (["xy-md02", "--fault", "tired"], "late"),
        (["xy-md02", "--tcp", "here"], "127.0.0.1:1502"),
        (["xy-md02", "--unit", "300"], "247"),
    ],
)
def test_wrong_use_is_told_with_the_remedy(arguments, word, capsys, monkeypatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert main(["emulate", *arguments]) == 2
    told = capsys.readouterr()
    assert word in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


def test_a_held_port_is_a_no(capsys) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        assert main(["emulate", "xy-md02", "--tcp", f"127.0.0.1:{held.getsockname()[1]}"]) == 1
    assert capsys.readouterr().err.strip()


def test_without_a_model_the_shelf_is_shown(capsys) -> None:
    assert main(["emulate", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"eastron-sdm630", "generic-di8", "dlt645-prepaid", "cjt188-water"} <= set(listed)
    assert main(["emulate"]) == 0
    assert "eastron-sdm630" in capsys.readouterr().out


async def play(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        *YIZHAN, *arguments, stdout=asyncio.subprocess.PIPE, env=ENGLISH
    )
    text = b""
    async with asyncio.timeout(60):
        while not (b"Ctrl-C" in text or text.startswith(b"{")):
            text += await process.stdout.readline()
    return process, text.decode()


async def stop(process: asyncio.subprocess.Process) -> int:
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        return await process.wait()


async def mbpoll(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "mbpoll", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    return (await process.communicate())[0].decode()


async def test_it_plays_on_tcp_until_told_to_end() -> None:
    process, text = await play(
        *("eastron-sdm630", "--tcp", "127.0.0.1:0", "--unit", "3", "--line", "115200 8N1"),
        *("--set", "power-w=1800", "--json"),
    )
    told = json.loads(text)
    assert (told["profile"], told["units"], told["kind"]) == ("eastron-sdm630", [3], "modbus-tcp")
    host, port = told["where"].split(":")
    shown = await mbpoll(
        *("-m", "tcp", "-p", port, "-a", "3", "-t", "3:float", "-B", "-r", "53", "-1", host)
    )
    assert re.search(r"\[53\]:\s+1800", shown), shown
    assert await stop(process) == 0


async def test_it_plays_on_a_pty_with_a_fault(tmp_path) -> None:
    link = tmp_path / "ttyEM"
    process, text = await play(
        *("xy-md02", "--pty", "--link", str(link), "--set", "temperature=-20.5"),
        *("--fault", "exception=6"),
    )
    assert str(link) in text
    assert "temperature" in text
    shown = await mbpoll(
        *("-m", "rtu", "-b", "9600", "-P", "none", "-a", "1", "-t", "3", "-r", "2", "-1", str(link))
    )
    assert "busy" in shown.lower(), shown
    assert await stop(process) == 0
    assert not link.exists()


PAGE = Path(__file__).parent.parent.parent / "docs" / "devices.md"


async def test_the_page_about_adding_a_model_works_as_written(tmp_path: Path) -> None:
    """Step 4 of docs/devices.md, typed where a model of one's own stands beside the settings."""
    commands = [
        shlex.split(line.removeprefix("$ yizhan "))
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("$ yizhan ")
    ]
    own = (profile_folder() / "eastron-sdm120.toml").read_text("utf-8")
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "acme-m1.toml").write_text(
        own.replace('id = "eastron-sdm120"', 'id = "acme-m1"'), "utf-8"
    )
    (tmp_path / "station.toml").write_text(
        'schema = 1\n[station]\nid = "a"\nname = "甲"\n', "utf-8"
    )
    show, emulate, read, check = commands
    assert (emulate[:2], read[:3]) == (["emulate", "acme-m1"], ["profile", "check", "acme-m1"])

    async def typed(arguments: list[str]) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *YIZHAN[:-1], *arguments, cwd=tmp_path, env=ENGLISH | PATHS,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    assert (await typed(show))[0] == 0
    player = await asyncio.create_subprocess_exec(
        *YIZHAN[:-1], *emulate, cwd=tmp_path, env=ENGLISH | PATHS,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert player.stdout is not None
    try:
        async with asyncio.timeout(30):
            while b"line" not in await player.stdout.readline():
                assert player.returncode is None
            while not (tmp_path / "line").exists():
                await player.stdout.readline()
        code, said = await typed(read)
        assert code == 0, said
        assert "acme-m1" in said
    finally:
        player.terminate()
        await player.wait()
    assert (await typed(check))[0] == 0
