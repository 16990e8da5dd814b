"""A finding in words, for every reader."""

from typing import NamedTuple

from gateway.doctor.model.finding import Finding, FindingLevel
from gateway.texts import Texts

# A level's pictogram, and the class of its colour in the station's style sheet.
MARKS = {
    FindingLevel.GOOD: ("ok", "s-ok"),
    FindingLevel.UNSEEN: ("away", "s-stale"),
    FindingLevel.WARN: ("warn", "warning"),
    FindingLevel.BAD: ("bad", "s-bad"),
}


# Findings for which anybody at the station can take the first step: a plug, a switch, shade, a
# button. All other remedies need a shell or the settings, which staff do not have.
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


class FindingText(NamedTuple):
    """A finding for people; a good one has no remedy."""

    text: str
    remedy: str
    by_hand: bool = True


def finding_text(finding: Finding, texts: Texts) -> FindingText:
    """The finding in the reader's language."""
    remedy = (
        texts.remedy(finding.code, **finding.data)
        if finding.level is not FindingLevel.GOOD
        else None
    )
    text = texts.say(finding.code, **finding.data)
    return FindingText(text, remedy or "", remedy is None or finding.code in BY_HAND)


def first_step(said: FindingText, texts: Texts) -> str:
    """The first step for anybody at the station."""
    return said.remedy if said.by_hand else texts.say("doctor.tell-installer")
