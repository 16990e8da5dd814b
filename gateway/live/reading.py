"""How a reading is said: value, unit, and the mark of how good it is."""

from gateway.health import DeviceVitals, PointVitals
from gateway.web.frame import Mark
from gateway.web.words import Words

UNITS = {
    "1": "",
    "Cel": "°C",
    "kW.h": "kWh",
    "MW.h": "MWh",
    "kV.A": "kVA",
    "V.A": "VA",
    "kvar.h": "kvarh",
    "m3": "m³",
    "m3/h": "m³/h",
    "L/h": "L/h",
    "Ohm": "Ω",
    "ug/m3": "µg/m³",
    "[ppm]": "ppm",
    "deg": "°",
}
"""UCUM codes that people write otherwise; the rest are said as they are."""

NOTHING = "—"
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


def unit(ucum: str) -> str:
    """A UCUM code as people write it."""
    return UNITS.get(ucum, ucum)


def value(point: PointVitals, words: Words) -> str:
    """A value with all its digits; a dash where there is none."""
    match point.value:
        case None:
            return NOTHING
        case bool(on):
            return words("live.on" if on else "live.off")
        case int() | float() as number:
            return f"{number:,}"
        case str(text):
            return text


def never_read(point: PointVitals) -> bool:
    """True before the first answer: what was read and has become stale still has its value."""
    return point.value is None and point.quality == "stale"


def numeric(point: PointVitals) -> bool:
    """True if the point has, or may come to have, a curve."""
    return not isinstance(point.value, bool | str)


def quality(point: PointVitals, words: Words) -> Mark:
    """The mark of one point."""
    if never_read(point):
        return (*STATE_MARKS["wait"], words("live.device-wait"))
    colour, pictogram = QUALITY_MARKS.get(point.quality, DOUBTFUL)
    return (colour, pictogram, words(f"quality.{point.quality}"))


def state(device: DeviceVitals, words: Words) -> Mark:
    """The mark of a device: its own state, else the first point that is not good."""
    if device.state == "ok":
        for point in device.points:
            if point.quality != "good":
                return quality(point, words)
    colour, pictogram = STATE_MARKS.get(device.state, DOUBTFUL)
    return (colour, pictogram, words(f"live.device-{device.state}"))


def headline(device: DeviceVitals, words: Words) -> tuple[str, str]:
    """What a device says in one line: its first point, or how many of its contacts are closed."""
    points = device.points
    if not points:
        return (NOTHING, "")
    if len(points) > 1 and all(isinstance(point.value, bool) for point in points):
        closed = sum(point.value is True for point in points)
        return (f"{closed}/{len(points)}", words("live.contacts"))
    known = points[0].value is not None
    return (value(points[0], words), unit(points[0].unit) if known else "")
