"""A toy that acts: a sign that shows a text, `T`, its length, the text, the sum of it all.

Asked `?`, it answers `!`, whether it shows the last text (`1` yes, `0` no, `-` not yet), its number
of dead lamps, and their sum.
"""

from collections.abc import Hashable, Sequence
from typing import Final

import msgspec

from drivers.contract import Device, FieldError, NotWritable, Point, Sample, Value
from drivers.family import ActionPlan, Expect, Framing, Shape, Transaction

ANSWER_BYTES = 4
TEXT_MAX = 60
_SHOWN = {ord("1"): True, ord("0"): False, ord("-"): None}


class ToySignOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`silent = true`: a cheap one, which never answers."""

    silent: bool = False


class SignStatus:
    """`!`, a word, a count, the sum of them."""

    kin: Hashable = "toy-sign"
    limit = 64

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where it stands."""
        del final
        for start in range(len(heard) - ANSWER_BYTES + 1):
            frame = heard[start : start + ANSWER_BYTES]
            if frame[:1] == b"!" and frame[1] in _SHOWN and sum(frame[:3]) & 0xFF == frame[3]:
                return start, start + ANSWER_BYTES
        return None

    def any_of_kin(self) -> Expect:
        """The same: it refuses nothing."""
        return self

    def good_only(self) -> Expect:
        """The same."""
        return self


class ToySign:
    """The family."""

    family = "toy_sign"
    shape: Final = Shape.ACTING
    framings = frozenset({Framing.STREAM})
    Options = ToySignOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """Everything can be used."""
        del device
        return []

    def act(self, device: Device, action: Point, value: Value) -> ActionPlan:
        """Show a text."""
        text = value.encode("gb18030") if isinstance(value, str) else b""
        if action.writable is None or not 0 < len(text) <= TEXT_MAX:
            raise NotWritable("bus.no-point", device=device.id, point=action.id)
        begun = b"T" + bytes([len(text)]) + text
        show = Transaction(
            request=begun + bytes([sum(begun) & 0xFF]), expect=None, decode=lambda _: ()
        )
        options = device.options or ToySignOptions()
        confirm = None if options.silent else self._ask(action, 1)
        return ActionPlan(send=(show,), confirm=confirm)

    def status(self, device: Device) -> tuple[Transaction, ...]:
        """Its dead lamps."""
        options = device.options or ToySignOptions()
        lamps = next((point for point in device.points if point.writable is None), None)
        return () if options.silent or lamps is None else (self._ask(lamps, 2),)

    def _ask(self, point: Point, at: int) -> Transaction:
        def decode(frame: bytes) -> list[Sample]:
            return [Sample(point, _SHOWN[frame[1]] if at == 1 else frame[2])]

        return Transaction(request=b"?", expect=SignStatus(), decode=decode, points=(point,))


DRIVER = ToySign()
