"""The bodies of forms and API requests for alarms."""

from typing import Annotated

import msgspec

from gateway.rules.alarms import SHELF_S_MAX

HOUR_S = 3600
NOTE_CHARS_MAX = 200

# A missing duration is refused by the alarms, with the reason.
ShelfHours = Annotated[
    float, msgspec.Meta(ge=0, le=SHELF_S_MAX / HOUR_S, extra_json_schema={"exclusiveMinimum": 0})
]

MaintenanceHours = Annotated[float, msgspec.Meta(ge=0, le=SHELF_S_MAX / HOUR_S)]
NoteText = Annotated[str, msgspec.Meta(max_length=NOTE_CHARS_MAX)]


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No data."""


class ShelveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The duration; a critical alarm needs a `note` that says why."""

    hours: ShelfHours
    note: NoteText = ""


class VerdictBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it was real or a false alarm."""

    real: bool


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note to attach; an empty one removes it."""

    text: NoteText


class MaintenanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scope of maintenance and its duration; 0 hours ends it."""

    scope: str
    hours: MaintenanceHours
