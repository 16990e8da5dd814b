"""The CJ/T 188 family (polled): meters of water, gas and heat, with or without a valve."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec

from drivers.cjt188 import codec, values
from drivers.cjt188.codec import Cjt188Control, Cjt188Expect, Cjt188Frame
from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    FieldError,
    NotWritable,
    Point,
    RequestRefused,
    Sample,
    Value,
)
from drivers.family import Framing, Shape, Transaction, WireCost, WritePlan
from drivers.meter_frame import WAKE_BYTES_MAX, is_address

# The values of a point's `kind`, and their byte T.
METERS = {
    "cold-water": 0x10,
    "hot-water": 0x11,
    "drinking-water": 0x12,
    "reclaimed-water": 0x13,
    "heat": 0x20,
    "cooling": 0x21,
    "heat-and-cooling": 0x22,
    "gas": 0x30,
    "any": codec.ANY_METER,
}

_OPEN, _CLOSE = 0x55, 0x99
_REPLY_BYTES = WAKE_BYTES_MAX + codec.OVERHEAD + codec.HEAD_BYTES
# Offset of the fields in a reply, after head, identifier and sequence number.
_FIELDS_AT = 14


class Cjt188DeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys of `[device.*]` that only CJ/T 188 meters have."""

    wake: Annotated[int, msgspec.Meta(ge=0, le=WAKE_BYTES_MAX)] = WAKE_BYTES_MAX


class Cjt188Driver:
    """The family's driver; it has no state."""

    family = "cjt188"
    shape: Final = Shape.POLLED
    framings = frozenset({Framing.STREAM})
    Options: type[msgspec.Struct] = Cjt188DeviceOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why this device cannot be used."""
        return list(_faults(device))

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """One request per data identifier: its reply has all fields."""
        del wire  # there is no alternative to weigh
        items: dict[tuple[str, str, bool], list[Point]] = {}
        for point in points:
            key = (point.kind, str(point.address), point.extra.get("is") == "address")
            items.setdefault(key, []).append(point)
        return tuple(_read(device, members) for members in items.values())

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
        """Open or close the valve; nothing else of a meter is writable."""
        if point.writable is None or point.extra.get("is") != "valve":
            raise NotWritable("cjt188.read-only", device=device.id, point=point.id)
        if not isinstance(value, bool):
            raise NotWritable("cjt188.bad-value", point=point.id, value=value)
        command = item_bytes(point.extra["command"]) + bytes([_OPEN if value else _CLOSE])
        asked = _frame(device, point, point.extra.get("control", Cjt188Control.WRITE), command)
        write = Transaction(
            request=codec.encode(asked, _wake(device)),
            expect=_reply(asked),
            decode=_confirmed,
            points=(point,),
            reply_bytes=_REPLY_BYTES + values.STATUS_BYTES,
        )
        (read,) = self.plan(device, (point,), wire)
        return WritePlan(write, read if point.writable.read_back else None, value)


def item_bytes(address: str) -> bytes:
    """Data identifier and sequence number as sent: `1F90`, or `901F01` where makers fix it.

    ValueError if it is neither.
    """
    found = bytes.fromhex(address)
    if len(found) not in {codec.HEAD_BYTES - 1, codec.HEAD_BYTES}:
        raise ValueError(address)
    return found.ljust(codec.HEAD_BYTES, b"\0")


def _wake(device: Device) -> int:
    options = (
        device.options if isinstance(device.options, Cjt188DeviceOptions) else Cjt188DeviceOptions()
    )
    return options.wake


def _frame(device: Device, point: Point, control: int, data: bytes) -> Cjt188Frame:
    return Cjt188Frame(METERS[point.kind], device.address, control, data)


def _reply(asked: Cjt188Frame) -> Cjt188Expect:
    item = asked.data[: codec.HEAD_BYTES - 1]
    return Cjt188Expect(asked.meter, asked.address, asked.control, item)


def _read(device: Device, points: Sequence[Point]) -> Transaction:
    """The transaction that reads the fields of one data identifier."""
    asks_address = points[0].extra.get("is") == "address"
    control = Cjt188Control.READ_ADDRESS if asks_address else Cjt188Control.READ
    asked = _frame(device, points[0], control, item_bytes(str(points[0].address)))
    size = 0 if asks_address else max(point.at + values.width(point) for point in points)

    def decode(raw: bytes) -> Sequence[Sample]:
        reply = decode_good_reply(raw)
        if asks_address:
            return [Sample(point, reply.address) for point in points]
        return _samples(points, size, reply.data[codec.HEAD_BYTES :])

    return Transaction(
        request=codec.encode(asked, _wake(device)),
        expect=_reply(asked),
        decode=decode,
        points=tuple(points),
        reply_bytes=_REPLY_BYTES + size,
        places=() if asks_address else tuple(map(_place, points)),
    )


def _place(point: Point) -> tuple[int, int]:
    """The point's bytes in the reply."""
    return _FIELDS_AT + point.at, _FIELDS_AT + point.at + values.width(point)


def decode_good_reply(raw: bytes) -> Cjt188Frame:
    """Decode a reply; RequestRefused with the status word for an error reply."""
    reply = codec.decode(raw)
    assert reply is not None, "Reply.find has found it"
    if reply.is_denied:
        raise RequestRefused("cjt188.refused", status=reply.data[1:].hex())
    return reply


def _confirmed(raw: bytes) -> Sequence[Sample]:
    decode_good_reply(raw)
    return ()


def _samples(points: Sequence[Point], size: int, fields: bytes) -> list[Sample]:
    if len(fields) < size:
        raise RequestRefused("cjt188.short", said=size, came=len(fields))
    return [
        values.sample(point, fields[point.at : point.at + values.width(point)]) for point in points
    ]


def _faults(device: Device) -> Iterator[FieldError]:
    if not is_address(device.address, codec.ADDRESS_DIGITS):
        yield BadAddress("cjt188.bad-address", device=device.id, address=device.address)
    for point in device.points:
        mistake = next(_mistakes(point), None)
        if mistake:
            yield BadProfile("cjt188.bad-point", device=device.id, point=point.id, what=mistake)


def _mistakes(point: Point) -> Iterator[str]:
    """The keys of this point that cannot be used."""
    if point.kind not in METERS:
        yield "kind"
    if point.type not in values.TYPES:
        yield "type"
    if point.extra.get("is") not in values.MEANINGS:
        yield "is"
    if point.extra.get("first") not in values.FIRSTS:
        yield "first"
    unit = point.extra.get("unit")
    if unit not in values.PLACES or (unit is not None and point.unit not in values.UNITS):
        yield "unit"
    if point.writable is not None and "command" not in point.extra:
        yield "command"
    for key, item in (("address", str(point.address)), ("command", point.extra.get("command"))):
        try:
            item_bytes(item) if item is not None else None
        except ValueError:
            yield key


DRIVER = Cjt188Driver()
