"""What the field and everybody else agree on: values, devices, transactions, drivers, errors.

    FieldError                      code + data; the texts stand with whoever shows them
    ├── WrongUse                    our side's mistake: settings, profile, a caller's argument
    │   ├── BadProfile              a device model's file is wrong (`mistakes`: every reason)
    │   ├── BadAddress              no address of this family
    │   ├── NotWritable             this point cannot be written, or not with this value
    │   ├── BusOverloaded           the plan needs more of the wire than there is
    │   └── BusBusy                 too many requests wait already
    ├── DeviceFault                 one device; the line is fine (`quality` is its reading's)
    │   ├── NoReply                 nothing heard in time
    │   ├── GarbledReply            something heard, but not the answer: noise, length, checksum
    │   ├── RequestRefused          the device said no (`exception`: its own number)
    │   ├── TargetDead              the gateway says that the device behind it does not answer
    │   └── WriteNotKept            written, but reading back gives another value
    └── LineDown                    port or socket: every device on it
        ├── PortMissing             no such port (`ports`: what is there)
        ├── PortHeld                another process has it (`by`, if known)
        ├── PortForbidden           no permission (`group`: who has it)
        ├── PortUnfit               the port cannot do what the settings ask
        ├── GatewayUnreachable      the gateway cannot be connected to
        ├── LineLost                unplugged, or the connection ended
        └── BusStuck                no progress for longer than any transaction may last

An instant is the running loop's time in ns (`at_ns`); nobody here reads a clock.

What a driver family offers to the bus stands in `drivers/family.py`.
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

    When a reading was taken is no matter of its quality: an event says what its time rests on.
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
    """Base of the tree: a text code and what fills it in."""

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
    """A device model's file is wrong; `data["mistakes"]` lists every reason."""


class BadAddress(WrongUse):
    """No address of this family."""


class NotWritable(WrongUse):
    """This point cannot be written, or not with this value."""


class BusOverloaded(WrongUse):
    """The plan needs more of the wire than there is."""


class BusBusy(WrongUse):
    """Too many requests wait already."""


class DeviceFault(FieldError):
    """One device failed; the line is fine."""

    quality: ClassVar[Quality] = Quality.TIMEOUT


class NoReply(DeviceFault):
    """Nothing heard in time."""


class GarbledReply(DeviceFault):
    """Something heard, but not the answer."""

    quality = Quality.CRC


class RequestRefused(DeviceFault):
    """The device said no; `divisible` when asking for less at a time may help."""

    quality = Quality.EXCEPTION

    def __init__(self, code: str, /, *, divisible: bool = False, **data: Any) -> None:
        """Keep, beside code and data, whether a smaller request may be answered."""
        super().__init__(code, **data)
        self.divisible = divisible


class TargetDead(DeviceFault):
    """The gateway says that the device behind it does not answer."""


class WriteNotKept(DeviceFault):
    """Written, but reading back gives another value."""


class LineDown(FieldError):
    """Port or socket: every device on it."""


class PortMissing(LineDown):
    """No such port."""


class PortHeld(LineDown):
    """Another process has the port."""


class PortForbidden(LineDown):
    """No permission to open the port."""


class PortUnfit(LineDown):
    """The port cannot do what the settings ask."""


class GatewayUnreachable(LineDown):
    """The gateway cannot be connected to."""


class LineLost(LineDown):
    """Unplugged, or the connection ended."""


class BusStuck(LineDown):
    """No progress for longer than any transaction may last."""


class WriteSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a point is written; `read_back` only false where the device cannot show it again."""

    min: float | None = None
    max: float | None = None
    read_back: bool = True
    function: int | None = None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a device, and where it stands there.

    `kind`, `address`, `size`, `at` and `extra` mean what the driver family says; `type`, `order`,
    `scale` and `offset` say how the bytes become a number. `value = count * scale + offset`.
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
    """What a device model can bear.

    `max_block`: most registers (or bits, or bytes) in one answer, by kind ("" is the default).
    `unreadable`: ranges [kind, first, last] that no request may touch.
    """

    max_block: dict[str, int] = {}
    unreadable: tuple[tuple[str, int, int], ...] = ()
    pause_ms: float = 0


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device on one bus, as the settings and its profile make it.

    `timeout_s` is the longest wait for a reply; the bus learns a shorter one. `options` is the
    family's `Options`. `line` None means the bus's own.
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
        """The point of that id."""
        return next((point for point in self.points if point.id == point_id), None)


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What a reply says of one point. `count` is the integer before scaling, where there is one.

    `modulus` is where that count starts again at 0 (None: never, or unknown).
    """

    point: Point
    value: Value
    quality: Quality = Quality.GOOD
    count: int | float | None = None
    modulus: int | None = None
    raw: bytes | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One point's value at one instant; `raw` is kept where the quality asks for an explanation."""

    device: str
    point: str
    value: Value
    unit: str
    quality: Quality
    at_ns: int
    raw: bytes | None = None


class CounterReplacement(msgspec.Struct, frozen=True):
    """A counter was taken up as another meter's: what the old one said last, and the new one first.

    `by_person`: somebody had said so; else the counts alone. `resumes`: the former meter is back,
    or had never gone; that is the value with which it was taken for replaced.
    """

    point: str
    old: Value
    new: Value
    by_person: bool
    resumes: Value = None


class PollResult(msgspec.Struct, frozen=True):
    """One device, one poll: every point that was asked for, good or not.

    Points that could not be read have value None and the fault's quality; `fault` is the first.
    `took_ns` runs from when the round was due. `replaced` are counters of another meter from this
    poll on.
    """

    device: str
    at_ns: int
    took_ns: int
    readings: tuple[Reading, ...]
    fault: DeviceFault | None = None
    replaced: tuple[CounterReplacement, ...] = ()


class DeviceState(enum.Enum):
    """What the bus knows of a device."""

    WAIT = "wait"
    OK = "ok"
    SILENT = "silent"
    FAULTY = "faulty"


class BusState(enum.Enum):
    """What is known of a port or gateway."""

    WAIT = "wait"
    UP = "up"
    DOWN = "down"


class DeviceChange(msgspec.Struct, frozen=True):
    """A device went from one state to another: said once on loss, once on return."""

    device: str
    state: DeviceState
    at_ns: int
    code: str | None = None
    data: dict[str, Any] = {}


class BusChange(msgspec.Struct, frozen=True):
    """A bus went from one state to another: said once on loss, once on return."""

    bus: str
    state: BusState
    at_ns: int
    code: str | None = None
    data: dict[str, Any] = {}


# Takes a poll at once. Awaited, it answers whether all that was to be stored of it, and of what the
# device said before, is in the journal; nobody needs to await it.
Sink: TypeAlias = Callable[[PollResult], Awaitable[bool]]
OnState: TypeAlias = Callable[[DeviceChange | BusChange], None]
# Is told of an exception that nobody foresaw: where it was contained, and what it was.
OnFault: TypeAlias = Callable[[str, BaseException], None]


def log_fault(where: str, error: BaseException, /) -> None:
    """Only log it: for a bus that runs without a station."""
    logging.getLogger(__name__).error("fault in %s", where, exc_info=error)
