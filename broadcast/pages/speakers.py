"""The loudspeakers one by one: how far each is known to work, and what is wrong with it."""

from typing import NamedTuple

from broadcast.pages.context import BroadcastPageContext
from broadcast.speakers.contract import ProofLevel
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark

STEPS = len(ProofLevel) - 1


class SpeakerRow(NamedTuple):
    """One loudspeaker; `steps` of the four levels of proof that it has reached."""

    id: str
    name: str
    where: str
    steps: int
    mark: StatusMark
    remedy: str


def speaker_rows(context: BroadcastPageContext, words: Translator) -> list[SpeakerRow]:
    """All loudspeakers, broken ones first."""
    found = [_horn(id_, context, words) for id_ in context.speakers]
    return sorted(found, key=lambda horn: not horn.remedy and horn.mark[0] != "bad")


def _horn(id_: str, context: BroadcastPageContext, words: Translator) -> SpeakerRow:
    zones = context.room.house.zones.values()
    where = words("cast.comma").join(zone.name for zone in zones if id_ in zone.speakers)
    fault = context.monitor.faults.get(id_)
    rung = context.monitor.rung(id_)
    if fault is not None:
        mark = ("bad", "s-bad", words(fault.code, **fault.data))
        remedy = words.remedy(fault.code, **fault.data) or ""
        return SpeakerRow(id_, context.speakers[id_], where, 0, mark, remedy)
    colour = "ok" if rung > ProofLevel.SENT else "away"
    mark = (colour, "s-ok" if rung > ProofLevel.UNKNOWN else "s-stale", words(_said(rung)))
    return SpeakerRow(id_, context.speakers[id_], where, int(rung), mark, "")


def _said(rung: ProofLevel) -> str:
    return f"cast.horn-{rung.wire}"
