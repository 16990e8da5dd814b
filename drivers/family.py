"""What a driver family offers: a folder whose `driver.py` has `DRIVER`, in one of three shapes.

- *polled*: plans transactions, and the bus carries them out (meters, contact modules);
- *listening*: is told what an inlet heard (BLE adverts, a socket, an HTTP path);
- *acting*: turns an action into transactions (a printer, a sign).

Families own no port, task, timer or retry, and plan and decode purely: the same bytes, the same
answer. Beside `driver.py` stand `codec.py`, `emulator.py` (which never imports the codec),
`vectors.toml` and `README.md`.
"""

import enum
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from drivers.bus.line import Line
from drivers.contract import Device, FieldError, Point, Sample, Value


class Framing(enum.Enum):
    """How a link tells one frame from the next."""

    STREAM = "stream"
    """Bytes as they are on the wire: the request is the whole frame with its checksum, and the
    reply is searched for in whatever is heard (serial lines, serial servers)."""
    MBAP = "mbap"
    """Modbus TCP: requests and replies are unit and PDU; the link adds and removes the header."""


class WireCost(msgspec.Struct, frozen=True):
    """What a link's wire costs; drivers coalesce by it, and the bus plans its load with it.

    `longest_s` is the most that one transaction should take, where alarm inputs wait for the wire:
    a block that takes longer is asked for in parts, as far as it can be parted.
    """

    framing: Framing = Framing.STREAM
    char_s: float = Line().char_s
    turnaround_s: float = 0.01
    silence_s: float = Line().silence_s
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

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything about this device that the family cannot use."""

    def plan(
        self, device: Device, points: Sequence[Point], wire: WireCost
    ) -> tuple[Transaction, ...]:
        """The cheapest transactions that read these points."""

    def write(self, device: Device, point: Point, value: Value, wire: WireCost) -> WritePlan:
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
