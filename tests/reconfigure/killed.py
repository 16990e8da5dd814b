"""Lives stories of a change in processes of their own, each killed at another step, and tells.

    python -m tests.reconfigure.killed FOLDER STORY [AGAIN]

One line of JSON for each kill: at which step, and what the next process found and made of it. With
AGAIN that next process is killed as well, at each of its own steps, and a third one looks.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.reconfigure.records import digest_of
from gateway.toml import Phrase
from tests.reconfigure.crash import install
from tests.reconfigure.harness import COLD, FIRST, SECOND, Desk, change
from tests.sim.clock import SimulatedClock
from tests.sim.loop import run

STEPS_MAX = 200


async def kept(folder: Path) -> None:
    """A change that works."""
    desk = await Desk(folder, SimulatedClock()).start()
    await desk.cycle.apply(change(SECOND))


async def rolled_back(folder: Path) -> None:
    """A change that does not."""
    desk = await Desk(folder, SimulatedClock()).start()
    desk.live.sick = (Phrase("appliance.bus-lost", {"bus": "box"}),)
    await desk.cycle.apply(change(SECOND))


async def cold(folder: Path) -> None:
    """A change that needs the process to start anew."""
    desk = await Desk(folder, SimulatedClock()).start()
    await desk.cycle.apply(change(COLD))
    desk.end()
    await after(folder)


async def undone(folder: Path) -> None:
    """A change that works, taken back."""
    desk = await Desk(folder, SimulatedClock()).start()
    await desk.cycle.apply(change(SECOND))
    await desk.cycle.undo("installer:boss", "退")


async def after(folder: Path) -> Desk:
    """The next start, until it has settled what it found."""
    desk = await Desk(folder, SimulatedClock()).start()
    while desk.cycle.busy:  # noqa: ASYNC110 - virtual time, another process's work
        await asyncio.sleep(1)
    return desk


STORIES = {"kept": kept, "rolled-back": rolled_back, "cold": cold, "undone": undone}


def died(folder: Path, at: int, log: str, story: Callable[[Path], Awaitable[Any]]) -> bool:
    """Live the story in a process that dies at that step; False if it has no so late step."""
    child = os.fork()
    if child == 0:
        install(at, folder / log)
        run(story(folder))  # type: ignore[arg-type]  # every story is a coroutine function
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, f"the story itself failed: {status}"
    return killed


async def look(folder: Path) -> dict[str, Any]:
    """What the station is after its next start, and whether it can be changed again."""
    desk = await after(folder)
    text = desk.file.read_text("utf-8")
    records = desk.shelf.records()
    found = {
        "text": {FIRST: "old", SECOND: "new", COLD: "new"}.get(text, "mixed"),
        "runs": desk.live.settings.devices["m1"].options.name in text,
        "states": [record.state for record in records],
        "numbers": [record.number for record in records],
        "true": [r for r in records if r.in_force][-1].digest == digest_of(text.encode()),
        "trial": desk.shelf.trial() is not None,
    }
    found["next"] = (await desk.cycle.apply(change(text + "# 再改\n"))).state
    desk.end()
    return found


def main(folder: Path, name: str, *, again: bool) -> None:
    """Every kill of that story."""
    for at in range(1, STEPS_MAX):
        for second in range(1, STEPS_MAX) if again else (0,):
            here = folder / f"{name}-{at}-{second}"
            here.mkdir()
            if not died(here, at, "steps", STORIES[name]):
                return
            if again and not died(here, second, "steps-after", after):
                break
            steps = (here / "steps").read_text("utf-8").splitlines()
            print(json.dumps({"at": at, "second": second, "step": steps[-1], **run(look(here))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], again=len(sys.argv) > 3)
