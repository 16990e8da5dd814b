"""The view of a device's page: its points, the last hour of one, its bus's counters."""

from collections.abc import Iterator
from typing import Any

from gateway.health import BusVitals, DeviceVitals, PointVitals, Vitals
from gateway.live.view import STOPS, bus_facts, layout_key
from gateway.web import sparkline, value_format
from gateway.web.i18n import Translator
from gateway.web.page_header import wall_text
from gateway.web.section import View

X_LABELS = 5
# A shorter plot is labelled to the second.
MINUTES_FROM_S = 600


def pulse_topic(device: DeviceVitals, point: PointVitals | None) -> str:
    """The argument of the live view: which device, and which of its points is plotted."""
    return f"{device.id} {point.id if point else ''}"


def choose_point(device: DeviceVitals, asked: str) -> PointVitals | None:
    """The point to plot: the requested one, else the first with a curve."""
    for point in device.points:
        if point.id == asked:
            return point
    return next((p for p in device.points if any(s is not None for s in p.spark)), None)


def view(vitals: Vitals, words: Translator, argument: str) -> View:
    """Everything on the page of the device in `argument`; only `layout_key` if it is gone."""
    id_, _, asked = argument.partition(" ")
    device = next((d for d in vitals.devices if d.id == id_), None)
    if device is None:
        return {"shape": 0}
    point = choose_point(device, asked)
    # a new curve is a change of layout: the page has no place for it yet
    facts: dict[str, Any] = {
        "shape": layout_key(vitals, plotted=point),
        "volatile": vitals.journal.volatile,
    }
    facts |= dict(_device(device, words))
    bus = next((bus for bus in vitals.buses if bus.id == device.bus), None)
    if bus is not None:
        facts |= dict(bus_facts(bus, words)) | dict(_counters(bus))
    if point is not None:
        facts |= dict(_plot(vitals, point, words))
    return facts


def _device(device: DeviceVitals, words: Translator) -> Iterator[tuple[str, Any]]:
    yield "mark", value_format.device_mark(device, words)
    yield "age", None if device.at_ns is None else device.at_ns // 1_000_000
    yield "since", device.since_ns // 1_000_000
    yield "stop", STOPS.get(device.state, "shut")
    for point in device.points:
        key = f"point.{point.id}"
        yield f"{key}.value", value_format.value_text(point, words)
        yield f"{key}.mark", value_format.quality_mark(point, words)
        yield f"{key}.raw", point.quality
        yield f"{key}.age", None if value_format.is_unread(point) else point.at_ns // 1_000_000
        yield f"{key}.curve", sparkline.spark_path(point.spark)


def _counters(bus: BusVitals) -> Iterator[tuple[str, Any]]:
    for name in ("transactions", "timeouts", "errors", "devices", "silent"):
        yield f"bus.{name}", f"{getattr(bus, name):,}"
    yield "bus.cycle", f"{bus.cycle_s:.3g}" if bus.cycle_s > 0 else value_format.NOTHING


def _plot(vitals: Vitals, point: PointVitals, words: Translator) -> Iterator[tuple[str, Any]]:
    axis = sparkline.axis_scale(point.spark)
    yield "plot.path", sparkline.curve_path(point.spark, axis.low, axis.high, sparkline.PLOT)
    for i, label in enumerate(axis.labels):
        yield f"plot.y{i}", label
    span_s = max(1, len(point.spark) - 1) * point.spark_step_s
    form = "%H:%M" if span_s >= MINUTES_FROM_S else "%H:%M:%S"
    for i in range(X_LABELS):
        ago_s = span_s * (1 - i / (X_LABELS - 1))
        yield f"plot.x{i}", _moment(vitals, ago_s, form, words)
    yield "plot.said", _said(point, words)


def _moment(vitals: Vitals, ago_s: float, form: str, words: Translator) -> str:
    """A label of the time axis: wall time if known, else how long ago."""
    wall_ns = vitals.clock.wall_ns
    if wall_ns is None:
        return words.age(ago_s)
    return wall_text(wall_ns - int(ago_s * 1e9), vitals.timezone, form)


def _said(point: PointVitals, words: Translator) -> str:
    """The curve in words, for people who cannot see it."""
    known = [s for s in point.spark if s is not None]
    if not known:
        return words("live.plot-empty")
    return words(
        "live.plot-said",
        low=f"{min(known):,}",
        high=f"{max(known):,}",
        now=value_format.value_text(point, words),
        unit=value_format.unit_text(point.unit),
    )
