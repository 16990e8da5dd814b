"""kill -9 at every step that touches the disk: the old settings or the new, and a true history."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def lives(folder: Path, story: str, *again: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.reconfigure.killed", str(folder), story, *again]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def whole(life: dict[str, Any]) -> bool:
    """The station works on one whole text, its history says which, and it can be changed again."""
    return (
        life["text"] in {"old", "new"}
        and life["runs"]
        and life["true"]
        and not life["trial"]
        and life["numbers"] == sorted(set(life["numbers"]))
        and life["next"] == "kept"
    )


@pytest.mark.parametrize(
    ("story", "steps_min"),
    [
        ("kept", 20),
        ("rolled-back", 25),
        ("cold", 25),
        pytest.param("undone", 40, marks=(pytest.mark.proof, pytest.mark.full)),
    ],
)
def test_killed_at_every_step_the_station_comes_back(tmp_path, story, steps_min):
    found = lives(tmp_path, story)
    assert [life["at"] for life in found] == list(range(1, len(found) + 1))
    assert len(found) >= steps_min, "every step was tried"
    assert [life for life in found if not whole(life)] == []
    print(f"{story}: killed at each of {len(found)} steps, whole {len(found)} times")
    if story in {"kept", "cold"}:
        assert {life["text"] for life in found} == {"old", "new"}, (
            "before, and after it was vouched"
        )
        assert all((life["text"] == "new") == ("kept" in life["states"]) for life in found)
    if story == "rolled-back":
        assert {life["text"] for life in found} == {"old"}


@pytest.mark.proof
@pytest.mark.full
@pytest.mark.parametrize("story", ["kept", "cold"])
def test_a_kill_in_the_midst_of_putting_right_is_put_right(tmp_path, story):
    found = lives(tmp_path, story, "again")
    assert len(found) >= 40
    print(f"{story}: killed twice, at {len(found)} pairs of steps, whole each time")
    assert [life for life in found if not whole(life)] == []
