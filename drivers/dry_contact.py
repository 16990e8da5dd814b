"""Dry contacts: the state of a wired sensor, key or cable, from the readings of its input. Pure.

    reading ─► level (idle, active, wire open, wire shorted) ─► held long enough ─► change

A plain input is closed or open, and `normally` says which of them is idle. A supervised input
measures the resistance of its loop, which distinguishes a cut or shorted cable from an alarm.

    UNKNOWN ──► IDLE ◄──► ACTIVE ──(for `stuck_s`)──► ACTIVE, stuck
       ▲          ▲          ▲
       │          ▼          ▼
       └──── OPEN ◄──────► SHORT        any state ──(no good reading for `lost_s`)──► UNKNOWN

A change is reported once the new level was held for `hold_s`, with the instant of the first reading
that left the old level: bouncing in between does not move that instant.
"""

import enum
import math
from typing import Literal

import msgspec

from drivers.contract import Quality, Value

_S = 1_000_000_000


class ContactLevel(enum.Enum):
    UNKNOWN = "unknown"
    IDLE = "idle"
    ACTIVE = "active"
    # The cable of a supervised loop is cut, or the sensor was removed.
    OPEN = "open"
    # The cable of a supervised loop is shorted.
    SHORT = "short"


class SupervisedLoop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A supervised loop: the resistances (or counts) that separate its four levels.

    Below `short` the cable is shorted, from `open` on it is cut. The two bands between them meet at
    `parted`; the upper one is idle unless `idle_below` (a normally closed contact).
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
        """The band of the measured value."""
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
    """How an input is interpreted.

    `stuck_s` is the longest it may be active continuously (a key: seconds; a smoke sensor:
    unlimited).
    """

    normally: Literal["open", "closed"] = "open"
    hold_s: float = 0.0
    lost_s: float = 10.0
    stuck_s: float = math.inf
    loop: SupervisedLoop | None = None


class ContactState(msgspec.Struct, frozen=True):
    """Everything remembered of one input.

    `level` was reported last; `shown` is what the readings have shown continuously since
    `since_ns`. `edge_ns` is the first reading that left `level`, `before_ns` the one before it: the
    edge lies between the two. Both are cleared when `level` is held again.
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
    """An input changed its level at `at_ns`, and after `not_before_ns` if that is known.

    With `stuck` the level is the same, and the news is that it has been active for too long.
    """

    was: ContactLevel
    level: ContactLevel
    at_ns: int
    not_before_ns: int | None = None
    stuck: bool = False


def resume_contact(level: ContactLevel, at_ns: int, *, stuck: bool = False) -> ContactState:
    """The contact as reported before a restart, so that a key still held is no new press.

    Earlier instants are meaningless now: its active time counts from `at_ns` on.
    """
    active_ns = at_ns if level is ContactLevel.ACTIVE else None
    return ContactState(level=level, since_ns=at_ns, active_ns=active_ns, stuck=stuck)


def level_of(options: ContactOptions, value: Value, quality: Quality) -> ContactLevel:
    """The level of one reading; UNKNOWN if it cannot be used."""
    if quality is not Quality.GOOD or value is None or isinstance(value, str):
        return ContactLevel.UNKNOWN
    if options.loop is not None:
        return ContactLevel.UNKNOWN if math.isnan(value) else options.loop.level(value)
    closed = bool(value)
    return ContactLevel.ACTIVE if closed == (options.normally == "open") else ContactLevel.IDLE


def update_contact(
    contact: ContactState, options: ContactOptions, value: Value, quality: Quality, at_ns: int
) -> tuple[ContactState, ContactChange | None]:
    """The contact after one reading, and the changes to report. Instants never decrease."""
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
    """Remember the reading; a new level begins to be held."""
    if shown is not contact.shown:
        contact = msgspec.structs.replace(contact, shown=shown, since_ns=at_ns)
    if contact.edge_ns is None and contact.level not in {shown, ContactLevel.UNKNOWN}:
        contact = msgspec.structs.replace(contact, edge_ns=at_ns, before_ns=contact.good_ns)
    return msgspec.structs.replace(contact, good_ns=at_ns)


def _told(contact: ContactState) -> tuple[ContactState, ContactChange]:
    edge_ns, before_ns = contact.edge_ns, contact.before_ns
    if edge_ns is None:  # the level was unknown before
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
    """Report once that it was active too long; a bounce to idle does not restart the time."""
    since = contact.active_ns
    if since is None or contact.stuck or at_ns - since < options.stuck_s * _S:
        return contact, None
    change = ContactChange(contact.level, contact.level, at_ns, stuck=True)
    return msgspec.structs.replace(contact, stuck=True), change


def _lost(
    contact: ContactState, options: ContactOptions, at_ns: int
) -> tuple[ContactState, ContactChange | None]:
    """An unusable reading changes nothing until there was no usable one for too long."""
    since = contact.since_ns if contact.good_ns is None else contact.good_ns
    if contact.level is ContactLevel.UNKNOWN or at_ns - since < options.lost_s * _S:
        return contact, None
    return ContactState(), ContactChange(
        contact.level, ContactLevel.UNKNOWN, at_ns, contact.good_ns
    )
