"""An emulated Modbus device that plays a profile, and the gateway in front of such devices."""

from collections.abc import Iterable, Iterator
from typing import Any

from drivers.contract import Point, Value
from drivers.emulate.device import NOON_S, EmulatedDevice, choose_line
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulated_words import encode_words
from drivers.modbus.emulator import ModbusSlave
from drivers.modbus.emulator_gateway import ModbusGateway
from drivers.profile import Profile
from drivers.serial_line import SerialLine

# Meters arrange their registers in blocks; a longer gap separates two of them.
_GAP_WORDS_MAX = 64

_BIT_TABLES = frozenset({"coil", "discrete"})


class EmulatedModbusDevice(EmulatedDevice):
    """The points of a profile as registers."""

    slave: ModbusSlave

    def __init__(
        self,
        profile: Profile,
        unit: int,
        *,
        name: str = "",
        line: SerialLine | None = None,
        seed: int = 0,
        day_starts_s: float = NOON_S,
        turnaround_s: float = 0.01,
    ) -> None:
        """Power it up at address `unit`, by default with the profile's line settings."""
        super().__init__(profile, str(unit), seed=seed + unit, day_starts_s=day_starts_s)
        points = tuple(self.points.values())
        image = RegisterImage(writable=_writable(points), max_block=profile.limits.max_block)
        for table, addresses in _gaps(points, profile.limits.unreadable):
            image.put(table, addresses.start, [0] * len(addresses))
        self.slave = ModbusSlave(
            unit,
            image,
            choose_line(profile, line),
            name=name or profile.id,
            refresh=self.move,
            turnaround_s=turnaround_s,
        )
        self.begin()

    @property
    def unit(self) -> int:
        """The unit address, a number."""
        return self.slave.unit

    def show(self, point: Point, value: Value) -> None:
        """Write the value into its registers."""
        image, address = self.slave.image, int(point.address)
        if point.kind in _BIT_TABLES:
            image.put(point.kind, address, [int(bool(value))])
        elif point.type in {"bits", "bool"}:
            size = 1 if point.type == "bool" else point.size or 1
            mask = ((1 << size) - 1) << (point.bit or 0)
            before = image.read(point.kind, address, 1) or [0]
            image.put(
                point.kind, address, [before[0] & ~mask | encode_words(point, value)[0] & mask]
            )
        else:
            image.put(point.kind, address, encode_words(point, value))


def _gaps(
    points: Iterable[Point], unreadable: Iterable[tuple[str, int, int]]
) -> Iterator[tuple[str, range]]:
    """Registers between the points: most meters return 0 there, unless the profile forbids it."""
    forbidden = {(table, at) for table, first, last in unreadable for at in range(first, last + 1)}
    ends: dict[str, int] = {}
    for point in sorted(points, key=lambda point: (point.kind, int(point.address))):
        begin, end = int(point.address), ends.get(point.kind)
        if end is not None and begin - end <= _GAP_WORDS_MAX:
            readable = [at for at in range(end, begin) if (point.kind, at) not in forbidden]
            yield from ((point.kind, range(at, at + 1)) for at in readable)
        width = 1 if point.kind in _BIT_TABLES else _width(point)
        ends[point.kind] = max(end or 0, begin + width)


def _writable(points: Iterable[Point]) -> list[tuple[str, int]]:
    return [
        (point.kind, int(point.address) + offset)
        for point in points
        if point.writable is not None
        for offset in range(1 if point.kind in _BIT_TABLES else _width(point))
    ]


def _width(point: Point) -> int:
    return len(encode_words(point, "" if point.type == "string" else 0))


def emulated_device(profile: Profile, address: str, **options: Any) -> EmulatedModbusDevice:
    """The device at that unit address."""
    return EmulatedModbusDevice(profile, int(address), **options)


emulated_gateway = ModbusGateway
