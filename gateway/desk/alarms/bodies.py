"""What a form or a program hands over with an act on an alarm."""

from typing import Annotated

import msgspec

from gateway.rules.alarms import SHELF_S_MAX

HOUR_S = 3600
NOTE_CHARS_MAX = 200

# Nothing at all is refused by the alarms, which know why.
ShelfHours = Annotated[
    float, msgspec.Meta(ge=0, le=SHELF_S_MAX / HOUR_S, extra_json_schema={"exclusiveMinimum": 0})
]

MaintenanceHours = Annotated[float, msgspec.Meta(ge=0, le=SHELF_S_MAX / HOUR_S)]
NoteText = Annotated[str, msgspec.Meta(max_length=NOTE_CHARS_MAX)]


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more needs to be said."""


class ShelveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long; a critical alarm wants a `note` that says why."""

    hours: ShelfHours
    note: NoteText = ""


class VerdictBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it was: real, or a false alarm."""

    real: bool


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to write beside it; empty takes the note away."""

    text: NoteText


class MaintenanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is worked on, and for how long; 0 hours ends it."""

    scope: str
    hours: MaintenanceHours
