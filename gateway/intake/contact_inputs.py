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

from drivers.contract import Quality, Reading, Value
from drivers.dry_contact import (
    ContactLevel,
    ContactOptions,
    ContactState,
    resume_contact,
    update_contact,
)

# Names of the inputs in a contact module's profile: `input-1` is the first.
INPUT = "input-"

# Report interval of an unchanged input.
AT_LEAST_EVERY_S = 900.0

_SAYS: dict[ContactLevel, tuple[Value, Quality]] = {
    ContactLevel.UNKNOWN: (None, Quality.STALE),
    ContactLevel.IDLE: (False, Quality.GOOD),
    ContactLevel.ACTIVE: (True, Quality.GOOD),
    ContactLevel.OPEN: ("open", Quality.SENSOR_FAULT),
    ContactLevel.SHORT: ("short", Quality.SENSOR_FAULT),
}


# Shortest press of a key.
PRESS_S = 0.1


# A push-to-talk key may be held for minutes; one held for longer is jammed.
HELD_S = 600.0


class InputDefaults(NamedTuple):
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
    "key": InputDefaults(0.0, HELD_S, PRESS_S, brief=True),
    "sos": InputDefaults(0.0, 120.0, PRESS_S, brief=True),
    "fall": InputDefaults(0.0, 60.0, brief=True),
    "throw": InputDefaults(0.0, 60.0, brief=True),
    "perimeter": InputDefaults(0.1, 3600.0),
    "fire": InputDefaults(0.5),
    "smoke": InputDefaults(0.5),
    "gas": InputDefaults(0.5),
    "e-bike": InputDefaults(0.5, 3600.0),
    "tamper": InputDefaults(0.5),
    "door": InputDefaults(0.3),
    "manhole": InputDefaults(1.0),
    "leak": InputDefaults(2.0),
    "parking": InputDefaults(2.0),
    "bin": InputDefaults(10.0),
}

# Any other kind.
OTHER = InputDefaults(0.3)


def input_defaults(kind: str) -> InputDefaults:
    return HABITS.get(kind, OTHER)


class WiredInput(msgspec.Struct, frozen=True, kw_only=True):
    """One wired sensor: the module's point that reads it, and its own settings."""

    point: str
    id: str
    place: str
    contact: ContactOptions = ContactOptions()
    at_least_every_s: float = AT_LEAST_EVERY_S


class InputMemory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of an input across restarts."""

    level: ContactLevel
    stuck: bool = False


class InputPoll(NamedTuple):
    """One poll of a module: the present readings, and the same with the instants of edges.

    `told` differs from `now` in the instant of an edge, which is that of the first reading that
    showed it; `now` always has the poll's.
    """

    now: tuple[Reading, ...]
    told: tuple[Reading, ...]
    others: tuple[Reading, ...]


# Edges of one input waiting for the journal; beyond it the oldest are dropped.
EDGES_MAX = 32


class InputReport(NamedTuple):
    """What to report of an input; with an edge, what to store of it from then on."""

    reading: Reading
    edge: bool = False
    memory: InputMemory | None = None


class ContactInput:
    """One wired sensor over time.

    A report that is `due` is `offered` to the journal, and then `stored` or `refused`; a
    refused edge is due again, before later ones.
    """

    def __init__(self, wired: WiredInput) -> None:
        self.wired = wired
        self.contact = ContactState()
        self.given_up = 0
        self._recalled = False
        self._edges: deque[InputReport] = deque()
        self._latest: Reading | None = None
        self._level_ns: int | None = None
        self._stored_ns: int | None = None

    @property
    def memory(self) -> InputMemory | None:
        """What to store across a restart; None if nothing is known."""
        level = self.contact.level
        return None if level is ContactLevel.UNKNOWN else InputMemory(level, self.contact.stuck)

    def resume(self, told: InputMemory, at_ns: int) -> None:
        """Continue after a restart.

        The stored level is not reported again before a reading has shown it: a fire panel
        that was reset meanwhile must not burn for as long as its level must hold.
        """
        self.contact = resume_contact(told.level, at_ns, stuck=told.stuck)
        self._recalled = True

    def update(self, reading: Reading) -> tuple[Reading, Reading]:
        """The present reading, and the same at the instant of the edge if this one shows it."""
        self.contact, change = update_contact(
            self.contact, self.wired.contact, reading.value, reading.quality, reading.at_ns
        )
        self._recalled &= change is None and self.contact.shown is not self.contact.level
        now = self._latest = self._says(reading)
        if change is None:
            return now, now
        edge = msgspec.structs.replace(now, at_ns=change.at_ns)
        self._owe(InputReport(edge, edge=True, memory=self.memory))
        return now, edge

    def due(self) -> tuple[InputReport, ...]:
        """What to report: edges at once, an unchanged level now and then."""
        latest = self._latest
        if self._edges or latest is None or latest.value is None:
            return tuple(self._edges)
        age_ns = math.inf if self._level_ns is None else latest.at_ns - self._level_ns
        return (InputReport(latest),) if age_ns >= self.wired.at_least_every_s * 1e9 else ()

    def offered(self, due: InputReport) -> None:
        """It is on its way: not due again unless it is refused."""
        if due.edge:
            self._edges.remove(due)
        if self._latest is not None:
            self._level_ns = self._latest.at_ns

    def stored(self, due: InputReport) -> None:
        """It is in the journal."""
        self._stored_ns = due.reading.at_ns

    def refused(self, due: InputReport) -> None:
        """It was refused, and is due again."""
        if due.edge:
            self._owe(due)
        self._level_ns = self._stored_ns

    def _owe(self, edge: InputReport) -> None:
        edges = sorted((*self._edges, edge), key=lambda each: each.reading.at_ns)
        self.given_up += max(0, len(edges) - EDGES_MAX)
        self._edges = deque(edges[-EDGES_MAX:])

    def _says(self, reading: Reading) -> Reading:
        value, quality = _SAYS[self.contact.level]
        if self._recalled:
            value, quality = _SAYS[ContactLevel.UNKNOWN]
        if reading.quality is not Quality.GOOD:
            value, quality = None, reading.quality
        elif self.contact.stuck:
            quality = Quality.SENSOR_FAULT
        return Reading(reading.device, self.wired.id, value, "1", quality, reading.at_ns)


class ContactInputs:
    """All inputs of one device; a device without any passes its readings through.

    Once anything is wired, unwired inputs of the module report nothing.
    """

    def __init__(self, wired: Sequence[WiredInput]) -> None:
        """`wired` have distinct points and ids; the settings were checked for that."""
        self.all = {each.point: ContactInput(each) for each in wired}

    def resume(self, told: Mapping[str, InputMemory], at_ns: int) -> None:
        """Continue after a restart; `told` by input id."""
        for each in self.all.values():
            if each.wired.id in told:
                each.resume(told[each.wired.id], at_ns)

    def update(self, readings: tuple[Reading, ...]) -> InputPoll:
        """One poll of the device."""
        if not self.all:
            return InputPoll(readings, readings, readings)
        others = tuple(each for each in readings if not each.point.startswith(INPUT))
        wired = [self.all[each.point].update(each) for each in readings if each.point in self.all]
        now, told = zip(*wired, strict=True) if wired else ((), ())
        return InputPoll((*others, *now), (*others, *told), others)

    def due(self) -> list[tuple[ContactInput, InputReport]]:
        """What to report now; it stays due until the input's `offered` is called."""
        return [(each, due) for each in self.all.values() for due in each.due()]

    @property
    def given_up(self) -> int:
        """Edges that waited too long for the journal."""
        return sum(each.given_up for each in self.all.values())
