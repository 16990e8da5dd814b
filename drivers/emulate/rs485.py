"""The emulated RS-485 line: characters take time, silence is measured, senders collide.

Time is the running loop's, so the same line plays hours in seconds under a simulated loop, and in
real time behind a pty. The master is the caller of `send`; slaves are `drivers.emulate.slave`.

    master ──send──► [ bursts ] ─silence─► slaves that accept it ─turnaround─► burst ──► deliver
"""

import asyncio
import dataclasses
import math
import random
from collections.abc import Callable, Iterable

from drivers.emulate.slave import REPEAT_S, Slave, SlaveFaults
from drivers.serial_line import SerialLine

# Tolerance when comparing instants (seconds) or characters that are floats.
_GRAIN = 1e-6

_GARBAGE_BYTES_MAX = 4


@dataclasses.dataclass(slots=True)
class Rs485Counters:
    """The line's counters; `violations` are frames that began before the silence was over."""

    frames: int = 0
    unheard: int = 0
    violations: int = 0
    wrong_line: int = 0
    replies: int = 0
    collisions: int = 0
    busy_s: float = 0.0


@dataclasses.dataclass(slots=True, eq=False)
class _Burst:
    """Bytes that occupy the line from `start_s` on, one character after the other."""

    start_s: float
    char_s: float
    data: bytearray

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.data) * self.char_s

    def char_ends_s(self, index: int) -> float:
        return self.start_s + (index + 1) * self.char_s

    def overlap(self, other: "_Burst") -> range:
        """Which of our characters overlap the other burst."""
        first = math.floor((other.start_s - self.start_s) / self.char_s + _GRAIN)
        stop = math.ceil((other.end_s - self.start_s) / self.char_s - _GRAIN)
        return range(max(0, first), min(len(self.data), stop))


@dataclasses.dataclass(slots=True, eq=False)
class _Frame:
    """What the master sends between two silences; `quiet_s` is the silence before it."""

    line: SerialLine
    quiet_s: float
    talks: list[_Burst]

    @property
    def end_s(self) -> float:
        return self.talks[-1].end_s

    @property
    def data(self) -> bytes:
        return b"".join(talk.data for talk in self.talks)


def _ignore_bytes(_data: bytes) -> None: ...


def _ignore_unplug() -> None: ...


class Rs485Line:
    """One pair of wires with its slaves.

    `echo` returns the master's own bytes, as cheap two-wire adapters do. `sees_format` is False if
    only the baud rate is known (a pty has no parity).
    """

    def __init__(
        self,
        slaves: Iterable[Slave] = (),
        *,
        echo: bool = False,
        sees_format: bool = True,
        seed: int = 0,
    ) -> None:
        """`seed` decides all bit errors."""
        self.slaves = list(slaves)
        self.echo = echo
        self.sees_format = sees_format
        self.faults = SlaveFaults()
        self.counters = Rs485Counters()
        self.plugged = True
        self._random = random.Random(seed)  # noqa: S311 - bit errors are no secrets
        self._deliver: Callable[[bytes], None] = _ignore_bytes
        self._on_unplug: Callable[[], None] = _ignore_unplug
        self._talks: list[_Burst] = []
        self._frame: _Frame | None = None
        self._quiet_since_s = -math.inf
        self._plugged_since_s = -math.inf

    def listen(
        self, deliver: Callable[[bytes], None], on_unplug: Callable[[], None] = _ignore_unplug
    ) -> None:
        """Attach the master: what receives its bytes, and what is called on unplugging."""
        self._deliver, self._on_unplug = deliver, on_unplug

    def hang_up(self) -> None:
        """Detach the master; later bytes are lost."""
        self._deliver, self._on_unplug = _ignore_bytes, _ignore_unplug

    def unplug(self) -> None:
        """Unplug: what is on the line is lost, and the master is notified."""
        self.plugged = False
        self._frame = None
        self._on_unplug()

    def plug(self) -> None:
        """Plug in again; what was on the line before stays lost."""
        self.plugged = True
        self._plugged_since_s = asyncio.get_running_loop().time()

    def line_at(self, baud: int) -> SerialLine:
        """The character format of this line at a baud rate, for masters whose format is unknown."""
        formats = (slave.line for slave in self.slaves if slave.line.baud == baud)
        return next(formats, SerialLine(baud))

    def send(self, data: bytes, line: SerialLine) -> None:
        """The master sends, from now on."""
        if not (self.plugged and data):
            return
        loop = asyncio.get_running_loop()
        frame, start_s = self._frame_at(loop.time(), line)
        talk = _Burst(start_s, line.char_s, self._disturbed(data, self.faults))
        frame.talks.append(talk)
        self._occupy(talk)
        loop.call_at(talk.end_s + line.silence_s, self._silence_after, talk)
        if self.echo:
            loop.call_at(talk.end_s, self._arrive, talk)

    def _frame_at(self, now_s: float, line: SerialLine) -> tuple[_Frame, float]:
        """The frame that bytes sent now belong to, and when they begin."""
        frame = self._frame
        if frame and now_s - frame.end_s < line.silence_s - _GRAIN:
            return frame, max(now_s, frame.end_s)
        if frame:  # its timer is late, not the frame
            self._silence_after(frame.talks[-1])
        self._frame = _Frame(line, now_s - self._quiet_since_s, [])
        return self._frame, now_s

    def _silence_after(self, talk: _Burst) -> None:
        """Silence: unless the master has continued after `talk`, its frame is complete."""
        frame = self._frame
        if frame and frame.talks[-1] is talk:
            self._frame = None
            self._frame_over(frame)

    def _frame_over(self, frame: _Frame) -> None:
        """The frame is complete; the slaves that it is meant for act."""
        data = frame.data
        early = frame.quiet_s < frame.line.silence_s - _GRAIN
        self.counters.frames += 1
        self.counters.violations += early and any(
            slave.strict and self._same_line(slave, frame.line) for slave in self.slaves
        )
        heard = [slave for slave in self.slaves if slave.accepts(data)]
        self.counters.unheard += not heard
        if heard or self.faults.stray:
            self._stray(frame, [self.faults, *(slave.faults for slave in heard)])
        for slave in heard:
            self._act(slave, frame, data, early=early)

    def _stray(self, frame: _Frame, faults: Iterable[SlaveFaults]) -> None:
        """A switching transceiver, or an idle line without bias: a byte that nobody sent."""
        if any(each.stray and self._happens(each.stray) for each in faults):
            char_s = frame.line.char_s
            start_s = frame.end_s + frame.line.silence_s + char_s
            talk = _Burst(start_s, char_s, bytearray(self._random.randbytes(1)))
            self._occupy(talk)
            asyncio.get_running_loop().call_at(talk.end_s, self._arrive, talk)

    def _same_line(self, slave: Slave, line: SerialLine) -> bool:
        return slave.line == line if self.sees_format else slave.line.baud == line.baud

    def _act(self, slave: Slave, frame: _Frame, data: bytes, *, early: bool) -> None:
        """One slave receives a frame that is meant for it."""
        slave.counters.requests += 1
        if not self._same_line(slave, frame.line):
            slave.counters.wrong_line += 1
            self.counters.wrong_line += 1
        elif early and slave.strict:
            slave.counters.violations += 1
        elif not slave.faults.dead:
            reply = self._answer(slave, data, frame.end_s)
            if reply and not self._lost(slave):
                self._reply(slave, frame, reply)

    def _answer(self, slave: Slave, data: bytes, at_s: float) -> bytes | None:
        faults = slave.faults
        exception = faults.exception
        if exception is None or self._happens(faults.exception_share):
            return slave.answer(data, at_s)
        faults.exception = None  # this time it does what it was asked
        try:
            return slave.answer(data, at_s)
        finally:
            faults.exception = exception

    def _lost(self, slave: Slave) -> bool:
        return any(
            share and self._random.random() < share
            for share in (slave.faults.loss, self.faults.loss)
        )

    def _reply(self, slave: Slave, frame: _Frame, reply: bytes) -> None:
        """Send a reply after the slave's turnaround, never within the silence."""
        data = bytes(self._disturbed(self._littered(reply, slave.faults), slave.faults))
        start_s = frame.end_s + max(slave.turnaround_s, slave.line.silence_s)
        if slave.faults.late_s and self._happens(slave.faults.late_share):
            start_s += slave.faults.late_s
        self._talk(slave, start_s, data)
        if slave.faults.repeat and self._happens(slave.faults.repeat):
            after_s = start_s + len(data) * slave.line.char_s
            self._talk(slave, after_s + self._random.uniform(slave.line.silence_s, REPEAT_S), data)

    def _happens(self, share: float) -> bool:
        return share >= 1 or self._random.random() < share

    def _talk(self, slave: Slave, start_s: float, data: bytes) -> None:
        """A slave sends, from then on."""
        talk = _Burst(start_s, slave.line.char_s, self._disturbed(data, self.faults))
        slave.counters.replies += 1
        self.counters.replies += 1
        self._occupy(talk)
        loop = asyncio.get_running_loop()
        if slave.faults.split or self.faults.split:
            for index in range(len(talk.data)):
                loop.call_at(talk.char_ends_s(index), self._arrive, talk, index)
        else:
            loop.call_at(talk.end_s, self._arrive, talk)

    def _arrive(self, talk: _Burst, index: int | None = None) -> None:
        """The master receives a burst, or one byte of it, unless it was unplugged meanwhile."""
        if not self.plugged or talk.start_s < self._plugged_since_s:
            return
        self._quiet_since_s = max(self._quiet_since_s, asyncio.get_running_loop().time())
        self._deliver(bytes(talk.data if index is None else talk.data[index : index + 1]))

    def _occupy(self, talk: _Burst) -> None:
        """Occupy the line; overlapping bursts garble each other."""
        now_s = asyncio.get_running_loop().time()
        self._talks = [other for other in self._talks if other.end_s >= now_s]
        for other in self._talks:
            if talk.start_s < other.end_s and other.start_s < talk.end_s:
                self.counters.collisions += 1
                self._garble(other, other.overlap(talk))
                self._garble(talk, talk.overlap(other))
        self._talks.append(talk)
        self.counters.busy_s += len(talk.data) * talk.char_s

    def _garble(self, talk: _Burst, indices: range) -> None:
        for index in indices:
            talk.data[index] ^= self._random.randrange(1, 256)

    def _disturbed(self, data: bytes, faults: SlaveFaults) -> bytearray:
        disturbed = bytearray(data)
        if faults.noise:
            for index in range(len(disturbed)):
                if self._random.random() < faults.noise:
                    disturbed[index] ^= 1 << self._random.randrange(8)
        return disturbed

    def _littered(self, data: bytes, faults: SlaveFaults) -> bytes:
        share = max(faults.garbage, self.faults.garbage)
        if not (share and self._random.random() < share):
            return data
        litter = self._random.randbytes(self._random.randint(1, _GARBAGE_BYTES_MAX))
        return litter + data if self._random.random() < 0.5 else data + litter  # noqa: PLR2004
