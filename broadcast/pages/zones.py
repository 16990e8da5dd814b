"""The zones as a tree: what is in what, how loud, what plays there, and what is wrong."""

from collections.abc import Iterator
from typing import NamedTuple

from broadcast.pages import labels as told
from broadcast.pages.context import BroadcastPageContext
from broadcast.pages.press_check import notice_refusal
from broadcast.policy.guard import SoundZone
from broadcast.speaker_status.monitor import SILENT_DBFS
from gateway.web.i18n import Translator
from gateway.web.section import View

# What the top of the page says already, shortened for each zone.
SHORT = {"broadcast.quiet": "cast.zone-quiet", "broadcast.no-time": "cast.zone-no-time"}


class ZoneBranch(NamedTuple):
    """One zone with those inside it.

    `mark` is its stop on the line; `chosen` says that a press includes it unless it is unticked.
    """

    zone: SoundZone
    step: int
    mark: str
    chosen: bool
    open: bool
    inside: tuple["ZoneBranch", ...] = ()


def zone_tree(context: BroadcastPageContext) -> tuple[ZoneBranch, ...]:
    """All zones, each under the smallest one that holds all its places."""
    zones = list(context.room.house.zones.values())
    outer = {zone.id: _outer(zone, zones) for zone in zones}

    def grown(parent: str | None) -> tuple[ZoneBranch, ...]:
        return tuple(
            _branch(zone, context, root=parent is None)._replace(inside=grown(zone.id))
            for zone in zones
            if outer[zone.id] == parent
        )

    return grown(None)


def flat_zones(branches: tuple[ZoneBranch, ...]) -> Iterator[ZoneBranch]:
    """The tree, flattened."""
    for branch in branches:
        yield branch
        yield from flat_zones(branch.inside)


def emergency_zones(context: BroadcastPageContext) -> list[tuple[SoundZone, bool]]:
    """Where an emergency can sound, at any hour, and whether a press includes it.

    Unless one is unticked, every loudspeaker says it, also in lifts.
    """
    heard: set[str] = set()
    meant = set()
    zones = [each for each in context.room.house.zones.values() if each.speakers]
    for zone in sorted(zones, key=lambda each: (each.sound != "community", -len(each.places))):
        if not zone.speakers <= heard:
            meant.add(zone.id)
            heard |= zone.speakers
    return [(zone, zone.id in meant) for zone in zones]


def zone_views(context: BroadcastPageContext, words: Translator) -> View:
    """What changes in the tree."""
    found: dict[str, object] = {}
    for zone in context.room.house.zones.values():
        found[f"zone.{zone.id}.text"] = zone_text(zone, context, words)
        found[f"zone.{zone.id}.level"] = meter_percent(zone.id, context)
    return found


def zone_text(zone: SoundZone, context: BroadcastPageContext, words: Translator) -> str:
    """What plays there, else why nothing can, else the kind of zone."""
    playing = context.room.playing_in(zone.id)
    if playing:
        return words("cast.zone-plays", title=told.order_title(playing[0], context, words))
    faulty = sum(speaker in context.monitor.faults for speaker in zone.speakers)
    if faulty:
        return words("cast.zone-faulty", n=faulty)
    if zone.sound == "near":
        return words("cast.zone-near")
    refused = notice_refusal(context, zone.id)
    if refused is not None and refused.code is not None:
        short = SHORT.get(refused.code)
        return words(short) if short else words(refused.code, **refused.detail)
    return words(f"cast.zone-{zone.sound}")


def meter_percent(zone: str, context: BroadcastPageContext) -> int:
    """How loud it is there, in percent of the meter."""
    return round(100 * (1 - context.monitor.level(zone) / SILENT_DBFS))


def _outer(zone: SoundZone, zones: list[SoundZone]) -> str | None:
    holding = [each for each in zones if zone.places < each.places]
    return min(holding, key=lambda each: len(each.places)).id if holding else None


def _branch(zone: SoundZone, context: BroadcastPageContext, *, root: bool) -> ZoneBranch:
    free = notice_refusal(context, zone.id) is None
    plays = bool(context.room.playing_in(zone.id))
    faulty = any(speaker in context.monitor.faults for speaker in zone.speakers)
    mark = "shut" if faulty else "now" if plays else "done" if free else "to"
    chosen = free and root and zone.sound == "community"
    may = zone.sound != "near" and bool(zone.speakers)
    return ZoneBranch(zone, context.volumes.step(zone.id), mark, chosen, may)
