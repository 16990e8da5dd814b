"""The Modbus conformance device: two blocks of equal length, whose replies look alike."""

from drivers.contract import Device, Point
from drivers.emulate.conformance import ConformanceDevice
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.serial_line import SerialLine

_FAR = 60


def conformance_device(number: int) -> ConformanceDevice:
    """A meter whose register at address n holds 256 times its unit, plus n."""
    at = (0, 1, _FAR, _FAR + 1)
    values = {f"r{address}": 256 * number + address for address in at}
    image = RegisterImage(
        {"holding": {address: 256 * number + address for address in range(_FAR + 2)}}
    )
    return ConformanceDevice(
        ModbusSlave(number, image, SerialLine()),
        Device(
            id=f"modbus-{number}",
            family="modbus",
            address=str(number),
            points=tuple(Point(id=f"r{each}", kind="holding", address=each) for each in at),
            every_s=5.0,
        ),
        dict(values),
    )
