"""What the field and everybody else agree on: values, devices, transactions, drivers, errors.

    FieldError                      code + data; the texts stand with whoever shows them
    ├── WrongUse                    our side's mistake: settings, profile, a caller's argument
    │   ├── BadProfile              a device model's file is wrong (`mistakes`: every reason)
    │   ├── BadAddress              no address of this family
    │   ├── BadLine                 no line setting such as "9600 8N1"
    │   ├── NotWritable             this point cannot be written, or not with this value
    │   ├── Overloaded              the plan needs more of the wire than there is
    │   └── Busy                    too many requests wait already
    ├── DeviceFault                 one device; the line is fine (`quality` is its reading's)
    │   ├── NoReply                 nothing heard in time
    │   ├── Garbled                 something heard, but not the answer: noise, length, checksum
    │   ├── Refused                 the device said no (`exception`: its own number)
    │   ├── TargetDead              the gateway says that the device behind it does not answer
    │   └── NotKept                 written, but reading back gives another value
    └── LineDown                    port or socket: every device on it
        ├── PortMissing             no such port (`ports`: what is there)
        ├── PortHeld                another process has it (`by`, if known)
        ├── PortForbidden           no permission (`group`: who has it)
        ├── PortUnfit               the port cannot do what the settings ask
        ├── Unreachable             the gateway cannot be connected to
        ├── LineLost                unplugged, or the connection ended
        └── BusStuck                no progress for longer than any transaction may last

An instant is the running loop's time in ns (`at_ns`); nobody here reads a clock.

A driver family is a folder whose `driver.py` offers `DRIVER`, in one of three shapes: *polled*
(plans transactions; the bus carries them out), *listening* (is told what was heard), *acting*
(turns an action into transactions). Families own no port, no task, no timer and no retry.
"""

import enum
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec

Value: TypeAlias = int | float | bool | str | None


class Quality(enum.Enum):
    """How far a reading may be trusted."""

    GOOD = "good"
    STALE = "stale"
    TIMEOUT = "timeout"
    CRC = "crc"
    EXCEPTION = "exception"
    OUT_OF_RANGE = "out_of_range"
    SENSOR_FAULT = "sensor_fault"
    SUBSTITUTED = "substituted"
    CLOCK_UNSYNCED = "clock_unsynced"


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


class BadLine(WrongUse):
    """No line setting such as "9600 8N1"."""


class NotWritable(WrongUse):
    """This point cannot be written, or not with this value."""


class Overloaded(WrongUse):
    """The plan needs more of the wire than there is."""


class Busy(WrongUse):
    """Too many requests wait already."""


class DeviceFault(FieldError):
    """One device failed; the line is fine."""

    quality: ClassVar[Quality] = Quality.TIMEOUT


class NoReply(DeviceFault):
    """Nothing heard in time."""


class Garbled(DeviceFault):
    """Something heard, but not the answer."""

    quality = Quality.CRC


class Refused(DeviceFault):
    """The device said no; `divisible` when asking for less at a time may help."""

    quality = Quality.EXCEPTION

    def __init__(self, code: str, /, *, divisible: bool = False, **data: Any) -> None:
        """Keep, beside code and data, whether a smaller request may be answered."""
        super().__init__(code, **data)
        self.divisible = divisible


class TargetDead(DeviceFault):
    """The gateway says that the device behind it does not answer."""


class NotKept(DeviceFault):
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


class Unreachable(LineDown):
    """The gateway cannot be connected to."""


class LineLost(LineDown):
    """Unplugged, or the connection ended."""


class BusStuck(LineDown):
    """No progress for longer than any transaction may last."""


_LINE = re.compile(r"(\d{3,7}) ([78])([NEO])([12])")
_SILENCE_CHARS = 3.5
_FAST_BAUD = 19_200
_FAST_SILENCE_S = 0.001_75  # Modbus over serial line V1.02, 2.5.1.1: fixed above 19200


class Line(msgspec.Struct, frozen=True):
    """How bytes travel on a serial line, and how long they take."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    @classmethod
    def parse(cls, text: str) -> "Line":
        """The line written as "9600 8N1"; BadLine if it is not written so."""
        match = _LINE.fullmatch(text)
        if match is None:
            raise BadLine("field.bad-line", line=text)
        return cls(int(match[1]), int(match[2]), match[3], int(match[4]))

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity}{self.stop}"

    @property
    def char_s(self) -> float:
        """Time of one character, start bit and all."""
        return (1 + self.bits + (self.parity != "N") + self.stop) / self.baud

    @property
    def silence_s(self) -> float:
        """Silence that must stand between two frames."""
        return _FAST_SILENCE_S if self.baud > _FAST_BAUD else _SILENCE_CHARS * self.char_s


class Framing(enum.Enum):
    """How a link tells one frame from the next."""

    STREAM = "stream"
    """Bytes as they are on the wire: the request is the whole frame with its checksum, and the
    reply is searched for in whatever is heard (serial lines, serial servers)."""
    MBAP = "mbap"
    """Modbus TCP: requests and replies are unit and PDU; the link adds and removes the header."""


class Wire(msgspec.Struct, frozen=True):
    """What a link costs; drivers coalesce by it and the bus plans its load with it."""

    framing: Framing = Framing.STREAM
    char_s: float = Line().char_s
    turnaround_s: float = 0.01
    silence_s: float = Line().silence_s

    def cost_s(self, request_bytes: int, reply_bytes: int) -> float:
        """Wire time of one transaction, both silences counted."""
        chars = request_bytes + reply_bytes
        return chars * self.char_s + self.turnaround_s + 2 * self.silence_s


class Writable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    writable: Writable | None = None
    priority: int = 5
    every_s: float | None = None
    extra: dict[str, Any] = {}


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    limits: Limits = Limits()
    line: Line | None = None
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


class PollResult(msgspec.Struct, frozen=True):
    """One device, one poll: every point that was asked for, good or not.

    Points that could not be read have value None and the fault's quality; `fault` is the first.
    """

    device: str
    at_ns: int
    took_ns: int
    readings: tuple[Reading, ...]
    fault: DeviceFault | None = None


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


Sink: TypeAlias = Callable[[PollResult], None]
OnState: TypeAlias = Callable[[DeviceChange | BusChange], None]


class Expect(Protocol):
    """How the reply to one request is recognised. Pure; never raises, whatever is heard."""

    @property
    def limit(self) -> int:
        """Most bytes worth keeping: the longest reply and some noise before it."""

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where the reply stands in all that was heard since the request; None: not there (yet).

        The answer must not depend on how the bytes were split: what is found in a prefix is
        found in the whole. `final` says that nothing more will come, so an unfinished candidate
        no longer hides a finished one behind it. Under MBAP the bytes are one whole answer.
        """


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One request and how to understand its reply.

    `request` is the frame as `Wire.framing` wants it, wake-up bytes included. `expect` None: no
    reply comes (a broadcast). `decode` takes the frame that `expect` found and gives one sample
    a point, or raises a DeviceFault; it is pure. `divide` gives the same in smaller pieces after
    a `Refused` that is divisible (empty: it cannot be smaller).
    """

    request: bytes
    expect: Expect | None
    decode: Callable[[bytes], Sequence[Sample]]
    points: tuple[Point, ...] = ()
    reply_bytes: int = 0
    divide: Callable[[], Sequence["Transaction"]] | None = None


class WritePlan(msgspec.Struct, frozen=True):
    """A write, and how to see whether the device kept it (`expected`, as a reading shows it)."""

    write: Transaction
    read_back: Transaction | None
    expected: Value


class PolledDriver(Protocol):
    """A family whose devices speak only when asked."""

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]  # frozen; the family's own keys in [device.*]

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def plan(self, device: Device, points: Sequence[Point], wire: Wire) -> tuple[Transaction, ...]:
        """The cheapest transactions that read these points."""

    def write(self, device: Device, point: Point, value: Value, wire: Wire) -> WritePlan:
        """How to write the value; NotWritable if that cannot be."""


class ListeningDriver(Protocol):
    """A family whose devices speak on their own, through an inlet (scanner, socket, HTTP path)."""

    family: str
    inlet: str
    Options: type[msgspec.Struct]

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def hear(self, device: Device, message: bytes) -> Sequence[Sample]:
        """What one message of this device says; Garbled if it cannot be understood. Pure."""


class ActingDriver(Protocol):
    """A family that does something when told (a printer, a sign)."""

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def act(self, device: Device, action: str, value: Value) -> tuple[Transaction, ...]:
        """The transactions that carry the action out; NotWritable if there is no such action."""


Driver: TypeAlias = PolledDriver | ListeningDriver | ActingDriver


class Receiver(Protocol):
    """Who listens to a stream; called from the loop, never from another thread."""

    def heard(self, data: bytes) -> None:
        """Bytes arrived, in any split."""

    def lost(self, error: LineDown) -> None:
        """The stream ended; nothing follows."""


class Stream(Protocol):
    """An open byte stream to the field: a serial port, a serial server, an emulated wire."""

    def write(self, data: bytes) -> None:
        """Send without waiting; LineLost if the stream has ended."""

    def set_line(self, line: Line) -> None:
        """The following bytes travel so; nothing is on its way when this is called."""

    def close(self) -> None:
        """Let the port go; `lost` is not called."""


OpenStream: TypeAlias = Callable[[Receiver], Awaitable[Stream]]


class FieldBus(Protocol):
    """What the station runs, one a `[bus.*]`; `drivers.bus.actor.Bus` or a listening family's."""

    name: str

    async def run(self) -> None:
        """Serve until cancelled."""

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Write, read back, and give what was read; a FieldError says why not."""

    def restart(self) -> None:
        """Close and open again; what waits stays waiting."""


class BusKind(msgspec.Struct, frozen=True):
    """A value of `kind` in `[bus.*]`: its `Options`, and what builds the bus."""

    name: str
    options: type[msgspec.Struct]
    build: Callable[[str, Any, Sequence[Device], Sink, OnState], FieldBus]
