"""The page as one view: everything on it that changes."""

import zlib
from collections.abc import Iterator
from typing import Any

from broadcast.pages import on_air, upcoming, zones
from broadcast.pages.clips import listed_clips
from broadcast.pages.context import BroadcastPageContext
from gateway.health import Vitals
from gateway.web.i18n import CATALOGUES, Translator
from gateway.web.section import View

# How many orders the page shows at most.
ORDERS = 20


class BroadcastView:
    """Builds the view; changes nothing."""

    def __init__(self, context: BroadcastPageContext) -> None:
        self.context = context

    def view(self, vitals: Vitals, words: Translator, _argument: str = "") -> View:
        return dict(self._facts(vitals, words))

    def _facts(self, vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
        context = self.context
        yield "shape", self._shape(vitals)
        yield "volatile", vitals.journal.volatile
        yield "away", not context.connected()
        yield "ready", self.ready(words)
        yield "fault", self.fault(words)
        for kept in on_air.on_air_orders(context):
            one = on_air.show_on_air(kept, context, words)
            yield f"air.{kept.order.id}.text", one.text
            yield f"air.{kept.order.id}.clock", one.clock
        yield from zones.zone_views(context, words).items()

    def _shape(self, vitals: Vitals) -> int:
        """Changes when a row came, went or moved, or when other keys may be pressed."""
        context = self.context
        branches = zones.flat_zones(zones.zone_tree(context))
        parts: list[object] = [vitals.name, vitals.version, context.connected()]
        orders = [kept for kept in context.room.orders() if not on_air.is_prompt(kept)]
        parts += [(kept.order.id, kept.state, kept.turn) for kept in orders[:ORDERS]]
        parts.append(on_air.kiosk_speaks(context))
        parts += [(one.id, *sorted(one.speakers)) for one in context.room.unrecorded_sounds()]
        parts += [(each.zone.id, each.step, each.mark, each.chosen) for each in branches]
        parts += list(context.presets.all().items())
        coming = upcoming.upcoming_schedules(context, vitals.timezone, CATALOGUES["zh"])
        parts += [(each.id, each.at_ns, each.skipped) for each in coming]
        parts += [clip.sha for clip in listed_clips(context)]
        parts += [context.selftests.testing, context.selftests.last_ns]
        parts += [(each, context.monitor.rung(each)) for each in context.speakers]
        parts += list(context.monitor.faults.items())
        return zlib.crc32("\n".join(map(str, parts)).encode())

    def ready(self, words: Translator) -> str:
        """How far prerendering has come; empty when it is done."""
        progress = self.context.ready()
        if progress is None or progress.done >= progress.of:
            return ""
        return words("cast.making-ready", done=progress.done, of=progress.of)

    def fault(self, words: Translator) -> str:
        """Which voice does not speak, and why."""
        for name, error in self.context.voice.faults.items():
            return words("cast.voice-fault", name=name, why=words(error.code, **error.data))
        return ""
