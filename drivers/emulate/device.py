"""An emulated device that plays a profile: its values move by themselves or are set by hand.

Each polled family has an `emulated_device.py` whose `emulated_device(profile, address, …)` makes
one of its own.
"""

import abc
import importlib
import importlib.util
from typing import cast

from drivers.contract import Point, Value
from drivers.emulate.slave import Slave
from drivers.emulate.value_motion import DAY_S, load_at, motion_of
from drivers.profile import Profile
from drivers.serial_line import SerialLine

NOON_S = DAY_S / 2
_MOVES_EVERY_S = 1.0


class EmulatedDevice(abc.ABC):
    """One device of a profile. `slave` is its side of the wire; `set_value` fixes a point's value.

    `day_starts_s` is the time of day at which the emulation begins, for the load curve.
    """

    slave: Slave

    def __init__(
        self, profile: Profile, address: str, *, seed: int = 0, day_starts_s: float = NOON_S
    ) -> None:
        """Set up the points; the subclass creates its slave and calls `begin`."""
        self.profile = profile
        self.address = address
        self.points = {spec.id: spec.point() for spec in profile.point}
        points = tuple(self.points.values())
        self._motions = {point.id: motion_of(point, points, seed) for point in points}
        self._paces: dict[str, float] = {}
        self._day_starts_s = day_starts_s
        self._began_s: float | None = None
        self._moved_s = 0.0

    @property
    def unit(self) -> int | str:
        """The address as people write it."""
        return self.address

    def begin(self) -> None:
        """Show the first values."""
        for point in self.points.values():
            first = self._motions[point.id].at(0.0, load_at(self._day_starts_s), 0.0)
            self.show(point, first)

    def set_value(self, point_id: str, value: Value) -> None:
        """Fix a point's value; None lets it move again. KeyError: no such point.

        ValueError if the device cannot show the value.
        """
        point = self.points[point_id]
        if value is not None:
            self.show(point, value)
        self._motions[point_id].pinned = value

    def scale_pace(self, point_id: str, times: float) -> None:
        """Let a counter run at a multiple of its own pace. KeyError: no such point."""
        self._motions[point_id].times = times * self._paces.get(point_id, 1.0)

    def set_pace(self, point_id: str, times: float) -> None:
        """Set a counter's own pace, as a multiple of the usual one. KeyError: no such point."""
        self._motions[point_id].times = self._paces[point_id] = times

    def move(self, now_s: float) -> None:
        """Advance all values to `now_s`, at most once a second."""
        if self._began_s is None:
            self._began_s = self._moved_s = now_s
        passed_s = now_s - self._moved_s
        if 0 < passed_s < _MOVES_EVERY_S:
            return
        self._moved_s = now_s
        load = load_at(self._day_starts_s + now_s - self._began_s)
        for point in self.points.values():
            # Writable points keep their written value, unless they are set by hand.
            if point.writable is None or self._motions[point.id].pinned is not None:
                self.show(point, self._motions[point.id].at(now_s, load, passed_s))

    @abc.abstractmethod
    def show(self, point: Point, value: Value) -> None:
        """Show this value; ValueError if the device cannot, and nothing has changed."""


def choose_line(profile: Profile, line: SerialLine | None) -> SerialLine:
    """The given line settings, else the profile's, else the usual ones."""
    return line or SerialLine.parse(profile.line or str(SerialLine()))


def can_emulate(profile: Profile) -> bool:
    """True if the profile's family has an emulated device."""
    return importlib.util.find_spec(f"drivers.{profile.family}.emulated_device") is not None


def emulate_device(
    profile: Profile,
    address: str,
    *,
    name: str = "",
    line: SerialLine | None = None,
    seed: int = 0,
    day_starts_s: float = NOON_S,
) -> EmulatedDevice:
    """A device of that profile at that address; by default with the profile's line settings."""
    module = importlib.import_module(f"drivers.{profile.family}.emulated_device")
    played = module.emulated_device(
        profile, address, name=name, line=line, seed=seed, day_starts_s=day_starts_s
    )
    return cast(EmulatedDevice, played)
