"""An emulated Modbus slave. Its engine is pymodbus, which independently verifies our codec.

pymodbus parses requests, checks their limits and builds replies and exceptions. The registers are
ours, and the silence: pymodbus answers exception 4 for an absent unit, where a real line stays
silent.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from drivers.emulate.slave import Slave
from drivers.modbus.emulated_registers import RegisterImage
from drivers.serial_line import SerialLine

T = TypeVar("T")

BROADCAST = 0
_FRAME_BYTES_MIN = 4
_CRC_BYTES = 2
_TABLE_OF_FUNCTION = {
    1: "coil", 5: "coil", 15: "coil",
    2: "discrete",
    3: "holding", 6: "holding", 16: "holding", 22: "holding", 23: "holding",
    4: "input",
}  # fmt: skip
_WRITES = frozenset({5, 6, 15, 16, 22})


class _ImageContext:
    """The image as pymodbus's server context; its methods never wait."""

    def __init__(self, image: RegisterImage) -> None:
        self.image = image

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, _unit: int, function: int, address: int, count: int = 1
    ) -> list[int] | ExcCodes:
        words = self.image.read(_TABLE_OF_FUNCTION[function], address, count)
        return ExcCodes.ILLEGAL_ADDRESS if words is None else words

    async def async_setValues(  # noqa: N802 - pymodbus's name
        self, _unit: int, function: int, address: int, values: Sequence[int]
    ) -> ExcCodes | None:
        words = [int(value) for value in values]
        done = self.image.write(_TABLE_OF_FUNCTION[function], address, words)
        return None if done else ExcCodes.ILLEGAL_ADDRESS


class ModbusSlave(Slave):
    """One unit: `refresh` is called with the loop's time before every reply, to move values."""

    def __init__(
        self,
        unit: int,
        image: RegisterImage,
        line: SerialLine | None = None,
        *,
        name: str = "",
        refresh: Callable[[float], None] | None = None,
        turnaround_s: float = 0.01,
        strict: bool = True,
    ) -> None:
        """Power it up at address `unit`."""
        super().__init__(
            name or str(unit), line or SerialLine(), turnaround_s=turnaround_s, strict=strict
        )
        self.unit = unit
        self.image = image
        self._refresh = refresh
        self._decoder = DecodePDU(is_server=True)
        self._store = cast(ModbusServerContext, _ImageContext(image))

    def accepts(self, frame: bytes) -> bool:
        """True for a complete RTU frame with the right CRC, for this unit or a broadcast write."""
        if len(frame) < _FRAME_BYTES_MIN or not has_valid_crc(frame):
            return False
        return frame[0] == self.unit or (frame[0] == BROADCAST and frame[1] in _WRITES)

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """The reply as an RTU frame; None for a broadcast."""
        reply = self.respond(frame[1:-_CRC_BYTES], at_s)
        if frame[0] == BROADCAST:
            return None
        unit = self.unit if self.faults.wrong_unit is None else self.faults.wrong_unit
        return add_crc(bytes([unit]) + reply)

    def respond(self, pdu: bytes, at_s: float) -> bytes:
        """The reply to a request, both without address and checksum."""
        if self.faults.exception is not None:
            return _bytes_of(ExceptionResponse(pdu[0], self.faults.exception))
        if self._refresh and not self.faults.stuck:
            self._refresh(at_s)
        if pdu[0] not in _TABLE_OF_FUNCTION:
            return _bytes_of(ExceptionResponse(pdu[0], ExcCodes.ILLEGAL_FUNCTION))
        request = self._decoder.decode(pdu)
        if request is None:  # pymodbus found an impossible count or length
            return _bytes_of(ExceptionResponse(pdu[0], ExcCodes.ILLEGAL_VALUE))
        return _bytes_of(_finish(request.datastore_update(self._store, self.unit)))


def has_valid_crc(frame: bytes) -> bool:
    """True if the frame's checksum is right."""
    return FramerRTU.check_CRC(frame[:-_CRC_BYTES], int.from_bytes(frame[-_CRC_BYTES:]))


def add_crc(frame: bytes) -> bytes:
    """The frame with its checksum."""
    return frame + FramerRTU.compute_CRC(frame).to_bytes(_CRC_BYTES)


def _bytes_of(pdu: ModbusPDU) -> bytes:
    return bytes([pdu.function_code]) + pdu.encode()


def _finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise asyncio.InvalidStateError
