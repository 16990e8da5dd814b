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


class ContactLevel(enum.Enum):
    """What an input says."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    ACTIVE = "active"
    # The cable of a supervised loop is cut, or the sensor was taken off.
    OPEN = "open"
    # The cable of a supervised loop is shorted.
    SHORT = "short"


class SupervisedLoop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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

    def level(self, measured: float) -> ContactLevel:
        """The band in which the measured value lies."""
        if measured < self.short:
            return ContactLevel.SHORT
        if measured >= self.open:
            return ContactLevel.OPEN
        return (
            ContactLevel.IDLE
            if (measured < self.parted) == self.idle_below
            else ContactLevel.ACTIVE
        )


class ContactOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one input is understood.

    `stuck_s` is how long it may be active without a break (a key: seconds; a smoke sensor: never).
    """

    normally: Literal["open", "closed"] = "open"
    hold_s: float = 0.0
    lost_s: float = 10.0
    stuck_s: float = math.inf
    loop: SupervisedLoop | None = None


class ContactState(msgspec.Struct, frozen=True):
    """All that is remembered of one input.

    `level` is what was told last; `shown` is what readings have shown without a break since
    `since_ns`. `edge_ns` is the first reading that left `level`, `before_ns` the one before it:
    the edge lies between the two. Both are forgotten once `level` is held again.
    """

    level: ContactLevel = ContactLevel.UNKNOWN
    shown: ContactLevel = ContactLevel.UNKNOWN
    since_ns: int = 0
    edge_ns: int | None = None
    before_ns: int | None = None
    good_ns: int | None = None
    active_ns: int | None = None
    stuck: bool = False


class ContactChange(msgspec.Struct, frozen=True):
    """An input went from one level to another at `at_ns`, and after `not_before_ns` if known.

    `stuck` is true where it did not change, and that is the news.
    """

    was: ContactLevel
    level: ContactLevel
    at_ns: int
    not_before_ns: int | None = None
    stuck: bool = False


def resume_contact(level: ContactLevel, at_ns: int, *, stuck: bool = False) -> ContactState:
    """The contact as it was told before a restart, so that a key still held is no new press.

    Instants of before mean nothing now: how long it has been active counts from `at_ns` on.
    """
    active_ns = at_ns if level is ContactLevel.ACTIVE else None
    return ContactState(level=level, since_ns=at_ns, active_ns=active_ns, stuck=stuck)


def level_of(options: ContactOptions, value: Value, quality: Quality) -> ContactLevel:
    """What one reading shows; UNKNOWN where it cannot be used."""
    if quality is not Quality.GOOD or value is None or isinstance(value, str):
        return ContactLevel.UNKNOWN
    if options.loop is not None:
        return ContactLevel.UNKNOWN if math.isnan(value) else options.loop.level(value)
    closed = bool(value)
    return ContactLevel.ACTIVE if closed == (options.normally == "open") else ContactLevel.IDLE


def update_contact(
    contact: ContactState, options: ContactOptions, value: Value, quality: Quality, at_ns: int
) -> tuple[ContactState, ContactChange | None]:
    """The contact after one reading, and what there is to tell. Instants never go back."""
    shown = level_of(options, value, quality)
    if shown is ContactLevel.UNKNOWN:
        return _lost(contact, options, at_ns)
    seen = _seen(contact, shown, at_ns)
    if at_ns - seen.since_ns < options.hold_s * _S:
        return seen, None
    if shown is not seen.level:
        return _told(seen)
    settled = msgspec.structs.replace(seen, edge_ns=None, before_ns=None)
    return _stuck(settled, options, at_ns)


def _seen(contact: ContactState, shown: ContactLevel, at_ns: int) -> ContactState:
    """The reading is remembered; another level than the last one begins to be held."""
    if shown is not contact.shown:
        contact = msgspec.structs.replace(contact, shown=shown, since_ns=at_ns)
    if contact.edge_ns is None and contact.level not in {shown, ContactLevel.UNKNOWN}:
        contact = msgspec.structs.replace(contact, edge_ns=at_ns, before_ns=contact.good_ns)
    return msgspec.structs.replace(contact, good_ns=at_ns)


def _told(contact: ContactState) -> tuple[ContactState, ContactChange]:
    edge_ns, before_ns = contact.edge_ns, contact.before_ns
    if edge_ns is None:  # nothing was known before
        edge_ns, before_ns = contact.since_ns, None
    change = ContactChange(contact.level, contact.shown, edge_ns, before_ns)
    told = msgspec.structs.replace(
        contact,
        level=contact.shown,
        edge_ns=None,
        before_ns=None,
        active_ns=edge_ns if contact.shown is ContactLevel.ACTIVE else None,
        stuck=False,
    )
    return told, change


def _stuck(
    contact: ContactState, options: ContactOptions, at_ns: int
) -> tuple[ContactState, ContactChange | None]:
    """Active for too long is told once; a bounce towards idle does not begin it anew."""
    since = contact.active_ns
    if since is None or contact.stuck or at_ns - since < options.stuck_s * _S:
        return contact, None
    change = ContactChange(contact.level, contact.level, at_ns, stuck=True)
    return msgspec.structs.replace(contact, stuck=True), change


def _lost(
    contact: ContactState, options: ContactOptions, at_ns: int
) -> tuple[ContactState, ContactChange | None]:
    """A reading that cannot be used changes nothing, until there was no other one for too long."""
    since = contact.since_ns if contact.good_ns is None else contact.good_ns
    if contact.level is ContactLevel.UNKNOWN or at_ns - since < options.lost_s * _S:
        return contact, None
    return ContactState(), ContactChange(
        contact.level, ContactLevel.UNKNOWN, at_ns, contact.good_ns
    )
