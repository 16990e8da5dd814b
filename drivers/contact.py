"""Dry contacts: what a wired sensor, key or cable says, made of the readings of its input. Pure.

    reading ─► level (idle, active, wire open, wire shorted) ─► held long enough ─► Change

A plain input is closed or open, and `normally` says which of them is idle. A supervised input
measures the loop's resistance, so that a cut or shorted cable is told from an alarm.

    UNKNOWN ──► IDLE ◄──► ACTIVE ──(for `stuck_s`)──► ACTIVE, stuck
       ▲          ▲          ▲
       │          ▼          ▼
       └──── OPEN ◄──────► SHORT        any state ──(no good reading for `lost_s`)──► UNKNOWN

A change is told once, after the new level was held for `hold_s`, and it bears the instant of the
first reading that left the old level: what bounces in between does not make it younger.
"""

import enum
import math
from typing import Literal

import msgspec

from drivers.contract import Quality, Value

_S = 1_000_000_000


class Level(enum.Enum):
    """What an input says."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    ACTIVE = "active"
    # The cable of a supervised loop is cut, or the sensor was taken off.
    OPEN = "open"
    # The cable of a supervised loop is shorted.
    SHORT = "short"


class Loop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A supervised loop: resistances (or counts) that part its four levels.

    Below `short` the cable is shorted, from `open` on it is cut. Between them lie two bands, parted
    at `parted`; the upper one is idle unless `idle_below` (a normally closed contact).
    """

    short: float
    parted: float
    open: float
    idle_below: bool = False

    def __post_init__(self) -> None:
        """ValueError unless the bands lie in order."""
        if not self.short < self.parted < self.open:
            raise ValueError(self)

    def level(self, measured: float) -> Level:
        """The band in which the measured value lies."""
        if measured < self.short:
            return Level.SHORT
        if measured >= self.open:
            return Level.OPEN
        return Level.IDLE if (measured < self.parted) == self.idle_below else Level.ACTIVE


class ContactOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one input is understood.

    `stuck_s` is how long it may be active without a break (a key: seconds; a smoke sensor: never).
    """

    normally: Literal["open", "closed"] = "open"
    hold_s: float = 0.0
    lost_s: float = 10.0
    stuck_s: float = math.inf
    loop: Loop | None = None


class Contact(msgspec.Struct, frozen=True):
    """All that is remembered of one input.

    `level` is what was told last; `shown` is what readings have shown without a break since
    `since_ns`. `edge_ns` is the first reading that left `level`, `before_ns` the one before it:
    the edge lies between the two. Both are forgotten once `level` is held again.
    """

    level: Level = Level.UNKNOWN
    shown: Level = Level.UNKNOWN
    since_ns: int = 0
    edge_ns: int | None = None
    before_ns: int | None = None
    good_ns: int | None = None
    active_ns: int | None = None
    stuck: bool = False


class Change(msgspec.Struct, frozen=True):
    """An input went from one level to another at `at_ns`, and after `not_before_ns` if known.

    `stuck` is true where it did not change, and that is the news.
    """

    was: Level
    level: Level
    at_ns: int
    not_before_ns: int | None = None
    stuck: bool = False


def resumed(level: Level, at_ns: int, *, stuck: bool = False) -> Contact:
    """The contact as it was told before a restart, so that a key still held is no new press.

    Instants of before mean nothing now: how long it has been active counts from `at_ns` on.
    """
    active_ns = at_ns if level is Level.ACTIVE else None
    return Contact(level=level, since_ns=at_ns, active_ns=active_ns, stuck=stuck)


def level_of(options: ContactOptions, value: Value, quality: Quality) -> Level:
    """What one reading shows; UNKNOWN where it cannot be used."""
    if quality is not Quality.GOOD or value is None or isinstance(value, str):
        return Level.UNKNOWN
    if options.loop is not None:
        return Level.UNKNOWN if math.isnan(value) else options.loop.level(value)
    closed = bool(value)
    return Level.ACTIVE if closed == (options.normally == "open") else Level.IDLE


def step(
    contact: Contact, options: ContactOptions, value: Value, quality: Quality, at_ns: int
) -> tuple[Contact, Change | None]:
    """The contact after one reading, and what there is to tell. Instants never go back."""
    shown = level_of(options, value, quality)
    if shown is Level.UNKNOWN:
        return _lost(contact, options, at_ns)
    seen = _seen(contact, shown, at_ns)
    if at_ns - seen.since_ns < options.hold_s * _S:
        return seen, None
    if shown is not seen.level:
        return _told(seen)
    settled = msgspec.structs.replace(seen, edge_ns=None, before_ns=None)
    return _stuck(settled, options, at_ns)


def _seen(contact: Contact, shown: Level, at_ns: int) -> Contact:
    """The reading is remembered; another level than the last one begins to be held."""
    if shown is not contact.shown:
        contact = msgspec.structs.replace(contact, shown=shown, since_ns=at_ns)
    if contact.edge_ns is None and contact.level not in {shown, Level.UNKNOWN}:
        contact = msgspec.structs.replace(contact, edge_ns=at_ns, before_ns=contact.good_ns)
    return msgspec.structs.replace(contact, good_ns=at_ns)


def _told(contact: Contact) -> tuple[Contact, Change]:
    edge_ns, before_ns = contact.edge_ns, contact.before_ns
    if edge_ns is None:  # nothing was known before
        edge_ns, before_ns = contact.since_ns, None
    change = Change(contact.level, contact.shown, edge_ns, before_ns)
    told = msgspec.structs.replace(
        contact,
        level=contact.shown,
        edge_ns=None,
        before_ns=None,
        active_ns=edge_ns if contact.shown is Level.ACTIVE else None,
        stuck=False,
    )
    return told, change


def _stuck(contact: Contact, options: ContactOptions, at_ns: int) -> tuple[Contact, Change | None]:
    """Active for too long is told once; a bounce towards idle does not begin it anew."""
    since = contact.active_ns
    if since is None or contact.stuck or at_ns - since < options.stuck_s * _S:
        return contact, None
    change = Change(contact.level, contact.level, at_ns, stuck=True)
    return msgspec.structs.replace(contact, stuck=True), change


def _lost(contact: Contact, options: ContactOptions, at_ns: int) -> tuple[Contact, Change | None]:
    """A reading that cannot be used changes nothing, until there was no other one for too long."""
    since = contact.since_ns if contact.good_ns is None else contact.good_ns
    if contact.level is Level.UNKNOWN or at_ns - since < options.lost_s * _S:
        return contact, None
    return Contact(), Change(contact.level, Level.UNKNOWN, at_ns, contact.good_ns)
