"""Modbus, for suites that take every family: two blocks of one length, which look alike."""

from drivers.bus.line import Line
from drivers.contract import Device, Point
from drivers.emulate.image import Image
from drivers.emulate.specimen import Specimen
from drivers.modbus.emulator import ModbusSlave

_FAR = 60


def conformance_device(number: int) -> Specimen:
    """A meter whose register at address n holds 256 times its unit, plus n."""
    at = (0, 1, _FAR, _FAR + 1)
    values = {f"r{address}": 256 * number + address for address in at}
    image = Image({"holding": {address: 256 * number + address for address in range(_FAR + 2)}})
    return Specimen(
        ModbusSlave(number, image, Line()),
        Device(
            id=f"modbus-{number}",
            family="modbus",
            address=str(number),
            points=tuple(Point(id=f"r{each}", kind="holding", address=each) for each in at),
            every_s=5.0,
        ),
        dict(values),
    )
