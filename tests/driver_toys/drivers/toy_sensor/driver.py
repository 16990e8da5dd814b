"""A toy that listens: sensors that POST JSON, `{"temperature": 21.5, "smoke": false}`.

A point's `address` is the key of its value. The last part of the URL before the secret names the
device.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from drivers.contract import Device, FieldError, GarbledReply, Sample
from drivers.family import Shape
from drivers.message import DeviceMessage, HttpPath


class ToySensorOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys of its own."""


class ToySensor:
    """The family."""

    family = "toy_sensor"
    shape: Final = Shape.LISTENING
    inlet = HttpPath(reply_type="text/plain")
    Options = ToySensorOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything can be used."""
        del device
        return []

    def identify(self, message: DeviceMessage) -> str | None:
        """The URL says who speaks."""
        return message.topic or None

    def decode(self, device: Device, message: DeviceMessage) -> Sequence[Sample]:
        """The values whose keys the model knows."""
        try:
            said = msgspec.json.decode(message.body, type=dict[str, bool | int | float | str])
        except (ValueError, RecursionError) as error:
            raise GarbledReply("bus.garbled", device=device.id, heard=len(message.body)) from error
        return [
            Sample(point, said[point.address])
            for point in device.points
            if isinstance(point.address, str) and point.address in said
        ]

    def reply(self, message: DeviceMessage, *, stored: bool) -> bytes | None:
        """The sensor forgets a reading once it reads "stored"."""
        del message
        return b"stored" if stored else b"again"


DRIVER = ToySensor()
