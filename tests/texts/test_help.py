"""The command line: every option says what it is for, and what cannot be is said in a sentence."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, build_parser, main
from gateway.texts import Texts


def helps(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each option, argument and command below, with what is said of it."""
    for action in parser._actions:
        name = " ".join((*path, *(action.option_strings or [action.dest])))
        if isinstance(action, argparse._SubParsersAction):
            for shown in action._choices_actions:
                yield f"{name} {shown.dest}", shown.help or ""
            for below, each in action.choices.items():
                if path or below == parser.get_default("asked"):
                    yield from helps(each, (*path, below))
        else:
            yield name, action.help or ""


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("command", COMMANDS)
def test_everything_says_what_it_is_for(
    command: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    parser = build_parser(command, Texts(language))
    parser.set_defaults(asked=command)
    found = dict(helps(parser, ()))
    assert len(found) > len(COMMANDS)
    assert [name for name, said in found.items() if not said] == []
    shouting = {said for said in found.values() if said[0].isupper() and said[1].islower()}
    assert {said for said in shouting if not said.startswith("Modbus")} == set(), (
        "a line of help begins small, as argparse's own do"
    )


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("demo --dir /proc/nope", (1, "/proc/nope")),
        ("settings show --config {nowhere}", (2, "station.toml")),
        ("enrol --config {ok} --uplink nope", (1, "district")),
        ("journal tail --lane nope", (2, "emergency, alarm, service, telemetry")),
        ("discover --for -3", (2, "3600")),
        ("profile show nope", (2, "acrel-adw300, ")),
        ("check --config {empty}", (1, "schema = 1")),
        ("scan --seconds abc --ble", (2, "--seconds：不能写 'abc'")),
    ],
)
def test_what_cannot_be_is_said_without_a_traceback(
    command: str, answer: tuple[int, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With 1 for a no, 2 for wrong use."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    example = Path(__file__).parents[2] / "config/station.example.toml"
    for name, text in (("ok", example.read_text("utf-8")), ("empty", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "station.toml").write_text(text, "utf-8")
    where = {name: tmp_path / name for name in ("ok", "empty", "nowhere")}
    try:
        ended = main(command.format_map(where).split())
    except SystemExit as left:  # argparse leaves so
        ended = int(left.code or 0)
    heard = capsys.readouterr()
    code, said = answer
    assert ended == code, heard.err
    assert said in heard.out + heard.err
    assert "Traceback" not in heard.err
