"""Which quantities of a message are a sensor's points, and which devices cannot be used. Pure.

A point's `kind` is the format (`bthome`, `mibeacon`, `ibeacon`, `eddystone`), its `address` the
quantity's name (`temperature`), its `at` which one of several alike. `kind = "radio"` with
`address = "rssi"` is the signal strength.
"""

import re
from collections.abc import Iterator, Sequence

from drivers.ble import bind_keys
from drivers.ble.codec import FORMATS, DecodedMessage, MeasuredQuantity
from drivers.ble.options import BleDeviceOptions
from drivers.contract import (
    BadAddress,
    BadProfile,
    Device,
    FieldError,
    Point,
    Quality,
    Sample,
    Value,
    WrongUse,
)

FAMILY = "ble"
RADIO = "radio"
NO_MAC = bytes(6)

_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_IDENTITY = re.compile(
    r"ibeacon/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/\d{1,5}/\d{1,5}"
    r"|eddystone/[0-9a-f]{20}/[0-9a-f]{12}"
)
_UNITS = {each.name: each.units for each in FORMATS} | {RADIO: {"rssi": "dB[mW]"}}


def check_device(device: Device) -> Sequence[FieldError]:
    """All reasons why the family cannot use this device."""
    if device.family != FAMILY:
        return [WrongUse("ble.other-family", device=device.id, family=device.family)]
    return [*_check_address(device), *_check_key(device), *_check_points(device)]


def mac_bytes(device: Device) -> bytes:
    """The address as bytes; zeros for a beacon that goes by its identity."""
    if not _MAC.fullmatch(device.address.upper()):
        return NO_MAC
    return bytes.fromhex(device.address.replace(":", ""))


def samples(device: Device, heard: DecodedMessage, rssi: int | None = None) -> list[Sample]:
    """One sample for each point that the message contains."""
    found: list[Sample] = []
    for point in device.points:
        measure = _measure_of(point, heard, rssi)
        if measure is not None:
            found.append(_sample(point, measure))
    return found


def _measure_of(point: Point, heard: DecodedMessage, rssi: int | None) -> MeasuredQuantity | None:
    if point.kind == RADIO:
        return None if rssi is None else MeasuredQuantity("rssi", rssi)
    if point.kind != heard.format:
        return None
    alike = [measure for measure in heard.measures if measure.what == point.address]
    return alike[point.at] if point.at < len(alike) else None


def _sample(point: Point, measure: MeasuredQuantity) -> Sample:
    value = _value(point, measure.value)
    quality = Quality.GOOD
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = point.min, point.max
        if (low is not None and value < low) or (high is not None and value > high):
            quality = Quality.OUT_OF_RANGE
    return Sample(point, value, quality, measure.count, measure.modulus)


def _value(point: Point, value: Value) -> Value:
    """Numbers as the profile scales them, everything else unchanged."""
    if isinstance(value, bool | str) or value is None:
        return value
    scaled = value * point.scale + point.offset
    return round(scaled, point.decimals) if point.decimals else round(scaled)


def _check_address(device: Device) -> Iterator[FieldError]:
    address = device.address
    if not (_MAC.fullmatch(address.upper()) or _IDENTITY.fullmatch(address)):
        yield BadAddress("ble.bad-address", device=device.id, address=address)


def _check_key(device: Device) -> Iterator[FieldError]:
    options = device.options or BleDeviceOptions()
    if options.bind_key is not None and bind_keys.parse_key(options.bind_key) is None:
        yield WrongUse("ble.bad-key", device=device.id)
    if options.bind_key is not None and options.credential is not None:
        yield WrongUse("ble.two-keys", device=device.id)


def _check_points(device: Device) -> Iterator[FieldError]:
    for point in device.points:
        units = _UNITS.get(point.kind)
        where = {"device": device.id, "point": point.id}
        if units is None:
            yield BadProfile("ble.no-format", **where, kind=point.kind, known=sorted(_UNITS))
        elif point.address not in units:
            yield BadProfile(
                "ble.no-quantity", **where, quantity=point.address, known=sorted(units)
            )
        elif point.scale == 1 and not point.offset and units[str(point.address)] != point.unit:
            right = units[str(point.address)]
            yield BadProfile("ble.other-unit", **where, unit=point.unit, right=right)
        if point.writable is not None:
            yield BadProfile("ble.not-writable", **where)
