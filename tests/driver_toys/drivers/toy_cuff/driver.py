"""A toy that measures: asked `M`, it squeezes and answers `S`, three digits and their sum."""

from collections.abc import Hashable, Sequence
from typing import Final

import msgspec

from drivers.contract import Device, FieldError, GarbledReply, Sample
from drivers.family import Expect, Framing, LentLink, Measurement, Shape, Transaction
from drivers.serial_line import SerialLine

REPLY_BYTES = 5


class ToyCuffOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys of its own."""


class CuffReply:
    """`S`, three digits, the sum of them."""

    kin: Hashable = "toy-cuff"
    limit = 64

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where it stands."""
        del final
        for start in range(len(heard) - REPLY_BYTES + 1):
            frame = heard[start : start + REPLY_BYTES]
            if frame[:1] == b"S" and frame[1:4].isdigit() and sum(frame[:4]) & 0xFF == frame[4]:
                return start, start + REPLY_BYTES
        return None

    def any_of_kin(self) -> Expect:
        """The same: it refuses nothing."""
        return self

    def good_only(self) -> Expect:
        """The same."""
        return self


class ToyCuff:
    """The family."""

    family = "toy_cuff"
    shape: Final = Shape.MEASURED
    framings = frozenset({Framing.STREAM})
    Options = ToyCuffOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything can be used."""
        del device
        return []

    async def measure(self, device: Device, link: LentLink, until_s: float) -> Measurement:
        """One squeeze."""
        del until_s
        asked = Transaction(request=b"M", expect=CuffReply(), decode=lambda _: ())
        reply = await link.exchange(asked, device.line or SerialLine(), device.timeout_s)
        value = int(reply.frame[1:4])
        if not 30 <= value <= 280:  # no living person has any other
            raise GarbledReply("bus.garbled", device=device.id, heard=len(reply.frame))
        return Measurement(device.id, (Sample(device.points[0], value),))


DRIVER = ToyCuff()
