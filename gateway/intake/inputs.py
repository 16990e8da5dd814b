"""The inputs of a contact module: each is a sensor of its own, with kind, id and place.

    reading of input-3 ─► drivers.dry_contact.step ─► at rest, active, cable cut

Polls of a module come in; current levels and edges go out. Debouncing, inversion and the supervised
cable belong to the contact (`drivers/dry_contact.py`). Nothing here knows the journal, and time
comes with the readings.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from drivers.contact import Contact, ContactOptions, Level, resumed, step
from drivers.contract import Quality, Reading, Value

# Names of the inputs in a contact module's profile: `input-1` is the first.
INPUT = "input-"

# Report interval of an unchanged input.
AT_LEAST_EVERY_S = 900.0

_SAYS: dict[Level, tuple[Value, Quality]] = {
    Level.UNKNOWN: (None, Quality.STALE),
    Level.IDLE: (False, Quality.GOOD),
    Level.ACTIVE: (True, Quality.GOOD),
    Level.OPEN: ("open", Quality.SENSOR_FAULT),
    Level.SHORT: ("short", Quality.SENSOR_FAULT),
}


# Shortest press of a key.
PRESS_S = 0.1


# A push-to-talk key may be held for minutes; one held for longer is jammed.
HELD_S = 600.0


class Habit(NamedTuple):
    """Defaults of a kind of sensor: how long a level must hold, how long it may be active.

    `every_s`: keys must be polled this often, or a press is missed. `brief`: every activation
    counts, however short, whatever delay a rule template has.
    """

    hold_s: float
    stuck_s: float | None = None
    every_s: float | None = None
    brief: bool = False


# A press is brief and counts at once; water splashes, and a car turns in a parking space.
HABITS = {
    "key": Habit(0.0, HELD_S, PRESS_S, brief=True),
    "sos": Habit(0.0, 120.0, PRESS_S, brief=True),
    "fall": Habit(0.0, 60.0, brief=True),
    "throw": Habit(0.0, 60.0, brief=True),
    "perimeter": Habit(0.1, 3600.0),
    "fire": Habit(0.5),
    "smoke": Habit(0.5),
    "gas": Habit(0.5),
    "e-bike": Habit(0.5, 3600.0),
    "tamper": Habit(0.5),
    "door": Habit(0.3),
    "manhole": Habit(1.0),
    "leak": Habit(2.0),
    "parking": Habit(2.0),
    "bin": Habit(10.0),
}

# Any other kind.
OTHER = Habit(0.3)


def habit(kind: str) -> Habit:
    return HABITS.get(kind, OTHER)


class Wired(msgspec.Struct, frozen=True, kw_only=True):
    """One wired sensor: the module's point that reads it, and its own settings."""

    point: str
    id: str
    place: str
    contact: ContactOptions = ContactOptions()
    at_least_every_s: float = AT_LEAST_EVERY_S


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of an input across restarts."""

    level: Level
    stuck: bool = False


class Said(NamedTuple):
    """One poll of a module: the present readings, and the same with the instants of edges.

    `told` differs from `now` in the instant of an edge, which is that of the first reading that
    showed it; `now` always has the poll's.
    """

    now: tuple[Reading, ...]
    told: tuple[Reading, ...]
    others: tuple[Reading, ...]


# Edges of one input waiting for the journal; beyond it the oldest are dropped.
EDGES_MAX = 32


class Due(NamedTuple):
    """What to report of an input; with an edge, what to store of it from then on."""

    reading: Reading
    edge: bool = False
    memory: Told | None = None


class Input:
    """One wired sensor over time.

    A report that is `due` is `offered` to the journal, and then `stored` or `refused`; a
    refused edge is due again, before later ones.
    """

    def __init__(self, wired: Wired) -> None:
        self.wired = wired
        self.contact = Contact()
        self.given_up = 0
        self._recalled = False
        self._edges: deque[Due] = deque()
        self._latest: Reading | None = None
        self._level_ns: int | None = None
        self._stored_ns: int | None = None

    @property
    def memory(self) -> Told | None:
        """What to store across a restart; None if nothing is known."""
        level = self.contact.level
        return None if level is Level.UNKNOWN else Told(level, self.contact.stuck)

    def resume(self, told: Told, at_ns: int) -> None:
        """Continue after a restart.

        The stored level is not reported again before a reading has shown it: a fire panel
        that was reset meanwhile must not burn for as long as its level must hold.
        """
        self.contact = resumed(told.level, at_ns, stuck=told.stuck)
        self._recalled = True

    def take(self, reading: Reading) -> tuple[Reading, Reading]:
        """The present reading, and the same at the instant of the edge if this one shows it."""
        self.contact, change = step(
            self.contact, self.wired.contact, reading.value, reading.quality, reading.at_ns
        )
        self._recalled &= change is None and self.contact.shown is not self.contact.level
        now = self._latest = self._says(reading)
        if change is None:
            return now, now
        edge = msgspec.structs.replace(now, at_ns=change.at_ns)
        self._owe(Due(edge, edge=True, memory=self.memory))
        return now, edge

    def due(self) -> tuple[Due, ...]:
        """What to report: edges at once, an unchanged level now and then."""
        latest = self._latest
        if self._edges or latest is None or latest.value is None:
            return tuple(self._edges)
        age_ns = math.inf if self._level_ns is None else latest.at_ns - self._level_ns
        return (Due(latest),) if age_ns >= self.wired.at_least_every_s * 1e9 else ()

    def offered(self, due: Due) -> None:
        """It is on its way: not due again unless it is refused."""
        if due.edge:
            self._edges.remove(due)
        if self._latest is not None:
            self._level_ns = self._latest.at_ns

    def stored(self, due: Due) -> None:
        """It is in the journal."""
        self._stored_ns = due.reading.at_ns

    def refused(self, due: Due) -> None:
        """It was refused, and is due again."""
        if due.edge:
            self._owe(due)
        self._level_ns = self._stored_ns

    def _owe(self, edge: Due) -> None:
        edges = sorted((*self._edges, edge), key=lambda each: each.reading.at_ns)
        self.given_up += max(0, len(edges) - EDGES_MAX)
        self._edges = deque(edges[-EDGES_MAX:])

    def _says(self, reading: Reading) -> Reading:
        value, quality = _SAYS[self.contact.level]
        if self._recalled:
            value, quality = _SAYS[Level.UNKNOWN]
        if reading.quality is not Quality.GOOD:
            value, quality = None, reading.quality
        elif self.contact.stuck:
            quality = Quality.SENSOR_FAULT
        return Reading(reading.device, self.wired.id, value, "1", quality, reading.at_ns)


class Inputs:
    """All inputs of one device; a device without any passes its readings through.

    Once anything is wired, unwired inputs of the module report nothing.
    """

    def __init__(self, wired: Sequence[Wired]) -> None:
        """`wired` have distinct points and ids; the settings were checked for that."""
        self.all = {each.point: Input(each) for each in wired}

    def resume(self, told: Mapping[str, Told], at_ns: int) -> None:
        """Continue after a restart; `told` by input id."""
        for each in self.all.values():
            if each.wired.id in told:
                each.resume(told[each.wired.id], at_ns)

    def take(self, readings: tuple[Reading, ...]) -> Said:
        """One poll of the device."""
        if not self.all:
            return Said(readings, readings, readings)
        others = tuple(each for each in readings if not each.point.startswith(INPUT))
        wired = [self.all[each.point].take(each) for each in readings if each.point in self.all]
        now, told = zip(*wired, strict=True) if wired else ((), ())
        return Said((*others, *now), (*others, *told), others)

    def due(self) -> list[tuple[Input, Due]]:
        """What to report now; it stays due until the input's `offered` is called."""
        return [(each, due) for each in self.all.values() for due in each.due()]

    @property
    def given_up(self) -> int:
        """Edges that waited too long for the journal."""
        return sum(each.given_up for each in self.all.values())
