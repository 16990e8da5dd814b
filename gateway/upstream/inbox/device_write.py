"""The command `device.write`, which sets a point of a device."""

import asyncio
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from drivers.contract import Device, FieldError, Quality, Value
from drivers.field_bus import FieldBus
from gateway.clock import Clock
from gateway.errors import CommandRefused
from gateway.upstream.inbox.command import (
    EXPIRED,
    MALFORMED,
    CommandKind,
    Mandate,
    UnconfirmedResult,
)


class DeviceWrite(msgspec.Struct, frozen=True):
    """Set a point of a device to this value.

    A number with decimals is a text ("21.5"): signed JSON has integers only.
    """

    device: str
    point: str
    value: bool | int | str


# Finds a device by its id, and the bus that it is on.
FindDevice = Callable[[str], tuple[FieldBus, Device] | None]


def device_write(find: FindDevice, clock: Clock) -> CommandKind:
    """`device.write`: done only if the device, read again, shows the value; else sent."""

    async def act(asked: DeviceWrite, mandate: Mandate) -> Any:
        found = find(asked.device)
        if found is None:
            raise CommandRefused("bus.no-point", device=asked.device, point=asked.point)
        bus, device = found
        try:
            async with asyncio.timeout(mandate.deadline.left_ns(clock) / 1e9):
                reading = await bus.write(asked.device, asked.point, _value(asked, device))
        except TimeoutError:
            raise CommandRefused(EXPIRED) from None
        except FieldError as error:
            raise CommandRefused(error.code, **error.data) from error
        detail = {"value": reading.value, "quality": reading.quality.value}
        return detail if reading.quality is Quality.GOOD else UnconfirmedResult(detail)

    return CommandKind("device.write", DeviceWrite, act)


def _value(asked: DeviceWrite, device: Device) -> Value:
    """The value for the bus: a text is a number, unless the point holds texts."""
    point = device.point(asked.point)
    if not isinstance(asked.value, str) or point is None or point.type == "string":
        return asked.value
    try:
        number = Decimal(asked.value)
    except InvalidOperation:
        return asked.value  # a word that the family may know, such as a valve's "open"
    if not number.is_finite():
        raise CommandRefused(MALFORMED, reason=asked.value)
    return float(number)
