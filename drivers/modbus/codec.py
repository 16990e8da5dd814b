"""Modbus frames: function codes 1 to 6, 15 and 16, in RTU and TCP form. Pure.

PDUs follow the Modbus Application Protocol V1.1b3, RTU frames Modbus over Serial Line V1.02. A
*body* here is unit and PDU: all that follows the header in Modbus TCP, and all that precedes the
checksum in RTU.
"""

import msgspec

from drivers import frame_search
from drivers.contract import DeviceFault, GarbledReply, RequestRefused, TargetDead

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16

READ_BITS_MAX = 2000
READ_REGISTERS_MAX = 125
WRITE_BITS_MAX = 1968
WRITE_REGISTERS_MAX = 123

RTU_FRAME_MAX = 256
CRC_BYTES = 2

_EXCEPTION = 0x80
_EXCEPTION_BODY = 3
_WRITTEN_BODY = 6
_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3  # for a read, the value is the count
_GATEWAY_PATH_UNAVAILABLE = 0x0A
_GATEWAY_TARGET_SILENT = 0x0B
# Bytes of noise around a reply in which it is still searched for.
_NOISE_BYTES = 64


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc(data: bytes) -> bytes:
    """The RTU checksum as sent, low byte first."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def rtu_frame(body: bytes) -> bytes:
    """The frame for a serial line."""
    return body + crc(body)


def read_request(unit: int, function: int, address: int, count: int) -> bytes:
    """The body that reads `count` bits or registers."""
    return bytes((unit, function)) + address.to_bytes(2) + count.to_bytes(2)


def write_coil(unit: int, address: int, *, on: bool) -> bytes:
    """The body that sets one coil."""
    return bytes((unit, WRITE_COIL)) + address.to_bytes(2) + (b"\xff\0" if on else b"\0\0")


def write_register(unit: int, address: int, register: bytes) -> bytes:
    """The body that sets one register."""
    return bytes((unit, WRITE_REGISTER)) + address.to_bytes(2) + register


def write_coils(unit: int, address: int, coils: list[bool]) -> bytes:
    """The body that sets several coils."""
    packed = sum(on << index for index, on in enumerate(coils))
    bits = packed.to_bytes((len(coils) + 7) // 8, "little")
    head = bytes((unit, WRITE_COILS)) + address.to_bytes(2) + len(coils).to_bytes(2)
    return head + bytes((len(bits),)) + bits


def write_registers(unit: int, address: int, registers: bytes) -> bytes:
    """The body that sets several registers."""
    head = bytes((unit, WRITE_REGISTERS)) + address.to_bytes(2)
    return head + (len(registers) // 2).to_bytes(2) + bytes((len(registers),)) + registers


def good_reply_bytes(function: int, count: int) -> int:
    """Length of the body of a good reply."""
    if function in {READ_COILS, READ_DISCRETE}:
        return 3 + (count + 7) // 8
    if function in {READ_HOLDING, READ_INPUT}:
        return 3 + 2 * count
    return _WRITTEN_BODY


class ExpectedReply(msgspec.Struct, frozen=True):
    """What identifies the reply to one request: the beginning of its body, and its length.

    The reply to a read repeats unit and function and has a byte count; that to a write repeats its
    first six bytes. Requests with equal expected replies cannot be told apart by their replies.
    """

    head: bytes
    size: int

    @classmethod
    def for_request(cls, request: bytes) -> "ExpectedReply":
        """The reply to the request with this body."""
        size = good_reply_bytes(request[1], int.from_bytes(request[4:6]))
        if request[1] <= READ_INPUT:
            return cls(request[:2] + bytes((size - 3,)), size)
        return cls(request[:6], size)

    @property
    def exception_head(self) -> bytes:
        """The beginning of the body of an exception."""
        return bytes((self.head[0], self.head[1] | _EXCEPTION))


class RtuExpect(msgspec.Struct, frozen=True):
    """Finds the reply in the bytes of a serial line, among noise and other units' frames."""

    answer: ExpectedReply
    refusals: bool = True

    @property
    def kin(self) -> bytes:
        """Unit and function."""
        return self.answer.head[:2]

    @property
    def limit(self) -> int:
        """The reply with noise around it."""
        return RTU_FRAME_MAX + _NOISE_BYTES

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """The first complete frame with the right checksum."""
        return frame_search.find_first_frame(heard, self.answer.head[0], self._size, final=final)

    def any_of_kin(self) -> "RtuKin":
        """Frames of this unit and function, of any length."""
        return RtuKin(self.kin)

    def good_only(self) -> "RtuExpect":
        """The same without exceptions."""
        return RtuExpect(self.answer, refusals=False)

    def _size(self, begins: bytes) -> int:
        """Length of the frame that begins here; 0: it cannot be the reply."""
        answer = self.answer
        if answer.head.startswith(begins[: len(answer.head)]):
            return _sealed(begins, answer.size + CRC_BYTES)
        if self.refusals and begins.startswith(answer.exception_head):
            return _sealed(begins, _EXCEPTION_BODY + CRC_BYTES)
        return 0


class RtuKin(msgspec.Struct, frozen=True):
    """Finds any frame that a unit may send in reply to one function."""

    kin: bytes

    @property
    def limit(self) -> int:
        """The longest frame with noise around it."""
        return RTU_FRAME_MAX + _NOISE_BYTES

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """The first complete frame with the right checksum."""
        return frame_search.find_first_frame(heard, self.kin[0], self._size, final=final)

    def any_of_kin(self) -> "RtuKin":
        """The same."""
        return self

    def good_only(self) -> "RtuKin":
        """The same: it only serves to recognise unexpected frames."""
        return self

    def _size(self, begins: bytes) -> int:
        function = begins[1:2]
        if function == bytes((self.kin[1] | _EXCEPTION,)):
            return _sealed(begins, _EXCEPTION_BODY + CRC_BYTES)
        if function not in (b"", self.kin[1:]):
            return 0
        if self.kin[1] > READ_INPUT:
            return _sealed(begins, _WRITTEN_BODY + CRC_BYTES)
        return _sealed(begins, 3 + (begins[2] if len(begins) > 2 else 1) + CRC_BYTES)  # noqa: PLR2004 - the byte count


def _sealed(begins: bytes, size: int) -> int:
    """The size, if the frame is unfinished or its checksum right; else 0."""
    whole = begins[:size]
    right = len(whole) < size or crc(whole[:-CRC_BYTES]) == whole[-CRC_BYTES:]
    return size if right else 0


class MbapExpect(msgspec.Struct, frozen=True):
    """Checks one reply as Modbus TCP delivers it."""

    answer: ExpectedReply

    @property
    def kin(self) -> bytes:
        """Unit and function."""
        return self.answer.head[:2]

    def any_of_kin(self) -> "MbapExpect":
        """The same: transaction ids tell replies apart."""
        return self

    def good_only(self) -> "MbapExpect":
        """The same: an exception carries the request's transaction id."""
        return self

    @property
    def limit(self) -> int:
        """The longest body."""
        return RTU_FRAME_MAX

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """All bytes, if unit, function and length are right."""
        del final  # the header gave its length
        answer = self.answer
        good = len(heard) == answer.size and heard.startswith(answer.head)
        refusal = len(heard) == _EXCEPTION_BODY and heard.startswith(answer.exception_head)
        return (0, len(heard)) if good or refusal else None


def reply_data(body: bytes) -> bytes:
    """The content of a reply's body: the bits or registers read, or what was written.

    RequestRefused, TargetDead (the gateway answers for a silent device) or GarbledReply otherwise.
    """
    if len(body) < _EXCEPTION_BODY:
        raise GarbledReply("modbus.length", said=_EXCEPTION_BODY, came=len(body))
    if body[1] & _EXCEPTION:
        raise _fault(body[2])
    if body[1] <= READ_INPUT:
        if body[2] != len(body) - 3:
            raise GarbledReply("modbus.length", said=body[2], came=len(body) - 3)
        return body[3:]
    return body[2:]


def _fault(exception: int) -> DeviceFault:
    if exception in {_GATEWAY_PATH_UNAVAILABLE, _GATEWAY_TARGET_SILENT}:
        return TargetDead("modbus.target-dead", exception=exception)
    divisible = exception in {_ILLEGAL_ADDRESS, _ILLEGAL_VALUE}
    return RequestRefused("modbus.exception", divisible=divisible, exception=exception)


def bits(data: bytes, count: int) -> list[bool]:
    """The first `count` coils or inputs, lowest bit first."""
    packed = int.from_bytes(data, "little")
    return [bool(packed >> index & 1) for index in range(count)]
