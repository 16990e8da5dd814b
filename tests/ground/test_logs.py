"""The log: fields under systemd, never a storm, never on the card."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import logs
from gateway.logs import JournaldHandler, RateLimitFilter, journald_datagram

ROOT = Path(__file__).parents[2]
# `RuntimeMaxUse=` of systemd/journald.conf.
MAX_BYTES = 16 * 2**20


def line(text: str = "x", number: int = 1, name: str = "gateway.x") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "/x/room.py", number, text, (), None, func="run")


def test_a_storm_is_counted_and_told_once() -> None:
    now_s, said = 0.0, list[str]()
    bounded = RateLimitFilter(lambda record: said.append(record.getMessage()), lambda: now_s)
    passed = [bounded.filter(line(f"lost {n}")) for n in range(1000)]
    assert sum(passed) == logs.TIMES_MAX
    assert bounded.filter(line("another place", 2)), "whoever else speaks is heard"
    assert said == []
    now_s = logs.WITHIN_S
    assert bounded.filter(line("another place", 2))
    assert said == ["(990 more like it from room.run)"]
    assert bounded.filter(line("lost again")), "and the place may speak again"


def test_what_is_seldom_is_never_counted() -> None:
    now_s, said = 0.0, list[str]()
    bounded = RateLimitFilter(lambda record: said.append(record.getMessage()), lambda: now_s)
    for minute in range(100):
        now_s = minute * logs.WITHIN_S
        assert bounded.filter(line())
    assert said == []


def test_the_places_that_are_counted_have_a_limit() -> None:
    bounded = RateLimitFilter(lambda _: None, lambda: 0.0)
    assert all(bounded.filter(line(number=n)) for n in range(2 * logs.PLACES_MAX))
    assert len(bounded._said) == logs.PLACES_MAX


def test_a_line_of_any_length_and_shape_is_one_datagram() -> None:
    whole = journald_datagram(line("a\nMESSAGE=forged\n" + "x" * 100_000))
    assert len(whole) < 2 * logs.MESSAGE_BYTES_MAX
    assert whole.startswith(b"MESSAGE\n"), "with its length, so that nothing in it is a field"


def test_a_log_that_is_gone_holds_nothing_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JournaldHandler(tmp_path / "nobody")
    handler.emit(line("said all the same"))
    handler.close()
    assert capsys.readouterr().err == "<6>said all the same\n"


def test_a_terminal_is_not_the_systems_log(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not logs.writes_to_journald({})
    assert not logs.writes_to_journald({"JOURNAL_STREAM": "1:1"}), "inherited from somebody else"


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What journald has kept; it needs `unshare` and root, as the proofs do."""
    played = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", sys.executable),
            *("-m", "tests.ground.journald", str(ROOT / "systemd/journald.conf")),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert played.returncode == 0, played.stderr
    found: dict[str, Any] = json.loads(played.stdout)
    return found


@pytest.mark.slow
def test_journald_takes_our_lines_with_their_fields(told: dict[str, Any]) -> None:
    two, failed, *storm = told["ours"]
    assert two == {
        "MESSAGE": "two\nlines 驿站",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "yizhan",
        "CODE_FUNC": "<module>",
    }
    assert failed["PRIORITY"] == "3"
    assert failed["MESSAGE"].splitlines()[-1] == "RuntimeError: canary"
    # a line that finds no room in the socket's queue goes the slow way, by the error output
    slow = [line.removeprefix("<6>") for line in told["stderr"].splitlines()]
    assert sorted([*(each["MESSAGE"] for each in storm), *slow]) == [
        "(490 more like it from <string>.<module>)",
        "after the storm",
        *(f"storm {n}" for n in range(logs.TIMES_MAX)),
    ]
    assert told["warnings"] == 2


@pytest.mark.slow
def test_however_much_is_said_it_stays_in_memory_and_bounded(told: dict[str, Any]) -> None:
    assert 2**20 < told["bytes"] <= MAX_BYTES
    assert told["on the card"] == []
