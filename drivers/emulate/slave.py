"""A slave on an emulated line: its faults and its counters."""

import abc
import dataclasses

from drivers.serial_line import SerialLine

# A repeated reply follows within this time.
REPEAT_S = 0.3


@dataclasses.dataclass(slots=True)
class SlaveFaults:
    """The present faults; every field may be changed while the emulation runs.

    A slave and the line itself each have one. On a line `dead`, `late_s`, `repeat` and the three
    faults of content (`exception`, `stuck`, `wrong_unit`) have no effect: a whole line dies with
    `Rs485Line.unplug`. A twin at the same address is a second slave with that address.
    """

    dead: bool = False
    # Added to the turnaround of late replies.
    late_s: float = 0.0
    # Share of replies that are late by `late_s`.
    late_share: float = 1.0
    # Share of replies that come twice, the second within `REPEAT_S` of the first.
    repeat: float = 0.0
    # Share of requests that are followed by a stray byte, before any reply.
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
    # Share of requests that are answered with it.
    exception_share: float = 1.0
    # Values stand still.
    stuck: bool = False
    # Replies carry this address.
    wrong_unit: int | None = None

    def clear(self) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, field.default)


@dataclasses.dataclass(slots=True)
class SlaveCounters:
    """What one slave has counted: `requests` is every complete frame that was meant for it."""

    requests: int = 0
    replies: int = 0
    # Requests ignored because the silence before them was too short.
    violations: int = 0
    # Requests ignored because of another baud rate or character format.
    wrong_line: int = 0


class Slave(abc.ABC):
    """One emulated device: it receives a complete frame, and answers or stays silent.

    A subclass is written from the datasheet and imports no codec of ours. `strict` slaves obey
    Modbus RTU: a frame that began too early is ignored.
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
        """True for a complete, undamaged frame that this slave must act on."""

    @abc.abstractmethod
    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """The reply to an accepted frame at the loop's time `at_s`; None for silence."""
