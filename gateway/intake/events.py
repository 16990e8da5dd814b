"""The kinds of event that the field makes."""

import msgspec

from gateway.event import Audience, Kind, Lane

Value = int | float | bool | str | None


class Telemetry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One poll of one device: `v` maps points to values, `q` to quality where not good."""

    v: dict[str, Value]
    q: dict[str, str] = {}


class DeviceState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device came (`ok`), fell silent (`silent`) or answers wrongly (`faulty`).

    `code` is the text code of the reason.
    """

    state: str
    code: str | None = None


class BusState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line or gateway came up (`up`) or was lost (`down`); `code` is the reason's text code."""

    state: str
    code: str | None = None


class MeterReplaced(msgspec.Struct, frozen=True, omit_defaults=True):
    """A counter's readings belong to another meter from here on.

    `old`: the last good value of the former meter (None: there was none); `new`: the first of
    this one. `found_by`: `person` if a person announced it, `station` if the counts showed it.
    `resumes`: the station was wrong, or the former meter is back: the value it had when it was
    taken for replaced; it has counted `new` minus `resumes` since.
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
