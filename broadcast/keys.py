"""Keys on the wall: a press of a wired contact places the order that the settings give it.

A key speaks at the edge; a fire panel's contact as long as it is active, whatever ended before; a
key to talk by is let go as soon as nobody knows that it is held. One that has been held for so long
that its input counts as stuck is held all the same.
"""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence

from broadcast.options import KeyOptions
from drivers.contract import Quality, Reading


class Turn(enum.Enum):
    """What a key does."""

    PRESSED = "pressed"
    ACTIVE = "active"
    RETURNED = "returned"


class Keys:
    """`heard` on every poll of every device."""

    def __init__(
        self, keys: Mapping[str, KeyOptions], act: Callable[[str, KeyOptions, Turn], None]
    ) -> None:
        """`act(key, options, turn)` is called for every press, and for a fire's every poll."""
        self._act = act
        self._at: dict[tuple[str, str], list[str]] = {}
        self._keys = dict(keys)
        self._down: dict[str, bool] = {}
        for key, options in keys.items():
            device, _, point = options.input.partition(".")
            self._at.setdefault((device, point), []).append(key)
        self._devices = {device for device, _ in self._at}
        self._fires = tuple(key for key, options in keys.items() if options.fire)

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device. What is bad says nothing; the first word is no press."""
        if device not in self._devices:
            return
        for reading in readings:
            for key in self._at.get((device, reading.point), ()):
                for turn in self._heard(key, reading):
                    self._act(key, self._keys[key], turn)

    @property
    def no_fire(self) -> bool:
        """Whether every fire panel's contact is known to be reset."""
        return all(self._down.get(key) is False for key in self._fires)

    def _heard(self, key: str, reading: Reading) -> Iterator[Turn]:
        if reading.quality is Quality.GOOD and isinstance(reading.value, bool):
            yield from self._turns(key, down=reading.value)
        elif reading.quality is Quality.SENSOR_FAULT and reading.value is True:
            if self._keys[key].fire:
                yield from self._turns(key, down=True)
        elif self._keys[key].talks and self._down.pop(key, False):
            yield Turn.RETURNED

    def _turns(self, key: str, *, down: bool) -> Iterator[Turn]:
        before = self._down.get(key)
        self._down[key] = down
        if self._keys[key].fire:
            if down:
                yield Turn.ACTIVE
            elif before is not False:  # reset while nobody looked: its order may still sound
                yield Turn.RETURNED
        elif down and before is False:
            yield Turn.PRESSED
        elif before and not down and self._keys[key].talks:
            yield Turn.RETURNED
