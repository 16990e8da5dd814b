"""An emulated meter: a profile's registers, with values that move and can be set by hand."""

from collections.abc import Iterable, Iterator

from drivers.bus.line import Line
from drivers.contract import Point, Value
from drivers.emulate.encode import words
from drivers.emulate.image import Image
from drivers.emulate.motion import DAY_S, load_at, motion_of
from drivers.modbus.emulator import ModbusSlave
from drivers.profile import Profile

NOON_S = DAY_S / 2
_MOVES_EVERY_S = 1.0
_GAP_WORDS_MAX = 64
"""Meters lay their registers out in blocks; a longer gap separates two."""

_BIT_TABLES = frozenset({"coil", "discrete"})


class Meter:
    """One device of a profile. `slave` is what goes on a wire; `set` pins a point's value.

    `day_starts_s` is the time of day at which the emulation begins, for the load curve.
    """

    def __init__(
        self,
        profile: Profile,
        unit: int,
        *,
        name: str = "",
        line: Line | None = None,
        seed: int = 0,
        day_starts_s: float = NOON_S,
        turnaround_s: float = 0.01,
    ) -> None:
        """Power it up at address `unit`; the profile's line settings unless others are given."""
        self.profile = profile
        self.points = {spec.id: spec.point() for spec in profile.point}
        points = tuple(self.points.values())
        self._motions = {point.id: motion_of(point, points, seed + unit) for point in points}
        self._day_starts_s = day_starts_s
        self._began_s: float | None = None
        self._moved_s = 0.0
        image = Image(writable=_writable(points), max_block=profile.limits.max_block)
        for table, addresses in _gaps(points, profile.limits.unreadable):
            image.put(table, addresses.start, [0] * len(addresses))
        self.slave = ModbusSlave(
            unit,
            image,
            line or Line.parse(profile.line or str(Line())),
            name=name or profile.id,
            refresh=self.move,
            turnaround_s=turnaround_s,
        )
        for point in points:
            self._show(point, self._motions[point.id].at(0.0, load_at(day_starts_s), 0.0))

    def set(self, point_id: str, value: Value) -> None:
        """Let a point show this from now on; None lets it move again. KeyError: no such point.

        ValueError if the device could not show the value.
        """
        point = self.points[point_id]
        if value is not None:
            words(point, value)
        self._motions[point_id].pinned = value
        if value is not None:
            self._show(point, value)

    def move(self, now_s: float) -> None:
        """Bring every value to the time `now_s`, at most once a second."""
        if self._began_s is None:
            self._began_s = self._moved_s = now_s
        passed_s = now_s - self._moved_s
        if 0 < passed_s < _MOVES_EVERY_S:
            return
        self._moved_s = now_s
        load = load_at(self._day_starts_s + now_s - self._began_s)
        for point in self.points.values():
            # What the master may write stays as it was written, unless it is set by hand.
            if point.writable is None or self._motions[point.id].pinned is not None:
                self._show(point, self._motions[point.id].at(now_s, load, passed_s))

    def _show(self, point: Point, value: Value) -> None:
        image, address = self.slave.image, int(point.address)
        if point.kind in _BIT_TABLES:
            image.put(point.kind, address, [int(bool(value))])
        elif point.type in {"bits", "bool"}:
            size = 1 if point.type == "bool" else point.size or 1
            mask = ((1 << size) - 1) << (point.bit or 0)
            before = image.read(point.kind, address, 1) or [0]
            image.put(point.kind, address, [before[0] & ~mask | words(point, value)[0] & mask])
        else:
            image.put(point.kind, address, words(point, value))


def _gaps(
    points: Iterable[Point], unreadable: Iterable[tuple[str, int, int]]
) -> Iterator[tuple[str, range]]:
    """What lies between the points: most meters answer 0 there, unless the profile says no."""
    forbidden = {(table, at) for table, first, last in unreadable for at in range(first, last + 1)}
    ends: dict[str, int] = {}
    for point in sorted(points, key=lambda point: (point.kind, int(point.address))):
        begin, end = int(point.address), ends.get(point.kind)
        if end is not None and begin - end <= _GAP_WORDS_MAX:
            readable = [at for at in range(end, begin) if (point.kind, at) not in forbidden]
            yield from ((point.kind, range(at, at + 1)) for at in readable)
        width = 1 if point.kind in _BIT_TABLES else _width(point)
        ends[point.kind] = max(end or 0, begin + width)


def _writable(points: Iterable[Point]) -> list[tuple[str, int]]:
    return [
        (point.kind, int(point.address) + offset)
        for point in points
        if point.writable is not None
        for offset in range(1 if point.kind in _BIT_TABLES else _width(point))
    ]


def _width(point: Point) -> int:
    return len(words(point, "" if point.type == "string" else 0))
