"""What the toy sensor says, for the suite that takes every listening family."""

from drivers.contract import Device, Point
from drivers.emulate.conformance import SpokenMessage
from drivers.message import DeviceMessage

POINTS = (
    Point(id="temperature", address="temperature", unit="Cel", decimals=1),
    Point(id="smoke", address="smoke", type="bool"),
)


def conformance_messages() -> list[SpokenMessage]:
    """Two devices, and a sign of life."""
    first = Device(id="t1", family="toy_sensor", address="attic", points=POINTS, every_s=60)
    second = Device(id="t2", family="toy_sensor", address="cellar", points=POINTS, every_s=60)
    return [
        SpokenMessage(
            first,
            DeviceMessage(body=b'{"temperature": 21.5, "smoke": false}', topic="attic"),
            {"temperature": 21.5, "smoke": False},
            b"stored",
        ),
        SpokenMessage(
            second,
            DeviceMessage(body=b'{"smoke": true}', topic="cellar"),
            {"smoke": True},
            b"stored",
        ),
        SpokenMessage(first, DeviceMessage(body=b"{}", topic="attic"), {}, b"stored"),
    ]
