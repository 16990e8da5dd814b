"""The DL/T 645 conformance device: an energy meter with one voltage."""

from drivers.contract import Device, Point
from drivers.dlt645.emulator import Dlt645Slave
from drivers.emulate.conformance import ConformanceDevice
from drivers.emulate.meter import LINE


def conformance_device(number: int) -> ConformanceDevice:
    """A meter that has counted `number` hundred kilowatt-hours and 0.25 more."""
    address = f"{201_600_000_000 + number:012d}"
    slave = Dlt645Slave(address)
    slave.show("00010000", f"{number * 10_000 + 25:08d}")
    slave.show("02010100", f"{2200 + number:04d}")
    points = (
        Point(id="energy", address="00010000", type="bcd", size=4, scale=0.01, decimals=2),
        Point(id="voltage", address="02010100", type="bcd", size=2, scale=0.1, decimals=1),
    )
    device = Device(
        id=f"dlt645-{number}",
        family="dlt645",
        address=address,
        points=points,
        line=LINE,
        every_s=5.0,
    )
    return ConformanceDevice(
        slave, device, {"energy": number * 100 + 0.25, "voltage": 220 + number / 10}
    )
