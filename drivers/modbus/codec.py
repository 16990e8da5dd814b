"""Modbus frames: function codes 1 to 6, 15 and 16, in RTU and TCP form. Pure.

Modbus Application Protocol V1.1b3 gives the PDUs, Modbus over Serial Line V1.02 the RTU frame.
A *body* here is unit and PDU: all that Modbus TCP needs behind its header, and what RTU puts
before its checksum.
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
_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3  # of a read, the count is the value
_GATEWAY_PATH_UNAVAILABLE = 0x0A
_GATEWAY_TARGET_SILENT = 0x0B
# How much litter around a reply is still searched for it.
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
    """The RTU checksum as it stands on the wire, low byte first."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def rtu_frame(body: bytes) -> bytes:
    """The frame for a serial line."""
    return body + crc(body)


def read_request(unit: int, function: int, address: int, count: int) -> bytes:
    """The body that asks for `count` bits or registers."""
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
    """How long the body of a good answer is."""
    if function in {READ_COILS, READ_DISCRETE}:
        return 3 + (count + 7) // 8
    if function in {READ_HOLDING, READ_INPUT}:
        return 3 + 2 * count
    return _WRITTEN_BODY


class ExpectedReply(msgspec.Struct, frozen=True):
    """What identifies the answer to one request: how its body begins, and how long it is.

    A read is answered by unit, function and byte count; a write by its own first six bytes.
    Two requests with equal answers cannot be told apart by what comes back.
    """

    head: bytes
    size: int

    @classmethod
    def for_request(cls, request: bytes) -> "ExpectedReply":
        """The answer to the request with this body."""
        size = good_reply_bytes(request[1], int.from_bytes(request[4:6]))
        if request[1] <= READ_INPUT:
            return cls(request[:2] + bytes((size - 3,)), size)
        return cls(request[:6], size)

    @property
    def exception_head(self) -> bytes:
        """How the body of an exception begins."""
        return bytes((self.head[0], self.head[1] | _EXCEPTION))


class RtuExpect(msgspec.Struct, frozen=True):
    """Finds the answer in the bytes of a serial line, past noise and other units' frames."""

    answer: ExpectedReply
    refusals: bool = True

    @property
    def kin(self) -> bytes:
        """Unit and function."""
        return self.answer.head[:2]

    @property
    def limit(self) -> int:
        """The answer with litter around it."""
        return RTU_FRAME_MAX + _NOISE_BYTES

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """The first place where a whole frame with a right checksum stands."""
        return frame_search.find_first_frame(heard, self.answer.head[0], self._size, final=final)

    def any_of_kin(self) -> "RtuKin":
        """Frames of this unit and function, of any length."""
        return RtuKin(self.kin)

    def good_only(self) -> "RtuExpect":
        """The same without exceptions."""
        return RtuExpect(self.answer, refusals=False)

    def _size(self, begins: bytes) -> int:
        """How long the frame is that begins here; 0: it cannot be the answer."""
        answer = self.answer
        if answer.head.startswith(begins[: len(answer.head)]):
            return _sealed(begins, answer.size + CRC_BYTES)
        if self.refusals and begins.startswith(answer.exception_head):
            return _sealed(begins, _EXCEPTION_BODY + CRC_BYTES)
        return 0


class RtuKin(msgspec.Struct, frozen=True):
    """Finds any frame that a unit may send to a request of one function."""

    kin: bytes

    @property
    def limit(self) -> int:
        """The longest frame with litter around it."""
        return RTU_FRAME_MAX + _NOISE_BYTES

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """The first place where a whole frame with a right checksum stands."""
        return frame_search.find_first_frame(heard, self.kin[0], self._size, final=final)

    def any_of_kin(self) -> "RtuKin":
        """The same."""
        return self

    def good_only(self) -> "RtuKin":
        """The same: nobody waits for it, so nothing can be mistaken."""
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
    """The size, if the frame is unfinished or its checksum is right; else 0."""
    whole = begins[:size]
    right = len(whole) < size or crc(whole[:-CRC_BYTES]) == whole[-CRC_BYTES:]
    return size if right else 0


class MbapExpect(msgspec.Struct, frozen=True):
    """Judges one whole answer, as Modbus TCP delivers it."""

    answer: ExpectedReply

    @property
    def kin(self) -> bytes:
        """Unit and function."""
        return self.answer.head[:2]

    def any_of_kin(self) -> "MbapExpect":
        """The same: ids tell answers apart, and nothing is overheard."""
        return self

    def good_only(self) -> "MbapExpect":
        """The same: an exception bears the request's id."""
        return self

    @property
    def limit(self) -> int:
        """The longest body there is."""
        return RTU_FRAME_MAX

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """The whole, if unit, function and length are right."""
        del final  # the header has said where it ends
        answer = self.answer
        good = len(heard) == answer.size and heard.startswith(answer.head)
        refusal = len(heard) == _EXCEPTION_BODY and heard.startswith(answer.exception_head)
        return (0, len(heard)) if good or refusal else None


def reply_data(body: bytes) -> bytes:
    """What an answer's body says: the bits or registers read, or what was written.

    Refused, TargetDead (the gateway speaks for a silent device) or Garbled otherwise.
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
