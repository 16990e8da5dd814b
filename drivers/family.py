"""What a driver family offers: a folder whose `driver.py` has `DRIVER`, in one of four shapes.

- *polled*: plans transactions and decodes replies; the bus carries them out (meters, contacts);
- *listening*: says who speaks in a message and what; the station opens the inlet, and replies once
  the journal has committed (cameras, fire panels);
- *measured*: takes one reading on demand, for a person's session; the station lends it a link and
  keeps nothing (a blood-pressure cuff, a scale);
- *acting*: turns an action into transactions; the station queues, sends and asks for the status
  (a printer, a sign).

Families own no port, task, timer or retry, and plan and decode purely: the same bytes, the same
answer. Beside `driver.py` stand `codec.py`, `emulator.py` (which never imports the codec),
`vectors.toml` and `README.md`.
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
    """How the devices of a family are talked to; every `DRIVER` declares its own."""

    POLLED = "polled"
    LISTENING = "listening"
    MEASURED = "measured"
    ACTING = "acting"


class Framing(enum.Enum):
    """How a link tells one frame from the next."""

    # Bytes as they are on the wire: the request is the whole frame with its checksum, and the
    # reply is searched for in whatever is heard (serial lines, serial servers).
    STREAM = "stream"
    # Modbus TCP: requests and replies are unit and PDU; the link adds and removes the header.
    MBAP = "mbap"


class WireCost(msgspec.Struct, frozen=True):
    """What a link's wire costs; drivers coalesce by it, and the bus plans its load with it.

    `longest_s` is the most that one transaction should take, where alarm inputs wait for the wire:
    a block that takes longer is asked for in parts, as far as it can be parted.
    """

    framing: Framing = Framing.STREAM
    char_s: float = SerialLine().char_s
    turnaround_s: float = 0.01
    silence_s: float = SerialLine().silence_s
    longest_s: float = math.inf

    def cost_s(self, request_bytes: int, reply_bytes: int) -> float:
        """Wire time of one transaction, both silences counted."""
        chars = request_bytes + reply_bytes
        return chars * self.char_s + self.turnaround_s + 2 * self.silence_s


class Expect(Protocol):
    """How the reply to one request is recognised. Pure; never raises, whatever is heard.

    Requests with equal ones have replies that look alike; those of one `kin` (unit and function)
    have refusals that look alike.
    """

    @property
    def kin(self) -> Hashable:
        """The unit and the function that are asked: all that a refusal bears."""

    @property
    def limit(self) -> int:
        """Most bytes worth keeping: the longest reply and some noise before it."""

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where the reply stands in all that was heard since the request; None: not there (yet).

        The answer must not depend on how the bytes were split: what is found in a prefix is
        found in the whole. `final` says that nothing more will come, so an unfinished candidate
        no longer hides a finished one behind it. Under MBAP the bytes are one whole answer.
        """

    def any_of_kin(self) -> "Expect":
        """Finds every whole frame that may answer a request of this kin, refusals too."""

    def good_only(self) -> "Expect":
        """Finds no refusal: where one may be another request's."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One request and how to understand its reply.

    `request` is the frame as `WireCost.framing` wants it, wake-up bytes included. `expect` None: no
    reply comes (a broadcast). `decode` takes the frame that `expect` found and gives one sample
    a point, or raises a DeviceFault; it is pure. `divide` gives the same in smaller pieces after
    a `Refused` that is divisible (empty: it cannot be smaller). `longer` gives the same in ever
    longer replies, as far as the device bears them: so that no two of its replies look alike.
    Those are `lengthened`; `divide` gives what they were made from, and the device need not know
    the rest: whatever it answers but the values may be for that.
    `more` looks at a reply first: it gives the transaction that fetches the rest and decodes the
    whole, None where nothing is left.
    `places` says of each point which bytes of the frame are its own, for people who compare them.
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
    """A write, and how to see whether the device kept it (`expected`, as a reading shows it)."""

    write: Transaction
    read_back: Transaction | None
    expected: Value


class PolledDriver(Protocol):
    """A family whose devices speak only when asked."""

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]  # frozen; the family's own keys in [device.*]

    @property
    def shape(self) -> Literal[Shape.POLLED]:
        """`Shape.POLLED`."""

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """The cheapest transactions that read these points."""

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
        """How to write the value; NotWritable if that cannot be."""


class ListeningDriver(Protocol):
    """A family whose devices speak on their own, through an inlet that the station opens.

    `identify`, `decode` and `reply` are pure and see one whole message. Whatever a message holds,
    they raise nothing but a DeviceFault from `decode`.
    """

    family: str
    inlet: InletNeed
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.LISTENING]:
        """`Shape.LISTENING`."""

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def identify(self, message: DeviceMessage) -> str | None:
        """The address of the device that speaks, as `[device.*]` writes it; None: none is named."""

    def decode(self, device: Device, message: DeviceMessage) -> Sequence[Sample]:
        """What the message says of the device's points: none for a mere sign of life.

        Garbled if it cannot be understood, another DeviceFault if it reports one.
        """

    def reply(self, message: DeviceMessage, *, stored: bool) -> bytes | None:
        """What the sender is told; None: nothing.

        `stored` is False where the readings are not in the journal, or nobody knows the sender: a
        reply that the sender takes for a confirmation must not be given then.
        """


class RadioDriver(Protocol):
    """A listening family with a kind of bus of its own (`BUS_KINDS`): its radio.

    Links that are keyed, replayed or renamed leave state between messages; such a bus keeps it.
    """

    family: str
    inlet: Radio
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.LISTENING]:
        """`Shape.LISTENING`."""

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""


class LinkReply(Protocol):
    """A reply as a link delivers it."""

    @property
    def frame(self) -> bytes:
        """What the transaction's `expect` has found."""


class LentLink(Protocol):
    """An open port or connection, lent for one measurement."""

    async def exchange(
        self, transaction: Transaction, line: SerialLine, timeout_s: float
    ) -> LinkReply:
        """Carry one transaction out; DeviceFault or LineDown."""


class Measurement(msgspec.Struct, frozen=True):
    """One reading that was taken for a person: what each point showed."""

    device: str
    samples: tuple[Sample, ...]


class MeasuredDriver(Protocol):
    """A family whose devices take one reading on demand, for a person's session.

    What it reads never passes intake, rules or the journal.
    """

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.MEASURED]:
        """`Shape.MEASURED`."""

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    async def measure(self, device: Device, link: LentLink, until_s: float) -> Measurement:
        """Take one reading before `until_s` (the running loop's time); DeviceFault if it fails.

        A reading that the device kept from before this call is not one of this session.
        """


class ActionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How an action is carried out, and how to see that it was.

    `confirm` decodes to one sample: True done, False not done, None not known yet. Without it, or
    while the device is silent or talks nonsense, the action counts as sent and never as done.
    """

    send: tuple[Transaction, ...]
    confirm: Transaction | None = None


class ActingDriver(Protocol):
    """A family that does something when told (a printer, a sign).

    An action is a writable point of the device's profile.
    """

    family: str
    framings: frozenset[Framing]
    Options: type[msgspec.Struct]

    @property
    def shape(self) -> Literal[Shape.ACTING]:
        """`Shape.ACTING`."""

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def act(self, device: Device, action: Point, value: Value) -> ActionPlan:
        """How to carry the action out; NotWritable if there is no such action or value."""

    def status(self, device: Device) -> tuple[Transaction, ...]:
        """What reads the points that are no actions; none for a device that cannot say."""


Driver: TypeAlias = PolledDriver | ListeningDriver | RadioDriver | MeasuredDriver | ActingDriver
