"""The view of the live page: one key for everything on it that can change.

No number is ahead of the truth: "received" only with the platform's receipt, "recorded" only while
the journal is on disk.
"""

import zlib
from collections.abc import Iterator
from typing import Any

from gateway.event import Lane
from gateway.health import BusVitals, DeviceVitals, LaneVitals, PointVitals, UplinkVitals, Vitals
from gateway.web import sparkline, value_format
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark
from gateway.web.section import View

BUS_MARKS = {"up": ("ok", "s-ok"), "down": ("bad", "s-bad"), "wait": ("wait", "s-wait")}
# A smaller skew does not concern people.
SKEW_S_MIN = 1.0

UPLINK_MARKS = {
    "up": ("ok", "link"),
    "down": ("away", "cloud-off"),
    "refused": ("bad", "s-bad"),
    "wait": ("wait", "s-wait"),
}
STOPS = {"ok": "done", "stale": "done", "wait": "to", "silent": "shut", "faulty": "shut"}


def view(vitals: Vitals, words: Translator, _argument: str = "") -> View:
    return dict(_facts(vitals, words))


def _facts(vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    yield "shape", layout_key(vitals)
    yield "volatile", vitals.journal.volatile
    yield from _away(vitals, words)
    for lane in vitals.lanes:
        yield from _lane(lane, vitals, words)
    for uplink in vitals.uplinks:
        yield from _uplink(uplink, words)
    for bus in vitals.buses:
        yield from bus_facts(bus, words)
    for device in vitals.devices:
        yield from _device(device, words)
    yield from _way(vitals, words)


def layout_key(vitals: Vitals, plotted: PointVitals | None = None) -> int:
    """Changes when the page must be reloaded: something was added, removed or renamed."""
    parts = [vitals.name, vitals.version, plotted.id if plotted else ""]
    parts += [f"{bus.id} {bus.name} {bus.kind} {bus.where}" for bus in vitals.buses]
    parts += [f"{device.id} {device.name} {device.bus}" for device in vitals.devices]
    parts += [point.id for device in vitals.devices for point in device.points]
    parts += [uplink.name for uplink in vitals.uplinks]
    return zlib.crc32("\n".join(parts).encode())


def _away(vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    """What waits here while no uplink is up."""
    gone = [uplink for uplink in vitals.uplinks if uplink.state in {"down", "refused"}]
    yield "away", bool(gone)
    if not gone:
        yield "away.text", ""
        return
    waiting = sum(lane.waiting for lane in vitals.lanes)
    kept = "live.away-lost" if vitals.journal.volatile else "live.away-kept"
    code, data = gone[0].code, gone[0].data
    why = words(code, **{"uplink": gone[0].name, **data}) if code and code in words else ""
    yield "away.text", " ".join([words(kept, n=f"{waiting:,}"), why]).rstrip()


def _lane(lane: LaneVitals, vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    key = f"lane.{lane.lane.wire}"
    volatile = vitals.journal.volatile
    issued = "live.lane-seen" if volatile else "live.lane-recorded"
    receipted = "live.lane-answered" if volatile else "live.lane-received"
    yield f"{key}.issued", words(issued, n=f"{lane.issued:,}")
    yield f"{key}.receipted", words(receipted, n=f"{lane.receipted:,}") if vitals.uplinks else ""
    yield f"{key}.waiting", f"{lane.waiting:,}"
    amount, code = lag_text(lane.lag_s)
    yield f"{key}.lag", amount
    yield f"{key}.lag_unit", words(code)


def lag_text(seconds: float) -> tuple[str, str]:
    """How far a lane is behind: the figure, and the code of its unit."""
    for below, unit, code in (
        (600, 1, "live.lag-seconds"),
        (36_000, 60, "live.lag-minutes"),
        (10**12, 3600, "live.lag-hours"),
    ):
        if seconds < below:
            return f"{int(seconds // unit):,}", code
    return "∞", "live.lag-hours"


def _uplink(uplink: UplinkVitals, words: Translator) -> Iterator[tuple[str, Any]]:
    colour, pictogram = UPLINK_MARKS.get(uplink.state, value_format.DOUBTFUL)
    word = words(f"live.uplink-{uplink.state}")
    yield f"uplink.{uplink.name}", (colour, pictogram, word)
    yield f"uplink.{uplink.name}.receipt", _ms(uplink.receipt_ns)
    off = uplink.skew_s is not None and abs(uplink.skew_s) >= SKEW_S_MIN
    skew = words("live.uplink-skew", seconds=f"{uplink.skew_s:+.1f}") if off else ""
    yield f"uplink.{uplink.name}.skew", skew


def bus_facts(bus: BusVitals, words: Translator) -> Iterator[tuple[str, Any]]:
    """One bus: its mark, its load and a line of facts."""
    key = f"bus.{bus.id}"
    yield key, bus_mark(bus, words)
    percent = round(100 * min(1.0, max(0.0, bus.load)))
    yield f"{key}.load", percent
    yield f"{key}.load_text", f"{percent}%"
    yield f"{key}.facts", _bus_line(bus, words)
    yield f"{key}.why", bus_trouble(bus, words)


def bus_trouble(bus: BusVitals, words: Translator) -> str:
    """Why a bus is down, and what to do about it."""
    if bus.state != "down" or bus.code is None:
        return ""
    return words(bus.code, **bus.data) + (words.remedy(bus.code, **bus.data) or "")


def bus_mark(bus: BusVitals, words: Translator) -> StatusMark:
    """A bus in a word: down, waiting, or how many of its devices do not answer."""
    if bus.state == "up" and bus.silent:
        return (*value_format.DOUBTFUL, words("live.bus-silent", n=bus.silent))
    colour, pictogram = BUS_MARKS.get(bus.state, value_format.DOUBTFUL)
    return (colour, pictogram, words(f"live.bus-{bus.state}"))


def _bus_line(bus: BusVitals, words: Translator) -> str:
    if bus.cycle_s > 0:
        return words("live.bus-cycle", n=bus.devices, s=f"{bus.cycle_s:.3g}")
    return words("live.bus-devices", n=bus.devices)


def _device(device: DeviceVitals, words: Translator) -> Iterator[tuple[str, Any]]:
    key = f"dev.{device.id}"
    yield f"{key}.value", value_format.device_headline(device, words)[0]
    yield f"{key}.unit", value_format.device_headline(device, words)[1]
    yield f"{key}.mark", value_format.device_mark(device, words)
    yield f"{key}.age", _ms(device.at_ns)
    yield f"{key}.curve", sparkline.spark_path(device.points[0].spark) if device.points else ""
    yield f"{key}.stop", STOPS.get(device.state, "shut")


def _way(vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    """A reading's way to the platform: five stops, each with a word and a figure."""
    yield (
        "way.read",
        words("live.way-read-text", n=len(vitals.devices), rate=f"{vitals.values_per_s:.3g}"),
    )
    yield "way.read.stop", _open({bus.state for bus in vitals.buses})
    yield "way.saved", _saved(vitals, words)
    yield "way.saved.stop", "shut" if vitals.journal.volatile else "done"
    up = [uplink for uplink in vitals.uplinks if uplink.state == "up"]
    yield "way.sent", _sent(vitals, up, words)
    yield "way.sent.stop", _open({uplink.state for uplink in vitals.uplinks})
    waiting = sum(lane.waiting for lane in vitals.lanes if lane.lane is Lane.TELEMETRY)
    yield "way.receipt", _receipt(vitals, waiting, words)
    yield "way.receipt.stop", ("now" if waiting else "done") if up else "to"


def _open(states: set[str]) -> str:
    """The state of a stop with several uplinks: passed if one is up, pending if one may come up."""
    if "up" in states:
        return "done"
    return "to" if "wait" in states else "shut"


def _saved(vitals: Vitals, words: Translator) -> str:
    journal = vitals.journal
    if journal.volatile:
        return words("live.way-volatile")
    gaps = words("live.way-gaps", n=f"{journal.evicted:,}") if journal.evicted else ""
    return words("live.way-saved-text", ms=f"{journal.commit_ms:.2g}", gaps=gaps).strip()


def _sent(vitals: Vitals, up: list[UplinkVitals], words: Translator) -> str:
    if not vitals.uplinks:
        return words("live.way-alone")
    if not up and any(uplink.state == "wait" for uplink in vitals.uplinks):
        return words("live.way-connecting")
    if not up:
        return words("live.way-not-sent-lost" if vitals.journal.volatile else "live.way-not-sent")
    return words(
        "live.way-sent-text", n=f"{up[0].batch_entries:.0f}", bytes=f"{up[0].batch_bytes:,.0f}"
    )


def _receipt(vitals: Vitals, waiting: int, words: Translator) -> str:
    if not vitals.uplinks:
        return value_format.NOTHING
    if waiting:
        return words("live.way-waiting", n=f"{waiting:,}")
    if vitals.read_to_receipt_ms is None:
        return words("live.way-no-receipt")
    return words("live.way-receipt-text", ms=f"{vitals.read_to_receipt_ms:,.0f}")


def _ms(at_ns: int | None) -> int | None:
    return None if at_ns is None else at_ns // 1_000_000
