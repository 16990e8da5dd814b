"""The kinds of event that the field makes."""

import msgspec

from gateway.event import Audience, Kind, Lane

Value = int | float | bool | str | None


class Telemetry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One device, one poll: `v` maps points to values, `q` points to quality where not good."""

    v: dict[str, Value]
    q: dict[str, str] = {}


class DeviceState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device came (`ok`), fell silent (`silent`) or answers wrongly (`faulty`).

    `code` is the reason's text code.
    """

    state: str
    code: str | None = None


class BusState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line or gateway came up (`up`) or was lost (`down`); `code` is the reason's text code."""

    state: str
    code: str | None = None


class MeterReplaced(msgspec.Struct, frozen=True, omit_defaults=True):
    """From here on a counter's readings are another meter's.

    `old` is the last value of the former one that was good (None: none was), `new` the first of
    this one. `found_by` is `person` where somebody had said so, `station` where the counts did.
    `resumes`: the station was wrong, or the former meter is back; this is the value that it had
    when it was taken for replaced, and what it counted since then is `new` less `resumes`.
    """

    point: str
    old: Value
    new: Value
    found_by: str
    resumes: Value = None


TELEMETRY = Kind("field", "reading", Lane.TELEMETRY, Telemetry, Audience.ALL)
DEVICE_STATE = Kind("field", "device-state", Lane.SERVICE, DeviceState, Audience.ALL)
BUS_STATE = Kind("field", "bus-state", Lane.SERVICE, BusState, Audience.ALL)
METER_REPLACED = Kind("field", "meter-replaced", Lane.SERVICE, MeterReplaced, Audience.ALL)
KINDS = (TELEMETRY, DEVICE_STATE, BUS_STATE, METER_REPLACED)
