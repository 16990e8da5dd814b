"""Formats readings: value, unit, and the mark of their quality."""

from collections.abc import Sequence

from gateway.health import DeviceVitals, PointVitals
from gateway.texts.unit_text import unit_text
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark

__all__ = [
    "device_headline",
    "device_mark",
    "is_numeric",
    "is_unread",
    "quality_mark",
    "short_address",
    "unit_text",
    "value_text",
]  # fmt: skip

NOTHING = "—"

# A Bluetooth address is shown whole.
ADDRESS_CHARS_MAX, ADDRESS_TAIL = 17, 12

STATE_MARKS = {
    "ok": ("ok", "s-ok"),
    "wait": ("wait", "s-wait"),
    "stale": ("away", "s-stale"),
    "silent": ("bad", "s-bad"),
    "faulty": ("warn", "warning"),
}
QUALITY_MARKS = {
    "good": ("ok", "s-ok"),
    "stale": ("away", "s-stale"),
    "timeout": ("bad", "s-bad"),
    "sensor_fault": ("bad", "s-bad"),
}
DOUBTFUL = ("warn", "warning")


def short_address(whole: str) -> str:
    """An address that fits a line: the end of a beacon's identity."""
    return whole if len(whole) <= ADDRESS_CHARS_MAX else "…" + whole[-ADDRESS_TAIL:]


def value_text(point: PointVitals, words: Translator) -> str:
    """A value with all its digits; a dash if there is none."""
    match point.value:
        case None:
            return NOTHING
        case bool(on):
            return _switch(point, words, on=on)
        case "open" | "short" as cable if point.kind:
            return words(f"live.cable-{cable}")
        case int() | float() as number:
            return f"{number:,}"
        case str(text):
            return text


def _switch(point: PointVitals, words: Translator, *, on: bool) -> str:
    """A contact in a word: the word of its kind of sensor, or whether it is closed."""
    state = "on" if on else "off"
    if not point.kind:
        return words(f"live.{state}")
    code = f"live.input-{point.kind}-{state}"
    return words(code if code in words else f"live.input-{state}")


def is_unread(point: PointVitals) -> bool:
    """Whether there was no answer yet; a stale reading still has its value."""
    return point.value is None and point.quality == "stale"


def is_numeric(point: PointVitals) -> bool:
    """Whether the point has, or may come to have, a curve."""
    return not (point.kind or isinstance(point.value, bool | str))


def quality_mark(point: PointVitals, words: Translator) -> StatusMark:
    if is_unread(point):
        return (*STATE_MARKS["wait"], words("live.device-wait"))
    colour, pictogram = QUALITY_MARKS.get(point.quality, DOUBTFUL)
    return (colour, pictogram, words(f"quality.{point.quality}"))


def device_mark(device: DeviceVitals, words: Translator) -> StatusMark:
    """The mark of a device: its own state, else the first point that is not good."""
    if device.state == "ok":
        for point in device.points:
            if point.quality != "good":
                return quality_mark(point, words)
    colour, pictogram = STATE_MARKS.get(device.state, DOUBTFUL)
    return (colour, pictogram, words(f"live.device-{device.state}"))


def device_headline(device: DeviceVitals, words: Translator) -> tuple[str, str]:
    """A device in one line: its first point, or how many of its contacts are active."""
    points = device.points
    if not points:
        return (NOTHING, "")
    if len(points) > 1 and all(point.kind for point in points):
        return (_share_on(points), words("live.inputs"))
    if len(points) > 1 and all(isinstance(point.value, bool) for point in points):
        return (_share_on(points), words("live.contacts"))
    known = points[0].value is not None
    return (value_text(points[0], words), unit_text(points[0].unit) if known else "")


def _share_on(points: Sequence[PointVitals]) -> str:
    return f"{sum(point.value is True for point in points)}/{len(points)}"
