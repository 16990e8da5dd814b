"""A whole emulated field in one process: meters on serial lines (ptys) and behind TCP boxes.

    field = EmulatedField.from_spec(parse_field(text), profiles)
    await field.start()
    field.addresses()                            # {"meters": "/run/…/ttyMETERS", "plant": …}
    await field.set_fault("em-3", "late_s", 0.8) # one device
    await field.set_fault("meters", "unplugged") # a whole line or box
    await field.clear_faults("meters")

Values move only when they are read.
"""

import dataclasses
import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from drivers.contract import Value
from drivers.emulate.device import EmulatedDevice, emulate_device
from drivers.emulate.pty import PtyLine
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.slave import SlaveFaults
from drivers.emulate.tcp import SerialServer, TcpBox, TcpFaults, TcpServer
from drivers.emulate.value_motion import DAY_S
from drivers.profile import Profile
from drivers.serial_line import SerialLine

EmulatedBusKind = Literal["serial", "modbus-tcp", "modbus-rtu-over-tcp"]

UNPLUGGED = "unplugged"

# Whose `emulated_device.py` offers `emulated_gateway(wire, line, …)` for that kind of bus.
_GATEWAYS = {"modbus-tcp": "modbus"}


class EmulatedMeterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[meter.*]`: a profile at an address of a bus, with fixed values.

    `address` is as printed on the meter; Modbus units may be written as the number `unit`. `pace`
    has the pace of counters, as multiples of the usual one.
    """

    profile: str
    bus: str
    unit: int = 1
    address: str | None = None
    line: str | None = None
    set: dict[str, int | float | bool | str] = {}
    pace: dict[str, float] = {}


class EmulatedBusSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[bus.*]`: a pty (with a link to it), or a TCP box with a wire behind it."""

    kind: EmulatedBusKind = "serial"
    line: str = "9600 8N1"
    link: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    timeout_s: float = 1.0
    # Modbus exception: the gateway's target device failed to respond
    dead_answer: int | None = 0x0B


class EmulatedFieldSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field as written in a TOML file."""

    bus: dict[str, EmulatedBusSpec]
    meter: dict[str, EmulatedMeterSpec]
    seed: int = 0
    day_starts_s: float = DAY_S / 2


def parse_field(text: str) -> EmulatedFieldSpec:
    """Parse a field; ValueError (of TOML or msgspec) says what is wrong."""
    return msgspec.convert(tomllib.loads(text), EmulatedFieldSpec)


@dataclasses.dataclass(slots=True)
class EmulatedBus:
    """One bus of the field: its wire, and the end that programs open."""

    name: str
    spec: EmulatedBusSpec
    wire: Rs485Line
    end: PtyLine | TcpServer

    @property
    def where(self) -> str:
        """A path or `host:port`."""
        return self.end.path if isinstance(self.end, PtyLine) else self.end.address

    async def plug(self) -> None:
        """Make the port or the address appear."""
        if isinstance(self.end, PtyLine):
            self.end.plug()
        else:
            await self.end.plug()

    async def unplug(self) -> None:
        """Make it vanish."""
        if isinstance(self.end, PtyLine):
            self.end.unplug()
        else:
            await self.end.unplug()


class EmulatedField:
    """Buses and meters by name, with their faults."""

    def __init__(self, buses: dict[str, EmulatedBus], meters: dict[str, EmulatedDevice]) -> None:
        """Nothing is opened before `start`."""
        self.buses = buses
        self.meters = meters

    @classmethod
    def from_spec(
        cls, spec: EmulatedFieldSpec, profile_of: Callable[[str], Profile]
    ) -> "EmulatedField":
        """Build a field; KeyError for a bus or point that does not exist."""
        buses = {
            name: _bus(name, bus, spec.seed + number)
            for number, (name, bus) in enumerate(spec.bus.items())
        }
        meters = {}
        for name, wanted in spec.meter.items():
            bus = buses[wanted.bus]
            profile = profile_of(wanted.profile)
            meter = emulate_device(
                profile,
                wanted.address or str(wanted.unit),
                name=name,
                line=SerialLine.parse(wanted.line or bus.spec.line),
                seed=spec.seed,
                day_starts_s=spec.day_starts_s,
            )
            for point, value in wanted.set.items():
                meter.set_value(point, value)
            for point, times in wanted.pace.items():
                meter.set_pace(point, times)
            bus.wire.slaves.append(meter.slave)
            meters[name] = meter
        return cls(buses, meters)

    async def start(self) -> None:
        for bus in self.buses.values():
            await bus.plug()

    async def stop(self) -> None:
        for bus in self.buses.values():
            await bus.unplug()

    def addresses(self) -> dict[str, str]:
        """The path or `host:port` of each bus."""
        return {name: bus.where for name, bus in self.buses.items()}

    def set_value(self, meter: str, point: str, value: Value) -> None:
        """Fix a point's value; None lets it move again. KeyError: no such meter or point."""
        self.meters[meter].set_value(point, value)

    async def set_fault(self, name: str, what: str, value: Any = True) -> None:
        """Set a fault of `SlaveFaults` or `TcpFaults`, or `unplugged` for a bus.

        KeyError: no such meter or bus; AttributeError: it has no such fault.
        """
        if name in self.meters:
            _give(self.meters[name].slave.faults, what, value)
            return
        bus = self.buses[name]
        if what == UNPLUGGED:
            await (bus.unplug() if value else bus.plug())
        elif isinstance(bus.end, TcpServer) and what in TcpFaults.__slots__:
            _give(bus.end.faults, what, value)
        else:
            _give(bus.wire.faults, what, value)

    async def clear_faults(self, name: str) -> None:
        """Clear all faults of one meter or bus."""
        if name in self.meters:
            self.meters[name].slave.faults.clear()
            return
        bus = self.buses[name]
        bus.wire.faults.clear()
        if isinstance(bus.end, TcpServer):
            bus.end.faults.clear()
        await bus.plug()

    def active_faults(self, name: str) -> dict[str, Any]:
        """The present faults of a meter or a bus."""
        if name in self.meters:
            return _wrong(self.meters[name].slave.faults)
        bus = self.buses[name]
        found = _wrong(bus.wire.faults)
        if isinstance(bus.end, TcpServer):
            found |= _wrong(bus.end.faults)
        return found if bus.end.is_plugged else {**found, UNPLUGGED: True}


def _bus(name: str, spec: EmulatedBusSpec, seed: int) -> EmulatedBus:
    wire, line = Rs485Line(seed=seed), SerialLine.parse(spec.line)
    if spec.kind == "serial":
        return EmulatedBus(name, spec, wire, PtyLine(wire, Path(spec.link) if spec.link else None))
    return EmulatedBus(name, spec, wire, TcpServer(_box(spec, wire, line), spec.host, spec.port))


def _box(spec: EmulatedBusSpec, wire: Rs485Line, line: SerialLine) -> TcpBox:
    """The box of that kind: a family's own gateway, or one that passes bytes through."""
    family = _GATEWAYS.get(spec.kind)
    if family is None:
        return SerialServer(wire, line)
    gateway = importlib.import_module(f"drivers.{family}.emulated_device").emulated_gateway
    return cast(TcpBox, gateway(wire, line, timeout_s=spec.timeout_s, dead_answer=spec.dead_answer))


def _give(faults: SlaveFaults | TcpFaults, what: str, value: Any) -> None:
    default = {field.name: field.default for field in dataclasses.fields(faults)}
    if what not in default:
        raise AttributeError(what)
    setattr(faults, what, value)


def _wrong(faults: SlaveFaults | TcpFaults) -> dict[str, Any]:
    return {
        field.name: value
        for field in dataclasses.fields(faults)
        if (value := getattr(faults, field.name)) != field.default
    }
