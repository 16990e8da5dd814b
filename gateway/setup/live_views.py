"""What changes by itself on the setup pages: values, marks, progress of a search."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.health import Vitals
from gateway.setup import steps
from gateway.setup.acceptance import AcceptanceRecord, AcceptanceRecords
from gateway.setup.ports import ScanStatus, SetupPlan, SetupPorts
from gateway.web import value_format
from gateway.web.i18n import Translator
from gateway.web.section import View

UPLINK_MARKS = {"up": ("ok", "link"), "down": ("away", "cloud-off"), "refused": ("bad", "s-bad")}
RECORD_MARKS = {
    "agrees": ("ok", "s-ok"),
    "heard": ("ok", "s-ok"),
    "differs": ("bad", "s-bad"),
    "unheard": ("bad", "s-bad"),
}


class SetupViews:
    """The views of all pages; the pulse's argument names the page."""

    def __init__(self, roof: SetupPorts, records: AcceptanceRecords) -> None:
        self._roof = roof
        self._records = records

    def __call__(self, vitals: Vitals, words: Translator, page: str) -> View:
        """What may change on that page; another `shape` makes the browser reload it."""
        plan, scan = self._roof.wiring.plan(), self._roof.searching.scan
        view: dict[str, Any] = {"volatile": vitals.journal.volatile}
        shown: list[Any] = [
            self._roof.lan_open(),
            plan.station,
            self._roof.wiring.under_way,
            self._roof.wiring.last,
        ]
        if page == "scan":
            view |= dict(_scan(scan, words))
            shown += [scan.bus, scan.phase, scan.found, scan.code, plan.devices]
        else:
            view |= dict(_devices(vitals, words))
            view |= dict(_uplinks(vitals, words))
            lacks = steps.missing_items(plan, vitals, self._records.all)
            shown += [_names(plan), lacks, sorted(self._records.all)]
            shown += [self._records.all[key] for key in sorted(self._records.all)]
        view["shape"] = zlib.crc32(repr(shown).encode())
        return view


def record_mark(record: AcceptanceRecord, words: Translator) -> tuple[str, str, str]:
    """A record's result in a word."""
    colour, pictogram = RECORD_MARKS[record.state]
    return colour, pictogram, words(f"setup.record-{record.state}")


def _names(plan: SetupPlan) -> Mapping[str, Any]:
    """What the pages list; ports and models may come and go."""
    return {
        "buses": plan.buses,
        "devices": plan.devices,
        "places": plan.places,
        "zones": plan.zones,
        "speakers": plan.speakers,
        "uplinks": plan.uplinks,
    }


def _scan(scan: ScanStatus, words: Translator) -> Iterator[tuple[str, Any]]:
    whole_s = scan.done_s + scan.left_s
    yield "search.percent", round(100 * scan.done_s / whole_s) if whole_s else 0
    yield "search.count", str(len(scan.found))
    yield "search.where", words("setup.asking", asking=scan.asking or "—", line=scan.line or "—")
    left = words("setup.left", span=words.span(scan.left_s)) if scan.left_s >= 1 else ""
    yield "search.left", left if scan.phase == "searching" else ""


def _devices(vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    for device in vitals.devices:
        key = f"dev.{device.id}"
        yield f"{key}.mark", value_format.device_mark(device, words)
        yield f"{key}.age", None if device.at_ns is None else device.at_ns // 1_000_000
        for point in device.points:
            yield f"{key}.{point.id}.value", value_format.value_text(point, words)
            yield (
                f"{key}.{point.id}.age",
                None if value_format.is_unread(point) else point.at_ns // 1_000_000,
            )


def _uplinks(vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
    for uplink in vitals.uplinks:
        colour, pictogram = UPLINK_MARKS.get(uplink.state, ("wait", "s-wait"))
        word = words(f"live.uplink-{uplink.state}")
        yield f"uplink.{uplink.name}", (colour, pictogram, word)
        heard = None if uplink.receipt_ns is None else uplink.receipt_ns // 1_000_000
        yield f"uplink.{uplink.name}.receipt", heard
