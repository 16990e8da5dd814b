"""The loudspeakers one by one: how far each is known to work, and what is wrong with it."""

from typing import NamedTuple

from broadcast.pages.deck import Deck
from broadcast.speakers.contract import Rung
from gateway.web.frame import Mark
from gateway.web.words import Words

STEPS = len(Rung) - 1


class Horn(NamedTuple):
    """One loudspeaker; `steps` of the ladder's four it has climbed."""

    id: str
    name: str
    where: str
    steps: int
    mark: Mark
    remedy: str


def horns(deck: Deck, words: Words) -> list[Horn]:
    """Those that do not work first."""
    found = [_horn(id_, deck, words) for id_ in deck.speakers]
    return sorted(found, key=lambda horn: not horn.remedy and horn.mark[0] != "bad")


def _horn(id_: str, deck: Deck, words: Words) -> Horn:
    zones = deck.room.house.zones.values()
    where = words("cast.comma").join(zone.name for zone in zones if id_ in zone.speakers)
    fault = deck.monitor.faults.get(id_)
    rung = deck.monitor.rung(id_)
    if fault is not None:
        mark = ("bad", "s-bad", words(fault.code, **fault.data))
        remedy = words.remedy(fault.code, **fault.data) or ""
        return Horn(id_, deck.speakers[id_], where, 0, mark, remedy)
    colour = "ok" if rung > Rung.SENT else "away"
    mark = (colour, "s-ok" if rung > Rung.UNKNOWN else "s-stale", words(_said(rung)))
    return Horn(id_, deck.speakers[id_], where, int(rung), mark, "")


def _said(rung: Rung) -> str:
    return f"cast.horn-{rung.wire}"
