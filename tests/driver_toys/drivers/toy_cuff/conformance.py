"""The toy cuff, for the suite that takes every measured family."""

from drivers.toy_cuff.emulator import CuffSlave  # type: ignore[import-not-found]  # in an extension

from drivers.contract import Device, Point
from drivers.emulate.conformance import ConformanceDevice


def conformance_device(number: int) -> ConformanceDevice:
    """A cuff around an arm."""
    point = Point(id="systolic", address=0, unit="mm[Hg]")
    device = Device(id=f"cuff{number}", family="toy_cuff", address="1", points=(point,))
    return ConformanceDevice(CuffSlave(120 + number), device, {"systolic": 120 + number})
