"""The Modbus family (polled): its checks, its reads and its writes."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from drivers.bus.rounds import overlaps
from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    FieldError,
    NotWritable,
    Point,
    Sample,
    Value,
    WriteSpec,
)
from drivers.family import Framing, Shape, Transaction, WireCost, WritePlan
from drivers.modbus import codec, registers
from drivers.modbus.read_plan import (
    BIT_KINDS,
    FUNCTIONS,
    block_max,
    plan_reads,
    point_span,
    transaction,
    unit_address,
    unreadable_spans,
)

_UNITS_OVER_TCP = 255  # over TCP the units 248 to 255 are free for the gateway itself

_WRITABLE_KINDS = frozenset({"coil", "holding"})


class ModbusDeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys of `[device.*]` that only Modbus devices have."""

    # Most registers in one reply, for a device that supports fewer than its model.
    max_block: int | None = None


class ModbusDriver:
    """The family's driver; it has no state."""

    family = "modbus"
    shape: Final = Shape.POLLED
    framings = frozenset({Framing.STREAM, Framing.MBAP})
    Options: type[msgspec.Struct] = ModbusDeviceOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why this device cannot be used."""
        return list(_faults(device))

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """The cheapest blocks, kind by kind."""
        planned: list[Transaction] = []
        for kind in FUNCTIONS:
            wanted = [point for point in points if point.kind == kind]
            planned += plan_reads(device, wanted, wire) if wanted else []
        return tuple(planned)

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
        """The shortest write, and the read that verifies it."""
        writable = _writable(point)
        if writable is None:
            raise NotWritable("modbus.read-only", device=device.id, point=point.id)
        body = _write_body(unit_address(device), point, writable, value)
        asked = transaction(body, wire, (point,), _says_nothing)
        if not writable.read_back:
            return WritePlan(asked, None, value)
        (read_back,) = plan_reads(device, [point], wire)
        return WritePlan(asked, read_back, _as_read(point, value))


DRIVER = ModbusDriver()


def _faults(device: Device) -> Iterator[FieldError]:
    if not device.address.isdecimal() or not 1 <= int(device.address) <= _UNITS_OVER_TCP:
        yield BadAddress("modbus.bad-address", device=device.id, address=device.address)
    for point in device.points:
        reason = _reason_against(device, point)
        if reason is not None:
            yield BadProfile(reason, device=device.id, point=point.id)


def _reason_against(device: Device, point: Point) -> str | None:
    """Why this point cannot be read, as a text code."""
    if point.kind not in FUNCTIONS:
        return "modbus.bad-kind"
    if not isinstance(point.address, int) or not 0 <= point.address < 1 << 16:
        return "modbus.bad-register"
    if not _type_fits(point):
        return "modbus.bad-type"
    where = point_span(point)
    if where.last - where.first + 1 > block_max(device, point.kind):
        return "modbus.too-wide"
    forbidden = overlaps(where.first, where.last, unreadable_spans(device, point.kind))
    return "modbus.unreadable" if forbidden else None


def _type_fits(point: Point) -> bool:
    """A coil or input is one bit; a register point has whole registers."""
    if point.kind in BIT_KINDS:
        return point.type == "bool" and point.bit is None
    return point.type not in {"u8", "i8"}


def _writable(point: Point) -> WriteSpec | None:
    """How it is written. Bits of registers are not writable: neighbours would be overwritten."""
    return point.writable if point.kind in _WRITABLE_KINDS and point.bit is None else None


def _says_nothing(frame: bytes) -> list[Sample]:
    codec.reply_data(frame)  # raises for an exception reply
    return []


def _write_body(unit: int, point: Point, writable: WriteSpec, value: Value) -> bytes:
    """Function 5 or 15 for a coil; 6 for one register, 16 for more or if the profile says so."""
    address = int(point.address)
    if isinstance(value, str) or value is None or not _allowed(writable, value):
        raise NotWritable("modbus.not-allowed", point=point.id, value=value)
    if point.kind == "coil":
        if writable.function == codec.WRITE_COILS:
            return codec.write_coils(unit, address, [bool(value)])
        return codec.write_coil(unit, address, on=bool(value))
    data = registers.encode(point, value)
    if len(data) == 2 and writable.function != codec.WRITE_REGISTERS:  # noqa: PLR2004 - one register
        return codec.write_register(unit, address, data)
    return codec.write_registers(unit, address, data)


def _allowed(writable: WriteSpec, value: float) -> bool:
    low, high = writable.min, writable.max
    return (low is None or value >= low) and (high is None or value <= high)


def _as_read(point: Point, value: Value) -> Value:
    """The written value as a reading shows it."""
    if point.kind == "coil":
        return bool(value)
    return registers.decoder(point)(registers.encode(point, value)).value
