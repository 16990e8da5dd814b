"""A whole emulated field: ptys and TCP boxes in one process, faults by name, idle for nothing."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from drivers.contract import LineDown, LineLost, PortHeld, PortMissing
from drivers.emulate.field import EmulatedField, parse_field
from drivers.emulate.memory_stream import stream_opener
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.value_motion import DAY_S, load_at
from drivers.profiles import find_profile
from drivers.serial_line import SerialLine
from tests.drivers.test_rs485 import Parrot
from tests.sim.loop import run

TOML = """
seed = 5
[bus.meters]
line = "115200 8N1"
link = "{link}"
[bus.more]
line = "115200 8N1"
[bus.plant]
kind = "modbus-tcp"
line = "115200 8N1"
timeout_s = 0.05
"""


def field_of(folder: Path, meters: int = 20) -> EmulatedField:
    text = TOML.format(link=folder / "ttyMETERS")
    for number in range(meters):
        bus = ("meters", "more", "plant")[number % 3]
        model = ("eastron-sdm630", "acrel-adw300", "xy-md02")[number // 3 % 3]
        text += f'[meter.m{number}]\nprofile = "{model}"\nbus = "{bus}"\nunit = {number // 3 + 1}\n'
    text += "[meter.m0.set]\npower-w = 1800\n"
    return EmulatedField.from_spec(parse_field(text), find_profile)


@pytest.fixture
async def field(tmp_path):
    field = field_of(tmp_path)
    await field.start()
    yield field
    await field.stop()


async def power(client) -> float | str:
    """Unit 1's total active power (an SDM630), or why there is none."""
    try:
        answer = await client.read_input_registers(52, count=2, device_id=1)
    except ModbusIOException:
        return "silence"
    if answer.isError():
        return f"exception {answer.exception_code}"
    await asyncio.sleep(SerialLine(115_200).silence_s)
    return client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)


async def serial_client(where: str, patience_s: float = 60) -> AsyncModbusSerialClient:
    client = AsyncModbusSerialClient(where, baudrate=115_200, timeout=patience_s, retries=0)
    assert await client.connect()
    return client


async def test_twenty_meters_on_two_ptys_and_a_gateway_answer(field) -> None:
    assert len(field.meters) == 20
    places = field.addresses()
    assert places["meters"].endswith("ttyMETERS")
    serial = await serial_client(places["meters"])
    tcp = AsyncModbusTcpClient("127.0.0.1", port=int(places["plant"].rpartition(":")[2]))
    assert await tcp.connect()
    try:
        assert await power(serial) == 1800
        assert isinstance(await power(tcp), float)
    finally:
        serial.close()
        tcp.close()


async def test_a_fault_of_one_meter_touches_no_other_and_is_taken_back(field) -> None:
    await field.set_fault("m0", "dead")
    assert field.active_faults("m0") == {"dead": True}
    assert field.active_faults("m3") == {}
    client = await serial_client(field.addresses()["meters"], 0.2)
    assert await power(client) == "silence"
    client.close()
    await field.clear_faults("m0")
    client = await serial_client(field.addresses()["meters"])
    try:
        assert await power(client) == 1800
        await field.set_fault("m0", "exception", 4)
        assert await power(client) == "exception 4"
    finally:
        client.close()


async def test_a_line_is_unplugged_and_plugged_by_name(field) -> None:
    await field.set_fault("meters", "unplugged")
    assert field.active_faults("meters") == {"unplugged": True}
    assert not os.path.lexists(field.addresses()["meters"])  # noqa: ASYNC240 - one lstat
    await field.clear_faults("meters")
    client = await serial_client(field.addresses()["meters"])
    try:
        assert await power(client) == 1800
    finally:
        client.close()


async def test_a_box_has_faults_of_its_own_and_of_its_wire(field) -> None:
    await field.set_fault("plant", "held")
    await field.set_fault("plant", "noise", 0.5)
    assert field.active_faults("plant") == {"held": True, "noise": 0.5}
    await field.set_fault("plant", "unplugged")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*field.addresses()["plant"].split(":"))
    where = field.addresses()["plant"]
    await field.clear_faults("plant")
    assert field.addresses()["plant"] == where
    assert field.active_faults("plant") == {}


async def test_what_is_not_there_is_said(field) -> None:
    with pytest.raises(KeyError):
        await field.set_fault("nobody", "dead")
    with pytest.raises(AttributeError):
        await field.set_fault("m0", "tired")
    with pytest.raises(AttributeError):
        await field.set_fault("meters", "held")  # a pty holds no connection
    with pytest.raises(KeyError):
        field.set_value("m0", "no-such-point", 1)


@pytest.mark.parametrize(
    "text",
    ["", "[bus.a]\n[meter.m]\nprofile='x'\nbus='a'\nunit=1\ntypo=1\n", "[bus.a]\nkind='no'\n"],
)
def test_a_wrong_field_file_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"Object|Invalid"):
        parse_field(text)


async def test_an_idle_field_does_nothing(field) -> None:
    await asyncio.sleep(0.1)
    before = time.process_time()
    await asyncio.sleep(0.5)
    assert time.process_time() - before < 0.05  # of a core's 0.5 s, whoever else needs it
    assert all(bus.wire.counters.frames == 0 for bus in field.buses.values())


def test_the_day_has_a_quiet_night_and_two_busy_hours() -> None:
    at = {hour: load_at(hour * 3600) for hour in range(24)}
    assert max(at, key=at.get) in {19, 20}
    assert at[3] < at[12] < at[8] < at[19]
    assert load_at(5.0) == pytest.approx(load_at(5.0 + 3 * DAY_S))


class Ear:
    """A receiver that keeps what it hears."""

    def __init__(self) -> None:
        self.data, self.errors = b"", []

    def on_bytes(self, data: bytes) -> None:
        self.data += data

    def on_lost(self, error: LineDown) -> None:
        self.errors.append(error)


def test_a_wire_in_memory_is_opened_held_lost_and_found_again() -> None:
    async def story() -> None:
        wire = Rs485Line([Parrot(b"a", SerialLine(2400))])
        open_stream = stream_opener(wire, line=SerialLine(9600))
        ear = Ear()
        stream = await open_stream(ear)
        with pytest.raises(PortHeld):
            await open_stream(Ear())
        stream.write(b"a")
        await asyncio.sleep(1)
        assert ear.data == b""  # another speed
        stream.set_line(SerialLine(2400))
        stream.write(b"a")
        await asyncio.sleep(1)
        assert ear.data == b"a!"
        wire.unplug()
        assert [type(error) for error in ear.errors] == [LineLost]
        with pytest.raises(LineLost):
            stream.write(b"a")
        with pytest.raises(PortMissing):
            await open_stream(ear)
        wire.plug()
        again = await open_stream(ear)
        again.set_line(SerialLine(2400))
        again.write(b"a")
        again.close()
        await asyncio.sleep(1)
        assert ear.data == b"a!"  # closed: nobody listens
        assert len(ear.errors) == 1
        await open_stream(ear)

    run(story())
