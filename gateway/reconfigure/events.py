"""The kind of event that a change of the settings makes."""

import msgspec

from gateway.event import Audience, Event, EventKind, Lane, Timestamps
from gateway.reconfigure.records import ChangeRecord


class SettingsChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """Change `number` was kept, rolled back, or found; `codes` say why it was rolled back.

    `at` is when it ended, which may be before the event if the journal was not available.
    """

    number: int
    digest: str
    state: str
    who: str
    why: str = ""
    at: str | None = None
    codes: tuple[str, ...] = ()


CHANGED = EventKind("settings", "changed", Lane.SERVICE, SettingsChanged, Audience.INSTALL)
KINDS = (CHANGED,)


def change_event(record: ChangeRecord, stamps: Timestamps) -> Event:
    """The event of a record of the history."""
    codes = tuple(dict.fromkeys(trouble.code for trouble in record.troubles))
    return Event(
        kind=CHANGED,
        source="settings",
        stamps=stamps,
        data=SettingsChanged(
            record.number,
            record.digest,
            record.state,
            record.who,
            record.why,
            record.at,
            codes,
        ),
        correlation=record.ref or None,
    )
