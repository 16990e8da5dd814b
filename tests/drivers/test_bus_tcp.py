"""Gateways over real loopback TCP: ids, late answers, dead units, reconnecting, several at once."""

import asyncio
import contextlib

import msgspec
import pytest

from drivers.bus.kinds import ModbusTcpOptions, RtuOverTcpOptions, SerialOptions
from drivers.bus.tcp import MbapLink, tcp_opener
from drivers.contract import GarbledReply, GatewayUnreachable, LineLost, NoReply, PollResult
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.tcp import SerialServer, TcpServer
from drivers.family import Framing, Transaction, WireCost
from drivers.modbus import codec
from drivers.modbus.driver import DRIVER
from drivers.modbus.emulator_gateway import ModbusGateway
from drivers.serial_line import SerialLine
from tests.drivers.harness import RunningBus, meter, slave, word, wrong

FAST = SerialLine(115_200)
# For an answer that comes: a busy machine may take its time.
PATIENT_S = 60.0


class Scripted:
    """A gateway that answers each request as it is told: a list of (delay, what to answer)."""

    def __init__(self) -> None:
        self.connections = 0
        self.script = lambda request: [(0.0, good(request))]
        self._unread = b""

    def on_connect(self, peer) -> None:
        self.connections += 1
        self._unread = b""

    def on_data(self, peer, data: bytes) -> None:
        self._unread += data
        while len(self._unread) >= 6:
            size = 6 + int.from_bytes(self._unread[4:6])
            whole, self._unread = self._unread[:size], self._unread[size:]
            for delay_s, answer in self.script(whole[6:]):
                head = whole[:2] + b"\0\0" + len(answer).to_bytes(2)
                asyncio.get_running_loop().call_later(delay_s, peer.send, head + answer)

    def on_disconnect(self, peer) -> None:
        pass


class Rude:
    """Whatever is asked, it says the same."""

    def __init__(self, says: bytes) -> None:
        self.says = says

    def on_connect(self, peer) -> None:
        pass

    def on_data(self, peer, data: bytes) -> None:
        peer.send(self.says)

    def on_disconnect(self, peer) -> None:
        pass


@contextlib.asynccontextmanager
async def serving(box):
    server = TcpServer(box)
    await server.plug()
    try:
        yield server
    finally:
        await server.unplug()


@contextlib.asynccontextmanager
async def linked(server: TcpServer):
    link = MbapLink()
    await link.open(tcp_opener(server.host, server.port))
    try:
        yield link
    finally:
        link.close()


def good(request: bytes) -> bytes:
    """What a slave with the rig's registers answers."""
    unit, first, count = request[0], int.from_bytes(request[2:4]), int.from_bytes(request[4:6])
    data = b"".join(word(unit, first + each).to_bytes(2) for each in range(count))
    return bytes((unit, 3, len(data))) + data


def read(unit: int, address: int, count: int = 2) -> Transaction:
    device = meter(unit, *range(address, address + count))
    wire = WireCost(Framing.MBAP, 0.0, 0.01, 0.0)
    (transaction,) = DRIVER.plan(device, device.points, wire)
    return transaction


def values(transaction: Transaction, frame: bytes) -> list[object]:
    return [sample.value for sample in transaction.decode(frame)]


async def test_a_late_answer_is_dropped_by_its_id() -> None:
    box = Scripted()
    box.script = lambda request: [(0.12 if request[3] == 100 else 0.08, good(request))]
    async with serving(box) as server, linked(server) as link:
        with pytest.raises(NoReply):
            await link.exchange(read(1, 100), FAST, 0.05)
        reply = await link.exchange(read(1, 200), FAST, PATIENT_S)  # the late one comes in between
        assert values(read(1, 200), reply.frame) == [word(1, 200), word(1, 201)]
        assert link.counters.late == 1


async def test_answers_out_of_order_find_their_requests() -> None:
    box = Scripted()
    box.script = lambda request: [(0.06 - request[3] / 1000, good(request))]
    async with serving(box) as server, linked(server) as link:
        asked = [read(1, at) for at in (0, 20, 40)]
        replies = await asyncio.gather(*(link.exchange(each, FAST, PATIENT_S) for each in asked))
        for transaction, reply, at in zip(asked, replies, (0, 20, 40), strict=True):
            assert values(transaction, reply.frame) == [word(1, at), word(1, at + 1)]


@pytest.mark.parametrize(
    "answer", ["02 03 04 00 01 00 02", "01 04 04 00 01 00 02", "01 03 02 00 01"]
)
async def test_a_wrong_unit_function_or_length_is_garbled(answer) -> None:
    box = Scripted()
    box.script = lambda _: [(0.0, bytes.fromhex(answer))]
    async with serving(box) as server, linked(server) as link:
        with pytest.raises(GarbledReply):
            await link.exchange(read(1, 0), FAST, PATIENT_S)


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 400 Bad Request\r\n", b"\0\1\0\0\xff\xff", b"\0\1\0\0\0\0"]
)
async def test_what_is_no_modbus_ends_the_connection(says) -> None:
    async with serving(Rude(says)) as server, linked(server) as link:
        for _ in range(2):
            with pytest.raises(LineLost) as caught:
                await link.exchange(read(1, 0), FAST, PATIENT_S)
            assert caught.value.code == "bus.not-modbus"


async def test_nobody_there() -> None:
    async with serving(Scripted()) as server:
        address = server.address
    with pytest.raises(GatewayUnreachable) as caught:
        await tcp_opener("127.0.0.1", server.port)(MbapLink())
    assert caught.value.data["address"] == address


def tcp(server: TcpServer, **more) -> ModbusTcpOptions:
    return ModbusTcpOptions(address=server.address, **more)


async def until(condition, within_s: float = 60.0) -> None:
    """Real time, because there are real sockets; it returns as soon as it can."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_a_gateway_that_goes_away_is_connected_to_again() -> None:
    box = Scripted()
    async with (
        serving(box) as server,
        RunningBus(tcp(server), [meter(1, every_s=0.05, timeout_s=PATIENT_S)]) as field,
    ):
        await until(lambda: len(field.results) > 3)
        for connection in list(server.open):
            connection.abort()
        await until(lambda: box.connections == 2)
        before = len(field.results)
        await until(lambda: len(field.results) > before + 3)
        assert field.line_states() == ["up", "down", "up"]
        codes = [change.code for change in field.changes if change.code]
        assert codes == ["bus.connection-lost"]
        assert wrong(field) == []


async def test_a_dead_unit_behind_the_gateway_is_not_a_dead_bus() -> None:
    box = Scripted()
    box.script = lambda request: [
        (0.0, bytes((2, 0x83, 0x0B)) if request[0] == 2 else good(request))
    ]
    devices = [meter(unit, every_s=0.05, timeout_s=PATIENT_S) for unit in (1, 2)]
    async with serving(box) as server, RunningBus(tcp(server), devices) as field:
        await until(lambda: field.states("m2") == ["silent"])
        before = len(field.of("m1"))
        await until(lambda: len(field.of("m1")) > before + 5)
        assert field.states("m1") == ["ok"]
        assert field.line_states() == ["up"]
        assert field.of("m2")[-1].fault.code == "modbus.target-dead"


@pytest.mark.parametrize("inflight", [1, 3])
async def test_several_at_once_only_where_it_is_allowed(inflight) -> None:
    under_way, most = 0, 0

    def script(request: bytes):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        asyncio.get_running_loop().call_later(0.015, lower)
        return [(0.02, good(request))]

    def lower() -> None:
        nonlocal under_way
        under_way -= 1

    box = Scripted()
    box.script = script
    devices = [meter(unit, every_s=0.2, timeout_s=PATIENT_S) for unit in range(1, 7)]
    async with (
        serving(box) as server,
        RunningBus(tcp(server, max_inflight=inflight), devices) as field,
    ):
        await until(lambda: len(field.results) > 12)
        assert wrong(field) == []
    assert most == inflight


def answered(field: RunningBus) -> list[PollResult]:
    """The rounds that brought values: on a busy machine an answer may once be late."""
    return [result for result in field.results if result.fault is None]


async def test_rtu_through_a_serial_server() -> None:
    wire = Rs485Line([slave(1, line=FAST)])
    async with serving(SerialServer(wire, FAST)) as server:
        options = RtuOverTcpOptions(address=server.address, line="115200 8N1")
        async with RunningBus(options, [meter(1, every_s=0.1, timeout_s=0.5)]) as field:
            await until(lambda: len(answered(field)) > 5)
            assert wrong(field) == []
            values = {reading.point: reading.value for reading in answered(field)[-1].readings}
            assert values["r3"] == word(1, 3)
    assert wire.counters.violations == 0


async def test_a_serial_ports_url_is_a_serial_server() -> None:
    wire = Rs485Line([slave(1, line=FAST)])
    async with serving(SerialServer(wire, FAST)) as server:
        options = SerialOptions(port=f"socket://{server.address}", line="115200 8N1")
        async with RunningBus(options, [meter(1, every_s=0.1, timeout_s=0.5)]) as field:
            await until(lambda: len(answered(field)) > 2)
            assert wrong(field) == []


async def test_a_whole_gateway_with_its_own_wire() -> None:
    wire = Rs485Line([slave(1, line=FAST), slave(2, line=FAST)])
    wire.slaves[1].faults.dead = True
    box = ModbusGateway(wire, FAST, timeout_s=0.1)
    devices = [meter(1, every_s=0.2), meter(2, every_s=0.2)]
    async with serving(box) as server, RunningBus(tcp(server), devices) as field:
        await until(lambda: field.states("m2") == ["silent"] and len(field.of("m1")) > 3)
        assert wrong(field) == []
        assert field.states("m1") == ["ok"]


@pytest.mark.parametrize(
    "text", ['{"address": "nowhere"}', '{"address": "a:1", "max_inflight": 0}', '{"adress": "a:1"}']
)
def test_wrong_settings_are_refused(text) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=ModbusTcpOptions)


def test_ipv6_addresses_are_understood() -> None:
    options = msgspec.json.decode('{"address": "[fe80::1]:502"}', type=ModbusTcpOptions)
    assert options.where == "[fe80::1]:502"


def test_the_request_carries_unit_and_pdu_alone() -> None:
    assert read(1, 0).request == codec.read_request(1, 3, 0, 2)
