"""What sits on an emulated wire: a slave, the faults it can be given, what it has counted."""

import abc
import dataclasses

from drivers.serial_line import SerialLine

# A reply that comes twice does so within this time.
REPEAT_S = 0.3


@dataclasses.dataclass(slots=True)
class SlaveFaults:
    """What is wrong right now; every field may be changed while the emulation runs.

    A slave and the wire itself each have one. On a wire `dead`, `late_s`, `repeat` and the three
    faults of meaning (`exception`, `stuck`, `wrong_unit`) say nothing: a whole line dies by
    `Wire.unplug`. A twin at one address is a second slave with the same one.
    """

    dead: bool = False
    # Added to the turnaround of late replies.
    late_s: float = 0.0
    # Share of replies that are late by `late_s`.
    late_share: float = 1.0
    # Share of replies that come twice, the second within `REPEAT_S` of the first.
    repeat: float = 0.0
    # Share of requests behind which a stray byte sounds, before any reply.
    stray: float = 0.0
    # Share of bytes that arrive with one bit flipped.
    noise: float = 0.0
    # Share of replies with some random bytes before or after them.
    garbage: float = 0.0
    # Bytes arrive one at a time, each when its character ends.
    split: bool = False
    # Share of replies that never arrive.
    loss: float = 0.0
    # The exception code that answers requests.
    exception: int | None = None
    # Share of requests that are answered by it.
    exception_share: float = 1.0
    # Values stand still.
    stuck: bool = False
    # Replies come under this address.
    wrong_unit: int | None = None

    def clear(self) -> None:
        """Put everything right."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, field.default)


@dataclasses.dataclass(slots=True)
class SlaveCounters:
    """What one slave has seen: `requests` is every whole frame that was meant for it."""

    requests: int = 0
    replies: int = 0
    # Requests ignored because too little silence came before them.
    violations: int = 0
    # Requests ignored because they came at another baud rate or character format.
    wrong_line: int = 0


class Slave(abc.ABC):
    """One emulated device: given a whole frame, it answers or stays silent.

    A subclass is written from the datasheet and imports no codec of ours. `strict` slaves obey
    Modbus RTU: a frame that began too early is no frame.
    """

    def __init__(
        self, name: str, line: SerialLine, *, turnaround_s: float = 0.01, strict: bool = True
    ) -> None:
        """Power it up, without faults."""
        self.name = name
        self.line = line
        self.turnaround_s = turnaround_s
        self.strict = strict
        self.faults = SlaveFaults()
        self.counters = SlaveCounters()

    @abc.abstractmethod
    def accepts(self, frame: bytes) -> bool:
        """True for a whole, undamaged frame that this slave has to act on."""

    @abc.abstractmethod
    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """The reply to a frame that it hears, at the loop's time `at_s`; None for silence."""
