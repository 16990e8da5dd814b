"""A foreign judge: the published library `dlt645` as our meters' master and as our master's meter.

It shares no line with us; without it these tests fail. It and we differ in one thing, the order of
the broadcast time: published frames begin with the seconds, as ours do, the library's with the
year. That frame is judged by `vectors.toml` alone.
"""

import pytest
from dlt645 import DLT645Protocol, MeterClientService, MeterServerService
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Device, Point
from drivers.dlt645 import codec
from drivers.dlt645.emulator import Dlt645Slave
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.slave import Slave
from drivers.serial_line import SerialLine
from tests.drivers.meter_lines import last_of, on_line, profile

LINE = SerialLine(2400, 8, "E", 1)
METER = "201000000012"
FRAMES = st.builds(
    codec.Dlt645Frame,
    st.from_regex(r"\A[0-9]{12}\Z"),
    st.integers(0, 255),
    st.binary(max_size=255),
)


@given(FRAMES, st.integers(0, 4))
def test_they_understand_our_frames_and_we_theirs(frame, wake) -> None:
    address = bytes.fromhex(frame.address)[::-1]
    ours = codec.encode(frame, wake)
    assert bytes(DLT645Protocol.build_frame(address, frame.control, frame.data, wake)) == ours
    theirs = DLT645Protocol.deserialize(ours)
    assert bytes(theirs.addr) == address
    assert (theirs.ctrl_code, bytes(theirs.data)) == (frame.control, frame.data)


class ForeignMeter(Slave):
    """The library's server as a slave on our wire."""

    def __init__(self) -> None:
        super().__init__("foreign", LINE, turnaround_s=0.05, strict=False)
        self.service = MeterServerService(None, bytearray.fromhex(METER)[::-1])

    def accepts(self, frame: bytes) -> bool:
        return True

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        reply = self.service.handle_request(DLT645Protocol.deserialize(frame))
        return None if reply is None else bytes(reply)


@pytest.fixture(scope="module")
def foreign() -> ForeignMeter:
    return ForeignMeter()  # it takes a second


def test_we_read_a_foreign_meter(foreign) -> None:
    shown = {
        "energy": (0x00010000, 1234.56), "energy-reverse": (0x00020000, 0.01),
        "voltage-a": (0x02010100, 230.1), "voltage-b": (0x02010200, 0.0),
        "current-a": (0x02020100, 799.999), "current-b": (0x02020200, -0.25),
        "power": (0x02030000, -79.9999), "power-c": (0x02030300, 0.0001),
        "power-factor": (0x02060000, -0.5), "frequency": (0x02800002, 50.03),
    }  # fmt: skip
    service = foreign.service
    for item, value in shown.values():
        assert (service.set_02 if item >> 24 else service.set_00)(item, value)
    got = on_line(Rs485Line([foreign]), [profile("dlt645-three-phase").device("em", METER)], 100)
    values = last_of(got.results, "em")
    assert {point: values[point] for point in shown} == {
        point: value for point, (_, value) in shown.items()
    }
    assert "exception" not in values.values()  # blocks it refuses, items it all has


def test_a_foreign_meter_tells_us_its_address(foreign) -> None:
    point = Point(id="a", kind="address", address="", type="string")
    anybody = Device(id="em", family="dlt645", address="A" * 12, points=(point,), line=LINE)
    got = on_line(Rs485Line([foreign]), [anybody], 5)
    assert last_of(got.results, "em") == {"a": METER}


class Cable:
    """What the library's master calls instead of a socket: our emulated meter."""

    slave: Dlt645Slave

    def _ensure_connection(self) -> bool:
        return True

    def send_request(self, data: bytes, **_: object) -> bytes | None:
        return self.slave.answer(bytes(data), 0.0) if self.slave.accepts(bytes(data)) else None


@pytest.fixture(scope="module")
def master() -> MeterClientService:
    service = MeterClientService(Cable())
    assert service.set_address(bytes.fromhex(METER)[::-1].hex())  # as it travels
    return service


@pytest.mark.parametrize(
    ("item", "digits", "minus", "value"),
    [
        ("00010000", "00123456", False, 1234.56),
        ("02010100", "2301", False, 230.1),
        ("02020100", "001250", True, -1.25),
        ("02030000", "799999", False, 79.9999),
        ("02060000", "0998", True, -0.998),
        ("02800002", "5003", False, 50.03),
    ],
)
def test_a_foreign_master_reads_our_meter(master, item, digits, minus, value) -> None:
    master.client.slave = slave = Dlt645Slave(METER)
    slave.show(item, digits, minus=minus)
    read = master.read_02 if item.startswith("02") else master.read_00
    assert read(int(item, 16)).value == pytest.approx(value)


def test_a_foreign_master_learns_our_meters_address(master) -> None:
    master.client.slave = Dlt645Slave(METER)
    told = master.read_address()
    assert bytes.fromhex(told.value)[::-1].hex() == METER  # it shows it as it travels


def test_a_foreign_master_is_refused_by_our_meter(master) -> None:
    master.client.slave = slave = Dlt645Slave(METER)
    assert master.read_02(0x02010100) is None
    refusal = slave.answer(codec.encode(codec.Dlt645Frame(METER, 0x11, bytes(4))), 0)
    assert "无请求数据" in DLT645Protocol.deserialize(refusal).description
