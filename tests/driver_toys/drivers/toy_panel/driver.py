"""A toy that listens on TCP: `@`, a length, `address=level`, the sum of all before it.

The panel repeats a frame until it reads `+` and the frame's sum.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from drivers.contract import Device, FieldError, GarbledReply, Sample
from drivers.family import Shape
from drivers.frame_search import find_first_frame
from drivers.message import DeviceMessage, TcpPort

START = 0x40
LENGTH_MAX = 60


class ToyPanelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys of its own."""


def find_frame(heard: bytes, *, final: bool) -> tuple[int, int] | None:
    """Where the first whole frame stands."""
    return find_first_frame(heard, START, _size, final=final)


def _size(begun: bytes) -> int:
    if len(begun) < 2:  # the start and the length
        return len(begun) + 1
    size = begun[1] + 3
    if begun[1] > LENGTH_MAX:
        return 0
    return size if len(begun) < size or sum(begun[: size - 1]) & 0xFF == begun[size - 1] else 0


class ToyPanel:
    """The family."""

    family = "toy_panel"
    shape: Final = Shape.LISTENING
    inlet = TcpPort(find=find_frame, frame_max=LENGTH_MAX + 3, idle_s=300)
    Options = ToyPanelOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything can be used."""
        del device
        return []

    def identify(self, message: DeviceMessage) -> str | None:
        """The frame says who speaks."""
        name, _, _ = message.body[2:-1].partition(b"=")
        return name.decode("ascii", "replace") or None

    def decode(self, device: Device, message: DeviceMessage) -> Sequence[Sample]:
        """The level."""
        _, _, level = message.body[2:-1].partition(b"=")
        if not level.isdigit():
            raise GarbledReply("bus.garbled", device=device.id, heard=len(message.body))
        return [Sample(device.points[0], int(level))]

    def reply(self, message: DeviceMessage, *, stored: bool) -> bytes | None:
        """A confirmation, or silence: then the panel repeats."""
        return b"+" + message.body[-1:] if stored else None


DRIVER = ToyPanel()
