"""What drivers, buses and the station share: values, devices, readings, states, errors.

    FieldError                      text code + data; the texts are in the station's catalogues
    ├── WrongUse                    our side's mistake: settings, profile, a caller's argument
    │   ├── BadProfile              the file of a device model is wrong (`mistakes`: all reasons)
    │   ├── BadAddress              not an address of this family
    │   ├── NotWritable             this point cannot be written, or not with this value
    │   ├── BusOverloaded           the planned load exceeds the wire
    │   └── BusBusy                 too many requests are waiting
    ├── DeviceFault                 one device; the line is fine (`quality` is its readings')
    │   ├── NoReply                 nothing received in time
    │   ├── GarbledReply            received, but not a valid reply: noise, length, checksum
    │   ├── RequestRefused          the device refused (`exception`: its own number)
    │   ├── TargetDead              the gateway reports that the device does not answer
    │   └── WriteNotKept            written, but reading back gives another value
    └── LineDown                    the port or connection, and so every device on it
        ├── PortMissing             no such port (`ports`: those that exist)
        ├── PortHeld                another process has it (`by`, if known)
        ├── PortForbidden           no permission (`group`: the one that has it)
        ├── PortUnfit               the port does not support the settings
        ├── GatewayUnreachable      connecting to the gateway failed
        ├── LineLost                unplugged, or the connection ended
        └── BusStuck                no progress for longer than any transaction may last

Instants (`at_ns`) are the running loop's time in ns; drivers never read a clock. The interface
between a driver family and the bus is in `drivers/family.py`.
"""

import enum
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeAlias

import msgspec

from drivers.serial_line import SerialLine

Value: TypeAlias = int | float | bool | str | None


class Quality(enum.Enum):
    """How far a reading may be trusted.

    It says nothing about time: an event carries the reliability of its timestamp itself.
    """

    GOOD = "good"
    STALE = "stale"
    TIMEOUT = "timeout"
    CRC = "crc"
    EXCEPTION = "exception"
    OUT_OF_RANGE = "out_of_range"
    SENSOR_FAULT = "sensor_fault"
    SUBSTITUTED = "substituted"


class FieldError(Exception):
    """Base of the tree: a text code and its parameters."""

    def __init__(self, code: str, /, **data: Any) -> None:
        """Keep the code and the data; `str()` shows both for logs."""
        self.code = code
        self.data = data
        super().__init__(code, data)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{k}={v!r}" for k, v in self.data.items())])


class WrongUse(FieldError):
    """Our side's mistake."""


class BadProfile(WrongUse):
    """The file of a device model is wrong; `data["mistakes"]` lists all reasons."""


class BadAddress(WrongUse):
    """No address of this family."""


class NotWritable(WrongUse):
    """This point cannot be written, or not with this value."""


class BusOverloaded(WrongUse):
    """The planned load exceeds the wire."""


class BusBusy(WrongUse):
    """Too many requests are waiting."""


class DeviceFault(FieldError):
    """One device failed; the line is fine."""

    quality: ClassVar[Quality] = Quality.TIMEOUT


class NoReply(DeviceFault):
    """Nothing received in time."""


class GarbledReply(DeviceFault):
    """Something was received, but not a valid reply."""

    quality = Quality.CRC


class RequestRefused(DeviceFault):
    """The device refused; `divisible` if a smaller request may succeed."""

    quality = Quality.EXCEPTION

    def __init__(self, code: str, /, *, divisible: bool = False, **data: Any) -> None:
        """Keep, beside code and data, whether a smaller request may be answered."""
        super().__init__(code, **data)
        self.divisible = divisible


class TargetDead(DeviceFault):
    """The gateway reports that the device behind it does not answer."""


class WriteNotKept(DeviceFault):
    """Written, but reading back gives another value."""


class LineDown(FieldError):
    """The port or connection failed, and so every device on it."""


class PortMissing(LineDown):
    """No such port."""


class PortHeld(LineDown):
    """Another process has the port open."""


class PortForbidden(LineDown):
    """No permission to open the port."""


class PortUnfit(LineDown):
    """The port does not support the settings."""


class GatewayUnreachable(LineDown):
    """Connecting to the gateway failed."""


class LineLost(LineDown):
    """Unplugged, or the connection ended."""


class BusStuck(LineDown):
    """No progress for longer than any transaction may last."""


class WriteSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a point is written; `read_back` is False only if the device cannot report the value."""

    min: float | None = None
    max: float | None = None
    read_back: bool = True
    function: int | None = None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a device, and where it is found.

    The driver family defines `kind`, `address`, `size`, `at` and `extra`; `type`, `order`, `scale`
    and `offset` convert bytes to a number: `value = count * scale + offset`.
    """

    id: str
    address: int | str
    type: str = "u16"
    kind: str = ""
    unit: str = "1"
    decimals: int = 0
    size: int | None = None
    at: int = 0
    bit: int | None = None
    order: str = "ABCD"
    scale: float = 1
    offset: float = 0
    counter: bool = False
    min: float | None = None
    max: float | None = None
    writable: WriteSpec | None = None
    priority: int = 5
    every_s: float | None = None
    extra: dict[str, Any] = {}


class DeviceLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a device model.

    `max_block`: most registers (or bits, or bytes) in one reply, by kind ("" is the default).
    `unreadable`: ranges [kind, first, last] that no request may include. `pause_ms`: pause between
    two requests.
    """

    max_block: dict[str, int] = {}
    unreadable: tuple[tuple[str, int, int], ...] = ()
    pause_ms: float = 0


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device on one bus, built from the settings and its profile.

    `timeout_s` is the longest wait for a reply; the bus learns a shorter one. `options` is an
    instance of the family's `Options`. With `line` None the line settings of the bus apply.
    """

    id: str
    family: str
    address: str
    points: tuple[Point, ...]
    options: Any = None
    limits: DeviceLimits = DeviceLimits()
    line: SerialLine | None = None
    every_s: float = 15.0
    timeout_s: float = 1.0

    def point(self, point_id: str) -> Point | None:
        return next((point for point in self.points if point.id == point_id), None)


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One point's value in a reply. `count` is the number before scaling, where there is one.

    `modulus` is where that count wraps to 0 (None: never, or unknown).
    """

    point: Point
    value: Value
    quality: Quality = Quality.GOOD
    count: int | float | None = None
    modulus: int | None = None
    raw: bytes | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One point's value at one instant; `raw` is kept where the quality needs an explanation."""

    device: str
    point: str
    value: Value
    unit: str
    quality: Quality
    at_ns: int
    raw: bytes | None = None


class CounterReplacement(msgspec.Struct, frozen=True):
    """A counter now belongs to another meter: the old meter's last value and the new one's first.

    `by_person`: a person reported the replacement, otherwise it was inferred. `resumes`: the former
    meter is back; this is its value when it was taken for replaced.
    """

    point: str
    old: Value
    new: Value
    by_person: bool
    resumes: Value = None


class PollResult(msgspec.Struct, frozen=True):
    """One poll of one device: every requested point, good or not.

    Points that could not be read have value None and the fault's quality; `fault` is the first one.
    `took_ns` counts from when the round was due. `replaced` are counters that belong to another
    meter from this poll on.
    """

    device: str
    at_ns: int
    took_ns: int
    readings: tuple[Reading, ...]
    fault: DeviceFault | None = None
    replaced: tuple[CounterReplacement, ...] = ()


class DeviceState(enum.Enum):
    WAIT = "wait"
    OK = "ok"
    SILENT = "silent"
    FAULTY = "faulty"


class BusState(enum.Enum):
    """The state of a port or gateway."""

    WAIT = "wait"
    UP = "up"
    DOWN = "down"


class DeviceChange(msgspec.Struct, frozen=True):
    """A change of a device's state, reported once on loss and once on return."""

    device: str
    state: DeviceState
    at_ns: int
    code: str | None = None
    data: dict[str, Any] = {}


class BusChange(msgspec.Struct, frozen=True):
    """A change of a bus's state, reported once on loss and once on return."""

    bus: str
    state: BusState
    at_ns: int
    code: str | None = None
    data: dict[str, Any] = {}


# Accepts a poll at once. Awaiting the result is optional: it tells whether everything to be stored
# of this poll, and of the device's earlier ones, is in the journal.
Sink: TypeAlias = Callable[[PollResult], Awaitable[bool]]
OnState: TypeAlias = Callable[[DeviceChange | BusChange], None]
# Receives unforeseen exceptions: where they were contained, and the exception.
OnFault: TypeAlias = Callable[[str, BaseException], None]


def log_fault(where: str, error: BaseException, /) -> None:
    """Log the exception only: for a bus without a station."""
    logging.getLogger(__name__).error("fault in %s", where, exc_info=error)
