"""The kinds of event about loudspeakers."""

from typing import Any

import msgspec

from gateway.event import Audience, EventKind, Lane


class SpeakerTestResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last known state of a loudspeaker: the level of proof, or a fault's code."""

    rung: str = "unknown"
    code: str | None = None
    detail: dict[str, Any] = {}


class SelfTestReportData(msgspec.Struct, frozen=True):
    """The daily test of all loudspeakers: the result of each, and how many do not work."""

    speakers: dict[str, SpeakerTestResult]
    faults: int


class SpeakerChangedData(msgspec.Struct, frozen=True):
    """A loudspeaker stopped working, or works again."""

    speaker: str
    now: SpeakerTestResult


TESTED = EventKind("speaker", "tested", Lane.SERVICE, SelfTestReportData, Audience.ALL)
FAULT = EventKind("speaker", "fault", Lane.SERVICE, SpeakerChangedData, Audience.ALL)
WELL = EventKind("speaker", "well", Lane.SERVICE, SpeakerChangedData, Audience.ALL)
KINDS = (TESTED, FAULT, WELL)
