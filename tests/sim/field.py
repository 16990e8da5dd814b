"""The simulated field: meters whose values tell when they were true, on wires that fall ill."""

import random
from collections.abc import Mapping
from typing import Any

from drivers.bus.actor import PolledBus
from drivers.bus.kinds import SerialOptions
from drivers.bus.link import BusLink, OnStrayBytes, StreamLink
from drivers.contract import Device, OnFault, OnState, Sink
from drivers.emulate import memory_stream
from drivers.emulate.rs485 import Rs485Line
from drivers.field_bus import BusKind
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.serial_line import SerialLine
from tests.sim.alarms import LineAlarms
from tests.sim.commands import WRITTEN_AT, CommandJudge
from tests.sim.world import World

# Registers 0 to 3 of every meter; the next one keeps what commands write.
POINTS = 4

# So long a register keeps its value.
STEP_S = 4.0

STEPS = 1 << 12
LINE = SerialLine(9600)
PROFILE_ID = "simulated-words"
PROFILE = """schema = 1
id = "simulated-words"
name = { zh = "模拟表", en = "Simulated meter" }
family = "modbus"
maker = "Yizhan"
model = "simulated"
line = "9600 8N1"
unverified = true
[source]
document = "tests/sim/field.py"
url = "https://example.org/"
rows = ["value_at"]
""" + "".join(
    f'[[point]]\nid = "r{at}"\nname = {{ zh = "值{at}", en = "Value {at}" }}\n'
    f'kind = "holding"\naddress = {at}\ntype = "u16"\n{"writable = {}" if at == POINTS else ""}\n'
    for at in range(POINTS + 1)
)  # fmt: skip


def value_at(unit: int, point: int, at_s: float) -> int:
    """What a register holds: its step in the low bits, whose it is in the high ones."""
    return ((unit * POINTS + point) % 16) << 12 | int(at_s / STEP_S) % STEPS


def last_true_s(unit: int, point: int, value: int, by_s: float) -> float | None:
    """When a register last held that, not later than `by_s`; None if it never did."""
    if value >> 12 != (unit * POINTS + point) % 16:
        return None
    now = int(by_s / STEP_S)
    step = now - ((now - (value & (STEPS - 1))) % STEPS)
    return None if step < 0 else min(by_s, (step + 1) * STEP_S)


class _LiveImage(RegisterImage):
    """Registers that are made when they are asked for."""

    def __init__(self, world: World, unit: int, commands: CommandJudge) -> None:
        super().__init__(
            {"holding": dict.fromkeys(range(POINTS + 1), 0)}, writable={("holding", WRITTEN_AT)}
        )
        self._world, self._unit, self._commands = world, unit, commands

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        kept = super().read(table, address, count)
        if kept is None:
            return None
        now_s = self._world.now_s
        return [
            word if at == WRITTEN_AT else value_at(self._unit, at, now_s)
            for at, word in enumerate(kept, address)
        ]

    def write(self, table: str, address: int, words: list[int]) -> bool:
        done = super().write(table, address, words)
        if done:
            self._commands.told(self._unit, words[0], self._world.now_s)
        return done


class _Port:
    """The options of a serial bus, whose port is a simulated wire."""

    def __init__(self, options: SerialOptions, wire: Rs485Line) -> None:
        self._options, self._wire = options, wire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        link = StreamLink(self._options.usual_line, tap=tap)
        await link.open(memory_stream.stream_opener(self._wire, self._options.port, LINE))
        return link


class SimulatedField:
    """All wires; `unit` of a device is its address, and no two of the station are the same."""

    def __init__(
        self,
        world: World,
        lines: Mapping[str, tuple[int, ...]],
        alarms: LineAlarms,
        commands: CommandJudge,
    ) -> None:
        self._world = world
        self._lines = lines
        self._alarms = alarms
        self._chance = world.new_chance("field")
        self._slaves = {
            unit: ModbusSlave(unit, _LiveImage(world, unit, commands), LINE, turnaround_s=0.02)
            for units in lines.values()
            for unit in units
        }
        self._wires: dict[str, Rs485Line] = {}
        self._unplugged: set[str] = set()
        self.build_wires()
        profile = world.profile
        world.often(profile.device_ill_s, "devices", self._befall)
        world.often(profile.line_ill_s, "lines", self._pull)

    def build_wires(self) -> None:
        """New wires for a new process: the old one's ends hang in the air."""
        for number, (line, units) in enumerate(self._lines.items()):
            slaves = [self._slaves[unit] for unit in units]
            seed = self._chance.randrange(2**32)
            wire = self._wires[line] = Rs485Line(slaves, seed=seed + number)
            wire.faults.stray = self._world.profile.stray
            wire.plugged = line not in self._unplugged

    def kinds(self) -> Mapping[str, BusKind]:
        """For the station: a serial bus on these wires."""
        return {"serial": BusKind("serial", SerialOptions, self._build)}

    def heal(self) -> None:
        """All is well from now on."""
        for slave in self._slaves.values():
            slave.faults.clear()
        for line, wire in self._wires.items():
            wire.faults.stray = 0.0
            if line in self._unplugged:
                self._plug(line)

    def _build(
        self,
        name: str,
        options: SerialOptions,
        devices: list[Device],
        sink: Sink,
        on_state: OnState,
        *,
        on_fault: OnFault,
    ) -> PolledBus:
        return PolledBus(
            name,
            _Port(options, self._wires[name]),  # type: ignore[arg-type]
            devices,
            sink,
            on_state,
            jitter=random.Random(self._chance.random()),
            on_fault=on_fault,
        )

    def _befall(self, chance: random.Random) -> None:
        unit = chance.choice(sorted(self._slaves))
        faults = self._slaves[unit].faults
        kind = chance.choice(("well", "well", "dead", "late", "loss", "repeats", "refuses"))
        faults.clear()
        match kind:
            case "dead":
                faults.dead = True
            case "late":
                faults.late_s, faults.late_share = chance.choice((0.3, 1.0, 2.5, 6.0)), 0.4
            case "loss":
                faults.loss = 0.3
            case "repeats":
                faults.repeat = 0.3
            case "refuses":
                faults.exception, faults.exception_share = 4, 0.5
        self._world.say(f"meter {unit}: {kind}")

    def _pull(self, chance: random.Random) -> None:
        line = chance.choice(sorted(self._wires))
        if line in self._unplugged:
            self._plug(line)
        else:
            self._unplugged.add(line)
            self._wires[line].unplug()
            self._alarms.plugged(line, self._world.now_s, away=True)
            self._world.say(f"line {line}: unplugged")

    def _plug(self, line: str) -> None:
        self._unplugged.discard(line)
        self._wires[line].plug()
        self._alarms.plugged(line, self._world.now_s, away=False)
        self._world.say(f"line {line}: plugged in")
