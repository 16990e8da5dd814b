"""The view of one alarm: its state, the curve that raised it, its place."""

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.desk.alarms import plot as plotting
from gateway.desk.alarms import row
from gateway.desk.alarms.board import AlarmBoard
from gateway.desk.alarms.row import AlarmRow
from gateway.health import PointVitals, Vitals
from gateway.places import Place
from gateway.rules.linkage import AnnounceAction
from gateway.rules.rule import Watch
from gateway.web import value_format
from gateway.web.i18n import Translator
from gateway.web.page_header import wall_text
from gateway.web.section import View


class AlarmCurve(NamedTuple):
    """The plot of an alarm, with its labels."""

    plot: plotting.Plot
    point: PointVitals
    limits: tuple[float, ...]
    paced: bool = False

    def name(self, words: Translator) -> str:
        """The name of the plotted quantity."""
        return words("alarms.pace-of", point=self.point.name) if self.paced else self.point.name


class AlarmDetailView:
    """One open alarm at a time, from the board."""

    def __init__(self, board: AlarmBoard) -> None:
        self._board = board

    def curve(self, each: AlarmRow, vitals: Vitals) -> AlarmCurve | None:
        """The curve, if its point has one."""
        point = plotting.point_of(vitals, each.alarm.evidence)
        if point is None:
            return None
        watch = self.watch(each)
        limits = plotting.limits_of(watch)
        drawn = plotting.judged_quantity(watch, point)
        plot = plotting.plot_point(vitals, drawn, limits, each.age_s)
        return AlarmCurve(plot, drawn, limits, drawn is not point)

    def watch(self, each: AlarmRow) -> Watch:
        """The watch that raised it."""
        return self._board.rules.core.engine.watches[each.alarm.watch]

    def speaks(self, each: AlarmRow) -> bool:
        """Whether anything is announced because of it."""
        return any(
            isinstance(action, AnnounceAction)
            for linkage in self._board.rules.core.linkages.all.values()
            if each.facts.rule in linkage.options.rules
            for action in linkage.actions
        )

    def way(self, each: AlarmRow) -> list[Place]:
        """The places around it, from the station inwards, ending with its own."""
        places = self._board.places
        if each.facts.place not in places:
            return []
        return list(reversed(places.chain(each.facts.place)))

    def view(self, vitals: Vitals, words: Translator, alarm_id: str) -> View:
        """Everything on the page that changes; only `shape` once the alarm is over."""
        self._board.calls.mark_shown()
        rows = self._board.open()
        each = self._board.find(alarm_id)
        base = {"volatile": vitals.journal.volatile, **self._board.sound(rows, words)}
        if each is None:
            return {"shape": 0, **base}
        return {**base, **dict(self._facts(each, vitals, words))}

    def _facts(
        self, each: AlarmRow, vitals: Vitals, words: Translator
    ) -> Iterator[tuple[str, Any]]:
        alarm = each.alarm
        moment = self._board.rules.moment()
        drawn = self.curve(each, vitals)
        yield "shape", self._shape(each, vitals, drawn)
        yield "minutes", str(each.minutes)
        yield "read", self._board.read(each, vitals, words)
        yield "state", row.state_text(alarm, words, self._board.who(alarm, words), moment)
        yield "mark", row.state_mark(alarm, words)
        if drawn is not None:
            yield from _plotted(drawn, vitals, words)

    def _shape(self, each: AlarmRow, vitals: Vitals, drawn: AlarmCurve | None) -> int:
        """Changes when its history grows, or another plot is drawn."""
        alarm = each.alarm
        under_way = self._board.rules.core.under_way.values()
        lane = alarm.severity.lane
        facts = [
            alarm.id,
            alarm.state.value,
            alarm.note,
            alarm.count,
            alarm.steps,
            alarm.on,
            alarm.attended,
            alarm.unreached,
            alarm.real,
            sum(task.alarm == alarm.id for task in under_way),
            next((not one.waiting for one in vitals.lanes if one.lane is lane), True),
            drawn is not None and drawn.plot.crossed != "",
        ]
        return zlib.crc32(repr(facts).encode())


def _plotted(drawn: AlarmCurve, vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    plot, point = drawn.plot, drawn.point
    unit = value_format.unit_text(point.unit)
    now = f"{value_format.value_text(point, words)} {unit}".strip()
    yield "plot.path", plot.path
    yield "plot.crossed", plot.crossed
    for i, limit in enumerate(plot.limits):
        yield f"plot.limit{i}", limit
    for i, label in enumerate(plot.y):
        yield f"plot.y{i}", label
    for i, label in enumerate(plot.x):
        yield f"plot.x{i}", label
    yield "plot.now", words("alarms.now", value=now)
    clock = ""
    if plot.crossed_ago_s is not None and vitals.clock.wall_ns is not None:
        wall_ns = vitals.clock.wall_ns - int(plot.crossed_ago_s * 1e9)
        clock = wall_text(wall_ns, vitals.timezone, "%H:%M")
    if plot.crossed_ago_s is None:
        yield "plot.when", words("alarms.crossed-before")
    else:
        span = words.span(plot.crossed_ago_s)
        yield "plot.when", words("alarms.crossed", clock=clock, span=span)
    yield "plot.said", words("alarms.plot-said", point=drawn.name(words), now=now)
