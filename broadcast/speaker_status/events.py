"""The kinds of event about loudspeakers."""

from typing import Any

import msgspec

from gateway.event import Audience, Kind, Lane


class Tested(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a loudspeaker has last shown: the rung that it reached, or a fault's code."""

    rung: str = "unknown"
    code: str | None = None
    detail: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True):
    """The daily test of all loudspeakers: what each showed, and how many do not work."""

    speakers: dict[str, Tested]
    faults: int


class Changed(msgspec.Struct, frozen=True):
    """One loudspeaker stopped working, or works again."""

    speaker: str
    now: Tested


TESTED = Kind("speaker", "tested", Lane.SERVICE, Report, Audience.ALL)
FAULT = Kind("speaker", "fault", Lane.SERVICE, Changed, Audience.ALL)
WELL = Kind("speaker", "well", Lane.SERVICE, Changed, Audience.ALL)
KINDS = (TESTED, FAULT, WELL)
