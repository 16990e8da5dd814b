"""What the toy panel says, for the suite that takes every listening family."""

from drivers.contract import Device, Point
from drivers.emulate.conformance import SpokenMessage
from drivers.message import DeviceMessage


def frame(payload: bytes) -> bytes:
    """A frame as the panel sends it."""
    begun = bytes([0x40, len(payload)]) + payload
    return begun + bytes([sum(begun) & 0xFF])


def conformance_messages() -> list[SpokenMessage]:
    """Two devices; one level holds the byte that frames begin with."""
    points = (Point(id="level", address="level"),)
    spoken = []
    for number, level in ((1, 7), (2, 64)):
        name = f"p{number}"
        device = Device(id=name, family="toy_panel", address=name, points=points, every_s=60)
        body = frame(f"{name}={level}".encode())
        spoken.append(
            SpokenMessage(device, DeviceMessage(body=body), {"level": level}, b"+" + body[-1:])
        )
    return spoken
