"""A half-duplex line: silence, a request, and the reply found in the received bytes.

A transaction ends with a reply, with its timeout, or with the loss of the line, and not before.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from drivers.bus.stream import ByteStream, OpenStream
from drivers.contract import GarbledReply, LineDown, NoReply
from drivers.family import Framing, Transaction
from drivers.serial_line import SerialLine

# Longest pause within a reply: USB adapters and serial servers deliver in bursts.
GAP_MIN_S = 0.1

# Tolerance when comparing instants that are sums of floats.
_GRAIN_S = 1e-6

# Modbus over serial line V1.02, 2.4.1: time for all slaves to act, 100 to 200 ms.
_BROADCAST_PAUSE_S = 0.1


# Receives stray bytes; returns those that it has not recognised.
OnStrayBytes: TypeAlias = Callable[[bytes], bytes]

_STRAYS_MAX = 640

# A serial server may close an idle connection: that is no loss until the next request.
CONNECTION_LOST = "bus.connection-lost"


class ReceivedReply(msgspec.Struct, frozen=True):
    """A frame, the time from the end of the request to its completion, and the bytes beside it.

    `litter` counts the bytes received since the request that are not part of the frame.
    """

    frame: bytes
    rtt_s: float
    litter: int = 0


class LinkCounters(msgspec.Struct):
    """What one link has counted since it was opened."""

    silence_kept: int = 0
    silence_broken: int = 0
    line_changes: int = 0
    stray_bytes: int = 0
    late: int = 0

    def plus(self, other: "LinkCounters") -> "LinkCounters":
        """The sum of both."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return LinkCounters(*(mine + theirs for mine, theirs in pairs))


class BusLink(Protocol):
    """An open port or connection, as the bus uses it."""

    framing: Framing
    counters: LinkCounters

    async def exchange(
        self, transaction: Transaction, line: SerialLine, timeout_s: float
    ) -> ReceivedReply:
        """Carry out one transaction; DeviceFault or LineDown."""

    async def settle(self, window_s: float) -> None:
        """Discard everything received during that time."""

    async def watch(self) -> None:
        """Runs until the port is lost, even while it is idle; raises LineDown."""

    def close(self) -> None: ...


class _PendingRequest:
    """The transaction on the wire."""

    def __init__(self, transaction: Transaction, sent_s: float, timeout_s: float) -> None:
        self.transaction = transaction
        self.sent_s = sent_s
        self.timeout_s = timeout_s
        self.gap_s = max(GAP_MIN_S, timeout_s / 2)
        self.heard = b""
        self.answered: asyncio.Future[ReceivedReply] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    def fail(self, error: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)


class StreamLink:
    """Frames on a byte stream.

    Bytes that `tap` recognises as the reply to another request are not part of the awaited one.
    `echo` is for two-wire adapters that return what they send.
    """

    framing = Framing.STREAM

    def __init__(
        self, line: SerialLine, *, echo: bool = False, tap: OnStrayBytes | None = None
    ) -> None:
        self.counters = LinkCounters()
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._echo = echo
        self._tap = tap
        self._stream: ByteStream | None = None
        self._lost: LineDown | None = None
        self._gone = asyncio.Event()
        self._asked: _PendingRequest | None = None
        self._strays = b""
        self._quiet_from_s = self._loop.time()

    async def open(self, opener: OpenStream) -> None:
        """Open the stream; LineDown if that fails, and then nothing stays open."""
        self._stream = await opener(self)
        try:
            self._stream.set_line(self._line)
        except BaseException:  # re-raised after cleaning up
            self.close()
            raise

    async def exchange(
        self, transaction: Transaction, line: SerialLine, timeout_s: float
    ) -> ReceivedReply:
        """Carry out one transaction; DeviceFault or LineDown."""
        await self._silence(max(line.silence_s, self._line.silence_s), timeout_s)
        sent_s = self._send(transaction.request, line)
        if transaction.expect is None:
            await asyncio.sleep(sent_s - self._loop.time() + _BROADCAST_PAUSE_S)
            return ReceivedReply(b"", 0.0)
        asked = self._asked = _PendingRequest(transaction, sent_s, timeout_s)
        asked.timer = self._loop.call_at(sent_s + timeout_s, self._time_over, asked)
        try:
            return await asked.answered
        finally:
            asked.timer.cancel()
            self._asked = None

    async def settle(self, window_s: float) -> None:
        """Discard everything received during that time."""
        await asyncio.sleep(window_s)
        self._open_stream()

    async def watch(self) -> None:
        """Runs until the port is lost, even while it is idle; raises LineDown."""
        await self._gone.wait()
        self._open_stream()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def on_bytes(self, data: bytes) -> None:
        now_s = self._loop.time()
        self._quiet_from_s = max(self._quiet_from_s, now_s)
        asked = self._asked
        if asked is None or asked.answered.done():
            self.counters.stray_bytes += len(data)
            self._stray(data)
            return
        asked.heard += data
        try:
            self._look(asked, now_s)
        except Exception as error:  # noqa: BLE001 - the caller contains it
            asked.fail(error)

    def on_lost(self, error: LineDown) -> None:
        self._lost = error
        if error.code != CONNECTION_LOST:
            self._gone.set()
        if self._asked is not None and not self._asked.answered.done():
            self._asked.answered.set_exception(error)

    def _stray(self, data: bytes) -> None:
        """Unexpected bytes; several pieces may form a complete reply."""
        if self._tap is not None:
            self._strays = self._tap(self._strays + data)[-_STRAYS_MAX:]

    def _open_stream(self) -> ByteStream:
        if self._lost is not None:
            raise self._lost
        assert self._stream is not None
        return self._stream

    async def _silence(self, silence_s: float, patience_s: float) -> None:
        """Wait until the line was silent for that long; a line that never is silent is a fault."""
        give_up_s = self._loop.time() + patience_s
        while (wait_s := self._quiet_from_s + silence_s - self._loop.time()) > 0:
            if self._loop.time() > give_up_s + silence_s:
                raise GarbledReply("bus.never-silent")
            await asyncio.sleep(wait_s)

    def _send(self, request: bytes, line: SerialLine) -> float:
        """Send the request; returns when its last character will have been sent."""
        stream = self._open_stream()
        now_s = self._loop.time()
        if now_s - self._quiet_from_s >= line.silence_s - _GRAIN_S:
            self.counters.silence_kept += 1
        else:
            self.counters.silence_broken += 1
        if line != self._line:
            stream.set_line(line)
            self._line = line
            self.counters.line_changes += 1
        self._strays = b""
        stream.write(request)
        self._quiet_from_s = now_s + len(request) * line.char_s
        return self._quiet_from_s

    def _look(self, asked: _PendingRequest, now_s: float) -> None:
        """More bytes arrived: check whether the reply is complete."""
        transaction = asked.transaction
        heard = self._without_echo(asked)
        assert transaction.expect is not None
        place = transaction.expect.find(heard, final=False)
        if place is not None:
            self._answer(asked, heard, place, now_s)
        elif len(heard) > transaction.expect.limit:
            asked.answered.set_exception(GarbledReply("bus.too-much", heard=len(heard)))
        elif 0 < transaction.reply_bytes <= len(heard):
            # As many bytes as the reply has arrived, but not the reply: end early, unless they were
            # # another's reply; then continue as if nothing had arrived.
            others = self._set_aside(asked)
            until_s = asked.sent_s + asked.timeout_s if others else now_s + asked.gap_s
            assert asked.timer is not None
            asked.timer.cancel()
            asked.timer = self._loop.call_at(until_s, self._time_over, asked)

    def _set_aside(self, asked: _PendingRequest) -> bool:
        """Remove replies to other requests from the received bytes."""
        heard = self._without_echo(asked)
        rest = heard if self._tap is None or not heard else self._tap(heard)
        if len(rest) == len(heard):
            return False
        self.counters.stray_bytes += len(heard) - len(rest)
        asked.heard = asked.heard[: len(asked.heard) - len(heard)] + rest
        return True

    def _time_over(self, asked: _PendingRequest) -> None:
        try:
            self._give_up(asked)
        except Exception as error:  # noqa: BLE001 - the caller contains it
            asked.fail(error)

    def _give_up(self, asked: _PendingRequest) -> None:
        """No reply, unless characters are still arriving."""
        if asked.answered.done():
            return
        now_s = self._loop.time()
        self._set_aside(asked)
        heard = self._without_echo(asked)
        quiet_at_s = self._quiet_from_s + GAP_MIN_S
        if heard and quiet_at_s > now_s:
            asked.timer = self._loop.call_at(quiet_at_s, self._time_over, asked)
            return
        assert asked.transaction.expect is not None
        place = asked.transaction.expect.find(heard, final=True)
        if place is not None:
            self._answer(asked, heard, place, now_s)
        elif heard:
            asked.answered.set_exception(GarbledReply("bus.garbled", heard=len(heard)))
        else:
            asked.answered.set_exception(NoReply("bus.no-reply"))

    def _answer(
        self, asked: _PendingRequest, heard: bytes, place: tuple[int, int], now_s: float
    ) -> None:
        frame = heard[slice(*place)]
        litter = len(heard) - len(frame)
        self.counters.stray_bytes += litter
        asked.answered.set_result(ReceivedReply(frame, max(0.0, now_s - asked.sent_s), litter))
        for beside in (heard[: place[0]], heard[place[1] :]):
            if beside:  # looked at after the caller has received the reply
                self._loop.call_soon(self._stray, beside)

    def _without_echo(self, asked: _PendingRequest) -> bytes:
        return asked.heard[len(asked.transaction.request) :] if self._echo else asked.heard
