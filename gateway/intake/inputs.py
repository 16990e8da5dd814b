"""What is wired to a contact module: each input is a sensor of its own, with kind, id and place.

    reading of input-3 ─► drivers.contact.step ─► what the sensor says: at rest, active, cable cut

A module's polls come in, and what its inputs say goes out: now, and the edges. Debounce, inversion
and the supervised cable are the contact's (`drivers/contact.py`); nothing here knows the journal,
and time comes with the readings.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from drivers.contact import Contact, ContactOptions, Level, resumed, step
from drivers.contract import Quality, Reading, Value

# How the inputs of a contact module's profile are called: `input-1` is the first.
INPUT = "input-"

# How often an input that does not change is reported all the same.
AT_LEAST_EVERY_S = 900.0

_SAYS: dict[Level, tuple[Value, Quality]] = {
    Level.UNKNOWN: (None, Quality.STALE),
    Level.IDLE: (False, Quality.GOOD),
    Level.ACTIVE: (True, Quality.GOOD),
    Level.OPEN: ("open", Quality.SENSOR_FAULT),
    Level.SHORT: ("short", Quality.SENSOR_FAULT),
}


# A hurried press of a key is no shorter.
PRESS_S = 0.1


# Somebody may hold a key to talk by for minutes; one that was held for longer is jammed.
HELD_S = 600.0


class Habit(NamedTuple):
    """How a kind of sensor behaves: how long a level must hold, and how long it may be active.

    `every_s`: what is pressed and let go must be read so often, or a press is missed. `brief`: each
    time counts, however short it was, whatever delay a ready rule has.
    """

    hold_s: float
    stuck_s: float | None = None
    every_s: float | None = None
    brief: bool = False


# A finger is brief and is believed at once; water splashes, and a car turns in a parking space.
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
    """How that kind of sensor behaves."""
    return HABITS.get(kind, OTHER)


class Wired(msgspec.Struct, frozen=True, kw_only=True):
    """One wired sensor: the module's point that reads it, and everything that is its own."""

    point: str
    id: str
    place: str
    contact: ContactOptions = ContactOptions()
    at_least_every_s: float = AT_LEAST_EVERY_S


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of an input over a restart."""

    level: Level
    stuck: bool = False


class Said(NamedTuple):
    """One poll of a module: what it says now, and the same for whoever acts on it.

    `told` differs from `now` in the instant of an edge, which is that of the first reading that
    showed it; `now` always bears the poll's.
    """

    now: tuple[Reading, ...]
    told: tuple[Reading, ...]
    others: tuple[Reading, ...]


# Edges of one input that wait for the journal; beyond it the oldest are given up.
EDGES_MAX = 32


class Due(NamedTuple):
    """What is to be reported of an input; with an edge, what is to be recalled of it from then."""

    reading: Reading
    edge: bool = False
    memory: Told | None = None


class Input:
    """One wired sensor over time.

    What is `due` is `offered` to the journal, which then has it `stored` or `refused`; a refused
    edge is due again, before those that came after it.
    """

    def __init__(self, wired: Wired) -> None:
        """Nothing is known of it yet."""
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
        """What is to outlive a restart; None if nothing is known."""
        level = self.contact.level
        return None if level is Level.UNKNOWN else Told(level, self.contact.stuck)

    def resume(self, told: Told, at_ns: int) -> None:
        """Go on where a restart interrupted.

        What was told then is not said again before a reading has shown it: a fire panel that was
        reset meanwhile is not burning for as long as its level must hold.
        """
        self.contact = resumed(told.level, at_ns, stuck=told.stuck)
        self._recalled = True

    def take(self, reading: Reading) -> tuple[Reading, Reading]:
        """What the input says now; and the same, at the instant of the edge if this tells one."""
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
        """What is to be reported: edges at once, an unchanged level now and then."""
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
        """It is not, and is due again."""
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
    """All that is wired to one device; a device without any passes its readings through.

    Inputs of the module to which nothing is wired say nothing, once anything is wired at all.
    """

    def __init__(self, wired: Sequence[Wired]) -> None:
        """`wired` have different points and ids, which whoever reads the settings has seen to."""
        self.all = {each.point: Input(each) for each in wired}

    def resume(self, told: Mapping[str, Told], at_ns: int) -> None:
        """Go on where a restart interrupted; `told` by the inputs' ids."""
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
        """What is to be reported now; it stays due until the input's `offered` is called."""
        return [(each, due) for each in self.all.values() for due in each.due()]

    @property
    def given_up(self) -> int:
        """Edges that waited too long for the journal."""
        return sum(each.given_up for each in self.all.values())
