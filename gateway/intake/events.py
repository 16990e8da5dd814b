"""The kinds of event that the field makes."""

import msgspec

from gateway.event import Audience, EventKind, Lane

Value = int | float | bool | str | None


class TelemetryEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """One poll of one device: `v` maps points to values, `q` to quality where not good."""

    v: dict[str, Value]
    q: dict[str, str] = {}


class DeviceStateEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device came (`ok`), fell silent (`silent`) or answers wrongly (`faulty`).

    `code` is the text code of the reason.
    """

    state: str
    code: str | None = None


class BusStateEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line or gateway came up (`up`) or was lost (`down`); `code` is the reason's text code."""

    state: str
    code: str | None = None


class MeterReplacedEventData(msgspec.Struct, frozen=True, omit_defaults=True):
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


TELEMETRY = EventKind("field", "reading", Lane.TELEMETRY, TelemetryEventData, Audience.ALL)
DEVICE_STATE = EventKind("field", "device-state", Lane.SERVICE, DeviceStateEventData, Audience.ALL)
BUS_STATE = EventKind("field", "bus-state", Lane.SERVICE, BusStateEventData, Audience.ALL)
METER_REPLACED = EventKind(
    "field", "meter-replaced", Lane.SERVICE, MeterReplacedEventData, Audience.ALL
)
KINDS = (TELEMETRY, DEVICE_STATE, BUS_STATE, METER_REPLACED)
