"""The polled kinds of bus: the options of their `[bus.*]`, and how each is opened."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from drivers.bus.actor import PolledBus
from drivers.bus.link import BusLink, OnStrayBytes, StreamLink
from drivers.bus.stream import OpenStream
from drivers.bus.tcp import MbapLink, tcp_opener
from drivers.contract import Device, OnFault, OnState, Sink, log_fault
from drivers.family import Framing, WireCost
from drivers.field_bus import BusKind, FieldBus
from drivers.serial_line import SerialLine, serial_line_fault

_SOCKET = "socket://"

LineText = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{3,7} [78][NEO][12]$",
        examples=["9600 8N1"],
        extra={"explain": serial_line_fault},
    ),
]
Address = Annotated[
    str,
    msgspec.Meta(pattern=r"^(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}$", examples=["192.168.1.50:502"]),
]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=5000)]


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class _HalfDuplexOptions:
    """What serial lines and serial servers share: one transaction at a time, frames in a stream."""

    __slots__ = ()

    line: str
    turnaround_ms: float

    @property
    def usual_line(self) -> SerialLine:
        """Line settings of devices that name none."""
        return SerialLine.parse(self.line)

    @property
    def framing(self) -> Framing:
        return Framing.STREAM

    @property
    def inflight(self) -> int:
        return 1

    def cost(self, line: SerialLine) -> WireCost:
        """Characters at the speed of `line`."""
        return WireCost(Framing.STREAM, line.char_s, self.turnaround_ms / 1000, line.silence_s)


class SerialOptions(
    msgspec.Struct, _HalfDuplexOptions, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """`kind = "serial"`: an RS-485 or RS-232 port of this machine, or `socket://host:port`.

    `turnaround_ms` is the usual response time of the devices; it is only used for planning.
    """

    port: str
    line: LineText = "9600 8N1"
    rs485: bool = False
    echo: bool = False
    turnaround_ms: Milliseconds = 20

    @property
    def where(self) -> str:
        return self.port

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        """Open and lock the port; LineDown says why that failed."""
        return await _stream_link(self._opener(), self.usual_line, tap, echo=self.echo)

    def _opener(self) -> OpenStream:
        if self.port.startswith(_SOCKET):
            return tcp_opener(*_host_and_port(self.port.removeprefix(_SOCKET)))
        from drivers.bus.port import serial_opener  # noqa: PLC0415  # pyserial, where there is one

        return serial_opener(self.port, self.usual_line, rs485=self.rs485)


class RtuOverTcpOptions(
    msgspec.Struct, _HalfDuplexOptions, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """`kind = "modbus-rtu-over-tcp"`: a serial server; `line` is what it is set to."""

    address: Address
    line: LineText = "9600 8N1"
    turnaround_ms: Milliseconds = 40

    @property
    def where(self) -> str:
        return self.address

    def cost(self, line: SerialLine) -> WireCost:
        """Characters at the server's speed, whatever the device's own is."""
        del line
        return super().cost(self.usual_line)

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        """Connect; LineDown says why that failed."""
        return await _stream_link(tcp_opener(*_host_and_port(self.address)), self.usual_line, tap)


class ModbusTcpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kind = "modbus-tcp"`: a gateway, or a device with a network port.

    `max_inflight` above 1 only for gateways that document it: many serialise, and some mix up
    replies.
    """

    address: Address
    max_inflight: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    turnaround_ms: Milliseconds = 10

    @property
    def where(self) -> str:
        return self.address

    @property
    def usual_line(self) -> SerialLine:
        """A placeholder: the line behind a gateway is unknown and does not matter here."""
        return SerialLine()

    @property
    def framing(self) -> Framing:
        return Framing.MBAP

    @property
    def inflight(self) -> int:
        return self.max_inflight

    def cost(self, line: SerialLine) -> WireCost:
        """The cost is the round trip; the length of a reply hardly matters."""
        del line
        share_s = self.turnaround_ms / 1000 / self.max_inflight
        return WireCost(Framing.MBAP, 0.0, share_s, 0.0)

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        """Connect; LineDown says why that failed."""
        del tap  # transaction ids identify late replies
        link = MbapLink()
        await link.open(tcp_opener(*_host_and_port(self.address)))
        return link


async def _stream_link(
    opener: OpenStream, line: SerialLine, tap: OnStrayBytes, *, echo: bool = False
) -> BusLink:
    link = StreamLink(line, echo=echo, tap=tap)
    await link.open(opener)
    return link


def _build(
    name: str,
    options: Any,
    devices: Sequence[Device],
    sink: Sink,
    on_state: OnState,
    *,
    on_fault: OnFault = log_fault,
) -> FieldBus:
    return PolledBus(name, options, devices, sink, on_state, on_fault=on_fault)


POLLED_KINDS = (
    BusKind("serial", SerialOptions, _build),
    BusKind("modbus-tcp", ModbusTcpOptions, _build),
    BusKind("modbus-rtu-over-tcp", RtuOverTcpOptions, _build),
)
