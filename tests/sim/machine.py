"""The simulated machine: what a station of one process sees of its world."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from gateway.clock import Clock, NtpSync
from gateway.clock.boot import read_boot_id
from gateway.discovery.dns_sd import StationCard
from gateway.doctor import probes
from gateway.doctor.model.facts import MachineFacts
from gateway.journal.writer import OnJobDone
from gateway.station.machine import Machine
from gateway.station.process import run_station
from gateway.upstream.uplinks.contract import Delivery, EventBatch, Uplink
from gateway.upstream.uplinks.kind import UplinkContext
from gateway.web.server import WebServer
from tests.sim.field import SimulatedField
from tests.sim.judge import Judge
from tests.sim.loop import MachineLoop
from tests.sim.platform import SimulatedPlatform
from tests.sim.world import World

# What the journal's worker takes for a job beside its writes.
READ_S = 0.0002, 0.01

BURIALS_MAX = 20


class House(Protocol):
    """What the processes of one station share."""

    world: World
    config: Path
    state: Path
    run: Path
    ntp: bool
    # What the disk takes for one write, least and most.
    write_s: tuple[float, float]

    field: SimulatedField
    platforms: dict[str, SimulatedPlatform]
    judge: Judge
    loop: MachineLoop | None


class _Kernel:
    """The machine's clock: boot time goes on, wall time is 1970 until somebody sets it."""

    def __init__(self, world: World, *, ntp: bool) -> None:
        self._world, self._ntp = world, ntp

    def boottime_ns(self) -> int:
        return round(self._world.boottime_s * 1e9)

    def realtime_ns(self) -> int:
        return self._world.now_ns if self._ntp else self.boottime_ns()

    def ntp(self) -> NtpSync | None:
        return NtpSync(1_000_000) if self._ntp else None

    def chip_ns(self) -> int | None:
        return None


class _Shell:
    """The journal's worker without a thread: a job is done at some instant of its time."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self._loop = asyncio.get_running_loop()

    def start(self, work: Callable[[], Any], done: OnJobDone) -> None:
        self._loop.call_later(self._chance.uniform(*READ_S), self._do, work, done)

    async def stop(self) -> None:
        """Nothing to end."""

    def leave(self) -> None:
        """Nothing to end."""

    def _do(self, work: Callable[[], Any], done: OnJobDone) -> None:
        before = _written()
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001  # it is for whoever asked
            error = raised
        wrote = _written() != before
        takes_s = self._chance.uniform(*(self._house.write_s if wrote else READ_S))
        self._loop.call_later(takes_s, done, result, error)


def _written() -> bytes:
    """Another text after each write of this process (`syscw` of proc_pid_io(5))."""
    return Path("/proc/self/io").read_bytes().split(b"syscw: ")[1].split()[0]


class _Server(WebServer):
    """The application without its sockets."""

    @property
    def is_bound(self) -> bool:
        return True

    async def bind(self) -> None:
        if self._runner.server is None:
            await self._runner.setup()

    async def start(self) -> None:
        """Nobody knocks."""

    async def open_lan(self, *_: object, **__: object) -> None:
        """Nor here."""


class _Road:
    """The uplink of one process: with it, it is dead."""

    def __init__(self, platform: SimulatedPlatform, life: "Life") -> None:
        self._platform, self._life = platform, life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        if not self._life.lives:
            raise asyncio.CancelledError
        return await self._platform.deliver(batch, answer_s)


class Life:
    """One process of the station, from its start to its end."""

    def __init__(self, house: House, number: int) -> None:
        self.lives = True
        self.ready_s: float | None = None
        self._house = house
        self._world = house.world
        self._began_s = house.world.now_s
        self._chance = house.world.new_chance(f"life {number}")
        self.stop: Callable[[], None] = lambda: None

    def machine(self) -> Machine:
        house = self._house
        return Machine(
            environ={"RUNTIME_DIRECTORY": str(house.run)},
            entropy=self._chance.randbytes,
            open_clock=self._open_clock,
            shell=lambda: _Shell(house, self._chance),
            bus_kinds=house.field.kinds,
            open_uplink=self._open_uplink,
            server=_Server,
            announce=_announce,
            inspect=_inspect,
            notify=self._notify,
            on_stop=self._on_stop,
        )

    def run(self) -> BaseException | int | None:
        """Until it ends by itself, or its loop is stopped under it: then None."""
        loop = MachineLoop(self._world.boottime_s, self._chance)
        self._world.attach(loop)
        self._house.loop = loop
        task = loop.create_task(run_station(self._house.config, self._house.state, self.machine()))
        task.add_done_callback(self._ended)
        try:
            loop.run_forever()
        finally:
            self._world.detach()
            self._house.loop = None
            self.lives = False
        task.remove_done_callback(self._ended)
        ended = task.done()
        outcome = (task.exception() or task.result()) if ended else None
        self._house.judge.lived(self._began_s, self.ready_s)
        _bury(loop)
        return outcome if outcome is not None or not ended else 0

    def _ended(self, _task: object) -> None:
        asyncio.get_running_loop().stop()

    def _open_clock(self, state: Path, *, floor_ns: int, environ: Mapping[str, str]) -> Clock:
        del state, environ
        world, run = self._world, self._house.run
        boot = read_boot_id(run, f"boot-{world.boots}", emptied=True)
        self._house.judge.booted(boot, world.booted_at_s)
        clock = Clock(boot, _Kernel(world, ntp=self._house.ntp), floor_ns, run / "clock-station")
        clock.poll()
        return clock

    def _open_uplink(self, context: UplinkContext[Any]) -> Uplink:
        return _Road(self._house.platforms[context.options.url], self)

    def _notify(self, message: str) -> bool:
        if message == "READY=1":
            self.ready_s = self._world.now_s - self._began_s
        return True

    def _on_stop(self, stop: Callable[[], None]) -> None:
        self.stop = stop


async def _announce(_card: Callable[[], StationCard], _interfaces: Collection[str]) -> None:
    await asyncio.get_running_loop().create_future()


def _inspect(_asked: probes.ProbeTargets) -> MachineFacts:
    return MachineFacts()


def _bury(loop: MachineLoop) -> None:
    """Let go of what a dead process held; it works on files that nobody reads any more."""
    for _ in range(BURIALS_MAX):
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            break
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=5.0))
    loop.close()
