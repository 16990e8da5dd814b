"""What a driver family offers: a folder whose `driver.py` has `DRIVER`, in one of four shapes.

- *polled*: plans transactions and decodes replies; the bus carries them out (meters, contacts);
- *listening*: identifies the sender of a message and decodes it; the station opens the inlet, and
  replies once the journal has committed (cameras, fire panels);
- *measured*: takes one reading on demand, for a person's session; the station lends it a link and
  keeps nothing (a blood-pressure cuff, a scale);
- *acting*: turns an action into transactions; the station queues, sends and polls the status
  (a printer, a sign).

Families own no port, task, timer or retry; planning and decoding are pure. Beside `driver.py` there
are `codec.py`, `emulator.py` (which never imports the codec), `vectors.toml` and `README.md`.
"""

import enum
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from drivers.contract import Device, FieldError, Point, Sample, Value
from drivers.message import DeviceMessage, InletNeed, Radio
from drivers.serial_line import SerialLine


class Shape(enum.Enum):
    """How the station talks to the devices of a family."""

    POLLED = "polled"
    LISTENING = "listening"
    MEASURED = "measured"
    ACTING = "acting"


class Framing(enum.Enum):
    """How a link separates frames."""

    # Raw bytes: the request is the whole frame with its checksum, and the reply is searched for in
    # the received bytes (serial lines, serial servers).
    STREAM = "stream"
    # Modbus TCP: requests and replies are unit and PDU; the link adds and removes the header.
    MBAP = "mbap"


class WireCost(msgspec.Struct, frozen=True):
    """The cost of a link's wire, by which drivers combine reads and the bus plans its load.

    `longest_s` is the most that one transaction should take where alarm inputs wait for the wire: a
    longer read is divided, as far as possible.
    """

    framing: Framing = Framing.STREAM
    char_s: float = SerialLine().char_s
    turnaround_s: float = 0.01
    silence_s: float = SerialLine().silence_s
    longest_s: float = math.inf

    def cost_s(self, request_bytes: int, reply_bytes: int) -> float:
        """Wire time of one transaction, both silences included."""
        chars = request_bytes + reply_bytes
        return chars * self.char_s + self.turnaround_s + 2 * self.silence_s


class Expect(Protocol):
    """How the reply to one request is recognised. Pure; never raises, whatever was received.

    Equal ones expect replies that look alike; those of one `kin` (unit and function) expect
    refusals that look alike.
    """

    @property
    def kin(self) -> Hashable:
        """The requested unit and function: all that a refusal contains."""

    @property
    def limit(self) -> int:
        """Most bytes worth keeping: the longest reply and some noise before it."""

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where the reply is in the bytes received since the request; None: not there (yet).

        The result must not depend on how the bytes were split: what is found in a prefix is found
        in the whole. `final` says that nothing more will come, so an unfinished candidate no longer
        hides a finished one behind it. Under MBAP the bytes are exactly one reply.
        """

    def any_of_kin(self) -> "Expect":
        """Finds every complete frame that may answer a request of this kin, refusals included."""

    def good_only(self) -> "Expect":
        """Finds no refusal, where one may belong to another request."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One request and how to understand its reply.

    `request` is the frame as `WireCost.framing` requires it, wake-up bytes included. `expect` is
    None for a broadcast, which gets no reply. `decode` takes the frame that `expect` found and
    returns one sample per point, or raises a DeviceFault; it is pure.

    `divide` returns smaller transactions for the same points after a divisible RequestRefused
    (none: it cannot be smaller). `longer` returns transactions with ever longer replies, as far as
    the device permits, so that no two of its replies look alike. Those are `lengthened`; their
    `divide` returns the original ones, and any fault of theirs may come from the lengthening.

    `more` inspects a reply first: it returns the transaction that fetches the rest and decodes the
    whole, or None if nothing is missing. `places` gives for each point its bytes in the frame, for
    people who compare them.
    """

    request: bytes
    expect: Expect | None
    decode: Callable[[bytes], Sequence[Sample]]
    points: tuple[Point, ...] = ()
    reply_bytes: int = 0
    divide: Callable[[], Sequence["Transaction"]] | None = None
    longer: Callable[[], Iterable["Transaction"]] | None = None
    lengthened: bool = False
    more: Callable[[bytes], "Transaction | None"] | None = None
    places: tuple[tuple[int, int], ...] = ()


class WritePlan(msgspec.Struct, frozen=True):
    """A write, and how to verify it (`expected`, as a reading shows it)."""

    write: Transaction
    read_back: Transaction | None
    expected: Value


class PolledDriver(Protocol):
    """A family whose devices only answer requests."""

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]  # frozen; the family's own keys in [device.*]

    @property
    def shape(self) -> Literal[Shape.POLLED]: ...

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """The cheapest transactions that read these points."""

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
        """How to write the value; NotWritable if that is impossible."""


class ListeningDriver(Protocol):
    """A family whose devices send on their own, through an inlet that the station opens.

    `identify`, `decode` and `reply` are pure and take one whole message. Whatever it contains, they
    raise nothing but a DeviceFault from `decode`.
    """

    family: str
    inlet: InletNeed
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.LISTENING]: ...

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""

    def identify(self, message: DeviceMessage) -> str | None:
        """The sender's address as `[device.*]` writes it; None if the message names none."""

    def decode(self, device: Device, message: DeviceMessage) -> Sequence[Sample]:
        """The samples in the message: none for a mere sign of life.

        GarbledReply if it cannot be understood, another DeviceFault if it reports one.
        """

    def reply(self, message: DeviceMessage, *, stored: bool) -> bytes | None:
        """The reply to the sender; None for no reply.

        `stored` is False if the readings are not in the journal, or the sender is unknown: the
        reply must then not be a confirmation.
        """


class RadioDriver(Protocol):
    """A listening family with a kind of bus of its own (`BUS_KINDS`): its radio.

    Keys, replay protection and changing addresses need state between messages; the bus keeps it.
    """

    family: str
    inlet: Radio
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.LISTENING]: ...

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""


class LinkReply(Protocol):
    """A reply as a link delivers it."""

    @property
    def frame(self) -> bytes:
        """The frame that the transaction's `expect` found."""


class LentLink(Protocol):
    """An open port or connection, lent for one measurement."""

    async def exchange(
        self, transaction: Transaction, line: SerialLine, timeout_s: float
    ) -> LinkReply:
        """Carry out one transaction; DeviceFault or LineDown."""


class Measurement(msgspec.Struct, frozen=True):
    """One reading taken for a person."""

    device: str
    samples: tuple[Sample, ...]


class MeasuredDriver(Protocol):
    """A family whose devices take one reading on demand, for a person's session.

    Its readings never pass through intake, rules or the journal.
    """

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.MEASURED]: ...

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""

    async def measure(self, device: Device, link: LentLink, until_s: float) -> Measurement:
        """Take one reading before `until_s` (the running loop's time); DeviceFault if it fails.

        A reading that the device has stored from before this call does not count.
        """


class ActionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How an action is carried out, and how to verify it.

    `confirm` decodes to one sample: True done, False not done, None not known yet. Without it, or
    while the device is silent or sends nonsense, the action counts as sent and never as done.
    """

    send: tuple[Transaction, ...]
    confirm: Transaction | None = None


class ActingDriver(Protocol):
    """A family whose devices act on request (a printer, a sign).

    An action is a writable point of the device's profile.
    """

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.ACTING]: ...

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""

    def act(self, device: Device, action: Point, value: Value) -> ActionPlan:
        """How to carry out the action; NotWritable if there is no such action or value."""

    def status(self, device: Device) -> tuple[Transaction, ...]:
        """What reads the points that are not actions; none for a device that has no status."""


Driver: TypeAlias = PolledDriver | ListeningDriver | RadioDriver | MeasuredDriver | ActingDriver
