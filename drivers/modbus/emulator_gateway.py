"""An emulated Modbus TCP gateway: many units behind one port, one request at a time on its wire.

A gateway is the master of its own emulated wire, so a dead unit costs what it costs in the field:
the gateway waits for it, and all clients wait for the gateway.
"""

import asyncio
import dataclasses
import math
from collections import deque

from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.tcp import TcpPeer
from drivers.modbus.emulator import add_crc, has_valid_crc
from drivers.serial_line import SerialLine

GATEWAY_TARGET_FAILED = 0x0B
_HEADER_BYTES = 6
_BODY_BYTES = range(2, 255)
_CRC_BYTES = 2
_READ_PDU_BYTES = 5
_READ_REPLY_BYTES = 5
# Bits or registers per byte of the reply to a read.
_ITEMS_A_BYTE = {1: 8, 2: 8, 3: 0.5, 4: 0.5}


@dataclasses.dataclass(slots=True, eq=False)
class _Request:
    peer: TcpPeer
    transaction: bytes
    unit: int
    pdu: bytes

    def reply(self, pdu: bytes) -> None:
        length = (1 + len(pdu)).to_bytes(2)
        self.peer.send(self.transaction + b"\0\0" + length + bytes([self.unit]) + pdu)

    def answered_by(self, heard: bytes) -> bool:
        """True for a complete RTU frame of the unit and function, with the requested length."""
        return (
            len(heard) > 1 + _CRC_BYTES
            and heard[0] == self.unit
            and heard[1] & 0x7F == self.pdu[0]
            and (bool(heard[1] & 0x80) or len(heard) == self._reply_bytes(len(heard)))
            and has_valid_crc(heard)
        )

    def _reply_bytes(self, otherwise: int) -> int:
        """Length of the reply to a read; a late reply to another block often differs."""
        per_byte = _ITEMS_A_BYTE.get(self.pdu[0])
        if per_byte is None or len(self.pdu) != _READ_PDU_BYTES:
            return otherwise
        return _READ_REPLY_BYTES + math.ceil(int.from_bytes(self.pdu[3:5]) / per_byte)


class ModbusGateway:
    """The box between Modbus TCP and an RS-485 wire.

    `dead_answer` is the exception for a unit that does not answer within `timeout_s`; None leaves
    the request unanswered. Requests beyond `queue_max` are dropped, as in a small box.
    """

    def __init__(
        self,
        wire: Rs485Line,
        line: SerialLine,
        *,
        timeout_s: float = 1.0,
        dead_answer: int | None = GATEWAY_TARGET_FAILED,
        queue_max: int = 32,
    ) -> None:
        """Connect the box to its wire."""
        self.wire = wire
        self.line = line
        self.timeout_s = timeout_s
        self.dead_answer = dead_answer
        self._queue_max = queue_max
        self._unread: dict[TcpPeer, bytes] = {}
        self._waiting: deque[_Request] = deque()
        self._asked: _Request | None = None
        self._heard = b""
        self._timer: asyncio.TimerHandle | None = None
        wire.listen(self._hear)

    def on_connect(self, peer: TcpPeer) -> None:
        self._unread[peer] = b""

    def on_disconnect(self, peer: TcpPeer) -> None:
        """A client has left; its waiting requests are dropped."""
        del self._unread[peer]
        self._waiting = deque(request for request in self._waiting if request.peer is not peer)

    def on_data(self, peer: TcpPeer, data: bytes) -> None:
        """Extract all complete requests from the bytes of this client."""
        unread = self._unread[peer] + data
        while len(unread) > _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(unread[4:6])
            if unread[2:4] != b"\0\0" or end - _HEADER_BYTES not in _BODY_BYTES:
                unread = b""  # not Modbus: the beginning of the next request is unknown
                break
            if len(unread) < end:
                break
            self._take(_Request(peer, unread[:2], unread[6], unread[7:end]))
            unread = unread[end:]
        self._unread[peer] = unread

    def _take(self, request: _Request) -> None:
        if len(self._waiting) < self._queue_max:
            self._waiting.append(request)
        if self._asked is None and self._timer is None:
            self._ask_next()

    def _ask_next(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        self._asked, self._heard = self._waiting.popleft(), b""
        frame = add_crc(bytes([self._asked.unit]) + self._asked.pdu)
        self.wire.send(frame, self.line)
        wait_s = len(frame) * self.line.char_s + self.timeout_s
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._give_up)

    def _hear(self, data: bytes) -> None:
        if self._asked is None:
            return  # too late: the request was given up
        self._heard += data
        for heard in (data, self._heard):  # complete at once, perhaps after garbage, or in pieces
            if self._asked and self._asked.answered_by(heard):
                self._asked.reply(heard[1:-_CRC_BYTES])
                self._finish()

    def _give_up(self) -> None:
        if self._asked and self.dead_answer is not None:
            self._asked.reply(bytes([self._asked.pdu[0] | 0x80, self.dead_answer]))
        self._finish()

    def _finish(self) -> None:
        """Keep the line silent as RTU requires, then continue."""
        if self._timer:
            self._timer.cancel()
        self._asked = None
        self._timer = asyncio.get_running_loop().call_later(self.line.silence_s, self._ask_next)
