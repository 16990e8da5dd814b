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


BY_HAND = frozenset(
    f"doctor.{each}"
    for each in (
        *("power-low", "power-was-low", "power-slowed", "temperature-high", "journal-lost"),
        *("clock-unset", "clock-old", "clock-wide", "clock-behind", "clock-disputed"),
        *("port-gone", "bus-down", "line-silent", "device-silent", "device-faulty", "devices-more"),
        "device-twice",
        *("speaker-lost", "kiosk-lost", "uplink-away", "certificate-late"),
    )
)
"""What whoever is at the station can at least begin with: a plug, a switch, shade, a press.

All other remedies want a shell or the settings, which staff have not."""


class Told(NamedTuple):
    """A finding as a person reads it; a good one has no remedy."""

    text: str
    remedy: str
    by_hand: bool = True


def told(finding: Finding, texts: Texts) -> Told:
    """In the reader's language."""
    remedy = texts.remedy(finding.code, **finding.data) if finding.level is not Level.GOOD else None
    text = texts.say(finding.code, **finding.data)
    return Told(text, remedy or "", remedy is None or finding.code in BY_HAND)


def first_step(said: Told, texts: Texts) -> str:
    """What to do about it, for whoever happens to be there."""
    return said.remedy if said.by_hand else texts.say("doctor.tell-installer")
