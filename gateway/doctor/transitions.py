"""Reports faults to the platform: one event on loss and one on return, also across restarts.

What was reported is kept in the journal's state and changes in the same commit as the event. A
change counts when two looks in a row agree: a passing fault is not reported.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.clock import Clock
from gateway.doctor.events import HEALTH, HealthEventData
from gateway.doctor.model.finding import Finding, FindingLevel
from gateway.event import Event
from gateway.journal import Journal, StateChange, load_state
from gateway.journal.stored_state import json_decoder

ROOM, KEY = "doctor", "told"
MENDED = "doctor.mended"

# Limit of open faults at the platform; further ones are reported as others close.
OPEN_MAX = 500


class OpenFinding(msgspec.Struct, frozen=True):
    """A fault that the platform knows."""

    check: str
    subject: str
    level: FindingLevel


# What the platform knows to be wrong, by the finding's key.
OpenFindings = Mapping[str, OpenFinding]


def unreported_changes(
    known: OpenFindings, findings: Sequence[Finding]
) -> dict[str, HealthEventData]:
    """What the platform does not know yet, by key. Pure.

    What is no longer found is mended, unless its check could not look this time.
    """
    blind = {finding.check for finding in findings if finding.level is FindingLevel.UNSEEN}
    seen = {
        finding.key: finding for finding in findings if finding.level is not FindingLevel.UNSEEN
    }
    news = {
        key: _turn(finding, known.get(key))
        for key, finding in seen.items()
        if finding.level is not (known[key].level if key in known else FindingLevel.GOOD)
    }
    for key, fault in known.items():
        if key not in seen and fault.check not in blind:
            was = fault.level.value
            news[key] = HealthEventData(
                fault.check, FindingLevel.GOOD.value, was, MENDED, fault.subject
            )
    return news


def _turn(finding: Finding, known: OpenFinding | None) -> HealthEventData:
    was = known.level if known else FindingLevel.GOOD
    return HealthEventData(
        finding.check, finding.level.value, was.value, finding.code, finding.subject
    )


def findings_after(
    known: OpenFindings, news: Mapping[str, HealthEventData]
) -> dict[str, OpenFinding]:
    """What the platform knows after that news. Pure."""
    left = {key: fault for key, fault in known.items() if key not in news}
    for key, health in news.items():
        if (level := FindingLevel(health.level)) is not FindingLevel.GOOD and len(left) < OPEN_MAX:
            left[key] = OpenFinding(health.check, health.subject, level)
    return left


class FindingReporter:
    """Remembers what was reported, and what is about to be."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Into that journal."""
        self._journal = journal
        self._clock = clock
        self._known: OpenFindings | None = None
        self._last: dict[str, HealthEventData] = {}

    async def __call__(self, findings: Sequence[Finding]) -> None:
        """Take one look; after a JournalError the next look reports it."""
        if self._known is None:
            state = await load_state(self._journal, ROOM, json_decoder(dict[str, OpenFinding]))
            self._known = state.get(KEY, {})
        found = unreported_changes(self._known, findings)
        sure = {key: health for key, health in found.items() if self._last.get(key) == health}
        self._last = found
        if not sure:
            return
        known = findings_after(self._known, sure)
        stamps = self._clock.stamp()
        events = [
            Event(kind=HEALTH, source="doctor", stamps=stamps, data=health)
            for health in sure.values()
        ]
        await self._journal.append(events, [StateChange(ROOM, KEY, msgspec.json.encode(known))])
        self._known = known
