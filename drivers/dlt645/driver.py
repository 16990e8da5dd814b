"""The DL/T 645-2007 family (polled): electricity meters."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec

from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    FieldError,
    NotWritable,
    Point,
    Sample,
    Value,
)
from drivers.dlt645 import codec, item_reads, values
from drivers.dlt645.codec import Dlt645Control, Dlt645Expect, Dlt645Frame
from drivers.family import Framing, Shape, Transaction, WireCost, WritePlan
from drivers.meter_frame import WAKE_BYTES_MAX, is_address

Digits = Annotated[str, msgspec.Meta(pattern=r"^\d{6}$")]

_CLOSE, _OPEN = 0x1B, 0x1A
# Time after which a meter may ignore a switching command, second to year: 2099-12-31 23:59:59. We
# send it at once or never, so it needs no real deadline; a meter's clock may be wrong.
_UNTIL = bytes.fromhex("595923311299")


class Dlt645DeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys of `[device.*]` that only DL/T 645 meters have.

    Writing and switching require the meter's password: its level, six digits, and an operator code.
    """

    wake: Annotated[int, msgspec.Meta(ge=0, le=WAKE_BYTES_MAX)] = WAKE_BYTES_MAX
    level: Annotated[int, msgspec.Meta(ge=0, le=9)] = 2
    password: Digits = "000000"  # noqa: S105 - what meters leave the factory with
    operator: Annotated[str, msgspec.Meta(pattern=r"^\d{8}$")] = "00000000"

    @property
    def rights(self) -> bytes:
        """Level, password and operator as every write carries them."""
        password, operator = bytes.fromhex(self.password), bytes.fromhex(self.operator)
        return bytes([self.level]) + password[::-1] + operator[::-1]


class Dlt645Driver:
    """The family's driver; it has no state."""

    family = "dlt645"
    shape: Final = Shape.POLLED
    framings = frozenset({Framing.STREAM})
    Options: type[msgspec.Struct] = Dlt645DeviceOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why this device cannot be used."""
        return list(_faults(device))

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """The cheapest items and blocks; an address is requested separately."""
        wake = _options(device).wake
        items = [point for point in points if point.kind != "address"]
        planned = [
            item_reads.read_transaction(ask)
            for ask in item_reads.plan_item_reads(device, items, wake, wire)
        ]
        planned += [
            item_reads.address_transaction(device, point, wake)
            for point in points
            if point.kind == "address"
        ]
        return tuple(planned)

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
        """Set an item, switch the relay or broadcast the time."""
        if point.writable is None or point.kind == "address":
            raise NotWritable("dlt645.read-only", device=device.id, point=point.id)
        options = _options(device)
        if point.kind == "clock":
            return WritePlan(_tell_time(point, value, options), None, value)
        if point.kind == "relay":
            asked = _switch(device, point, value, options)
        else:
            data = item_reads.item_bytes(str(point.address)) + options.rights
            asked = Dlt645Frame(
                device.address, Dlt645Control.WRITE, data + values.encode(point, value)
            )
        (read,) = self.plan(device, (point,), wire)
        read_back = read if point.writable.read_back else None
        return WritePlan(_confirmed(asked, point, options), read_back, value)


def _options(device: Device) -> Dlt645DeviceOptions:
    return (
        device.options if isinstance(device.options, Dlt645DeviceOptions) else Dlt645DeviceOptions()
    )


def _switch(
    device: Device, point: Point, value: Value, options: Dlt645DeviceOptions
) -> Dlt645Frame:
    if not isinstance(value, bool):
        raise NotWritable("dlt645.bad-value", point=point.id, value=value)
    command = point.extra.get("close", _CLOSE) if value else point.extra.get("open", _OPEN)
    return Dlt645Frame(
        device.address, Dlt645Control.SWITCH, options.rights + bytes([command, 0]) + _UNTIL
    )


def _tell_time(point: Point, value: Value, options: Dlt645DeviceOptions) -> Transaction:
    asked = Dlt645Frame(
        codec.EVERYBODY, Dlt645Control.BROADCAST_TIME, values.encode_timestamp(point, value)
    )
    request = codec.encode(asked, options.wake)
    return Transaction(request=request, expect=None, decode=_nothing, points=(point,))


def _confirmed(asked: Dlt645Frame, point: Point, options: Dlt645DeviceOptions) -> Transaction:
    """The command and its confirmation, an empty reply."""

    def confirm(raw: bytes) -> Sequence[Sample]:
        item_reads.decode_good_reply(raw)
        return ()

    return Transaction(
        request=codec.encode(asked, options.wake),
        expect=Dlt645Expect(asked.address, asked.control),
        decode=confirm,
        points=(point,),
        reply_bytes=WAKE_BYTES_MAX + codec.OVERHEAD,
    )


def _nothing(_raw: bytes) -> Sequence[Sample]:
    return ()


def _faults(device: Device) -> Iterator[FieldError]:
    usable = is_address(device.address, codec.ADDRESS_DIGITS)
    if not usable or device.address == codec.EVERYBODY:
        yield BadAddress("dlt645.bad-address", device=device.id, address=device.address)
    for point in device.points:
        mistake = _mistake(point)
        if mistake:
            yield BadProfile("dlt645.bad-point", device=device.id, point=point.id, what=mistake)


def _mistake(point: Point) -> str | None:
    """The key of this point that cannot be used."""
    if point.kind not in values.KINDS:
        return "kind"
    if point.type not in values.TYPES:
        return "type"
    for key, item in (("address", str(point.address)), ("block", point.extra.get("block"))):
        if item is not None and point.kind != "address":
            try:
                item_reads.item_bytes(item)
            except ValueError:
                return key
    return None


DRIVER = Dlt645Driver()
