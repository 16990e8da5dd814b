"""One life of a station under a seed: started, killed, cut from power, started again, judged."""

import hashlib
import json
import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.sim.commands import CommandDesk
from tests.sim.field import SimulatedField
from tests.sim.judge import Judge
from tests.sim.loop import MachineLoop
from tests.sim.machine import Life
from tests.sim.plan import drawn
from tests.sim.platform import SimulatedPlatform
from tests.sim.world import World

# What the unit waits before it starts the station anew.
RESTART_S = 2.0

# What a write takes on a quick disk and on a slow one.
WRITE_S, SLOW_WRITE_S = (0.002, 0.06), (0.2, 1.5)

# At the end the world is well for so long.
HEAL_S = 900.0


class _Errors(logging.Handler):
    """Tracebacks go to the judge."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._on_error = on_error

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._on_error(f"{record.name}: {record.getMessage()}: {record.exc_info[1]!r}")


class Report(NamedTuple):
    """What a simulation came to. `digest` is the same for two runs of one seed."""

    seed: int
    days: float
    violations: tuple[str, ...]
    digest: str
    events: int
    values: int
    lives: int
    boots: int
    kinds: Counter[str]
    timeline: tuple[str, ...]


class Simulation:
    """A world with a station in it."""

    def __init__(self, seed: int, profile: str, folder: Path) -> None:
        self.world = world = World(seed, profile, folder)
        self._chance = world.new_chance("house")
        self._folder = folder
        self.config, self.run = folder / "config", folder / "run"
        self.state = folder / "state-0"
        for each in (self.config / "devices", self.run, self.state):
            each.mkdir(parents=True)
        self.loop: MachineLoop | None = None
        self.ntp = self._chance.random() < 0.5
        self.write_s = WRITE_S
        self._digest = hashlib.sha256()
        self._events = 0
        self._cut = False
        self._over = False
        self._grave: Path | None = None
        plan = drawn(self._chance)
        self.judge = Judge(world, plan.meters)
        units = [meter.unit for meter in plan.meters.values()]
        desks = {
            name: CommandDesk(world, name, self.judge.commands, units) for name in plan.uplinks
        }
        plan.write(self.config, {name: desk.public for name, desk in desks.items()})
        self.field = SimulatedField(world, plan.lines, self.judge.alarms, self.judge.commands)
        self.platforms = {
            f"https://{name}.example/": SimulatedPlatform(world, name, self._heard, desk)
            for name, desk in desks.items()
        }
        world.often(world.profile.killed_s, "kills", self._kill)
        world.often(world.profile.power_cut_s, "power", self._cut_power)
        world.often(world.profile.slow_disk_s, "disk", self._change_disk)

    def live(self, days: float) -> Report:
        """So many days, the last quarter of an hour of them in peace; then the judgement."""
        world = self.world
        end_s = days * 86_400
        world.at(max(0.0, end_s - HEAL_S), self._heal)
        world.at(end_s, self._end)
        lives = 0
        errors = _Errors(self.judge.logged)
        logging.getLogger().addHandler(errors)
        before = logging.getLogger().level
        logging.getLogger().setLevel(logging.ERROR)
        world.boot(off_s=0.0)
        try:
            while not self._over:
                lives += 1
                self.field.build_wires()
                self._after(Life(self, lives).run())
        finally:
            logging.getLogger().removeHandler(errors)
            logging.getLogger().setLevel(before)
        self.judge.settle(list(self.platforms.values()), max(0.0, end_s - HEAL_S), timed=self.ntp)
        return Report(
            world.seed, days, tuple(self.judge.violations), self._digest.hexdigest(),
            self._events, self.judge.values, lives, world.boots, self.judge.kinds,
            tuple(f"{mark.at_s:10.1f} s  {mark.what}" for mark in world.timeline),
        )  # fmt: skip

    def _after(self, outcome: BaseException | int | None) -> None:
        world = self.world
        if self._over:
            return
        if isinstance(outcome, BaseException):
            self.judge.ended(outcome)
        elif outcome is not None:
            world.say(f"the process ended with {outcome}")
        if self._cut:
            self._cut = False
            shutil.rmtree(self.run)
            self.run.mkdir()
            world.boot(off_s=self._chance.uniform(5.0, 400.0))
        else:
            world.wait(RESTART_S)

    def _heard(self, event: dict[str, Any]) -> None:
        self._events += 1
        self._digest.update(json.dumps(event, sort_keys=True).encode())
        self.judge.heard(event)

    def _kill(self, _chance: random.Random) -> None:
        """SIGKILL: what is on disk at this instant is what the next process finds."""
        if self.loop is not None:
            self.world.say("killed")
            self._freeze()
            self.loop.stop()

    def _cut_power(self, _chance: random.Random) -> None:
        if self.loop is not None:
            self.world.say("power cut")
            self._cut = True
            self._freeze()
            self.loop.stop()

    def _freeze(self) -> None:
        """The next process works on a copy: what the dead one does at its burial harms nobody."""
        number = int(self.state.name.rpartition("-")[2])
        fresh = self._folder / f"state-{number + 1}"
        shutil.copytree(self.state, fresh, symlinks=True)
        former, self.state = self.state, fresh
        if self._grave is not None:
            shutil.rmtree(self._grave)
        self._grave = former

    def _change_disk(self, chance: random.Random) -> None:
        self.write_s = chance.choice((WRITE_S, SLOW_WRITE_S))
        self.world.say("the disk is slow" if self.write_s is SLOW_WRITE_S else "the disk is quick")

    def _heal(self) -> None:
        self.world.say("all is well from now on")
        self.world.quiet = True
        self.write_s = WRITE_S
        self.field.heal()
        for platform in self.platforms.values():
            platform.heal()

    def _end(self) -> None:
        self._over = True
        assert self.loop is not None
        self.loop.stop()
