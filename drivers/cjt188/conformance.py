"""The CJ/T 188 conformance device: a cold-water meter."""

from drivers.cjt188.emulator import Cjt188Slave
from drivers.contract import Device, Point
from drivers.emulate.conformance import ConformanceDevice
from drivers.emulate.meter import LINE

_COLD_WATER = 0x10
_CUBIC_METRES = "2C"


def conformance_device(number: int) -> ConformanceDevice:
    """A meter that has counted `number` hundred cubic metres and 0.5 more."""
    address = f"{78_330_011_223_300 + number:014d}"
    slave = Cjt188Slave(_COLD_WATER, address)
    digits = bytes.fromhex(f"{number * 10_000 + 50:08d}")[::-1].hex()
    slave.show("1F90", digits, _CUBIC_METRES)
    total = Point(
        id="total",
        kind="cold-water",
        address="1F90",
        type="bcd",
        size=4,
        scale=0.01,
        decimals=2,
        unit="m3",
    )
    device = Device(
        id=f"cjt188-{number}",
        family="cjt188",
        address=address,
        points=(total,),
        line=LINE,
        every_s=5.0,
    )
    return ConformanceDevice(slave, device, {"total": number * 100 + 0.5})
