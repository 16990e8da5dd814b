"""One finding in words: what every reader shows."""

from typing import NamedTuple

from gateway.appliance.doctor.finding import Finding, Level
from gateway.texts import Texts

MARKS = {
    Level.GOOD: ("ok", "s-ok"),
    Level.UNSEEN: ("away", "s-stale"),
    Level.WARN: ("warn", "warning"),
    Level.BAD: ("bad", "s-bad"),
}
"""The class of its colour and its pictogram (docs: the station's style sheet)."""


class Told(NamedTuple):
    """A finding as a person reads it; a good one has no remedy."""

    text: str
    remedy: str


def told(finding: Finding, texts: Texts) -> Told:
    """In the reader's language."""
    remedy = texts.remedy(finding.code, **finding.data) if finding.level is not Level.GOOD else None
    return Told(texts.say(finding.code, **finding.data), remedy or "")
