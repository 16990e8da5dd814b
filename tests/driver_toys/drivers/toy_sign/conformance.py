"""The toy sign, for the suite that takes every acting family."""

from drivers.toy_sign.emulator import SignSlave  # type: ignore[import-not-found]  # in an extension

from drivers.contract import Device, Point, WriteSpec
from drivers.emulate.conformance import ActingSpecimen


def conformance_device() -> ActingSpecimen:
    """A sign at the gate."""
    points = (
        Point(id="text", address="text", type="string", size=60, writable=WriteSpec()),
        Point(id="dead-lamps", address="lamps"),
    )
    device = Device(id="sign", family="toy_sign", address="1", points=points, every_s=5)
    slave = SignSlave()
    return ActingSpecimen(slave, device, "text", "欢迎回家", lambda: list(slave.shown))
