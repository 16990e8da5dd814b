"""The setup pages, made of the plan, the vital signs and the acceptance records."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from gateway.errors import NotFound, StationError
from gateway.health import PointVitals, Vitals
from gateway.setup import steps
from gateway.setup.acceptance import AcceptanceRecord, AcceptanceRecords
from gateway.setup.live_views import SetupViews, record_mark
from gateway.setup.meter_check import first_compared
from gateway.setup.ports import LinePlan, SetupPorts
from gateway.web import value_format
from gateway.web.authorization import CALLER
from gateway.web.i18n import translator_for
from gateway.web.page_header import wall_text
from gateway.web.page_renderer import PAGES

WHEN = "%Y-%m-%d %H:%M"

# Line settings that meters are delivered with.
LINES = ("9600 8N1", "2400 8E1", "4800 8N1", "19200 8N1", "9600 8E1", "115200 8N1")

PeopleNames = Callable[[], Mapping[str, str]]


class PageHandlers:
    """The handlers of pages that only show something."""

    def __init__(
        self,
        roof: SetupPorts,
        records: AcceptanceRecords,
        vitals: Callable[[], Vitals],
        names: PeopleNames,
    ) -> None:
        """`names` are the people with an account, by id."""
        self._roof = roof
        self._records = records
        self._vitals = vitals
        self._names = names
        self.views = SetupViews(roof, records)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """Progress, and what is missing."""
        return self.page(request, "home")

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """The lines."""
        return self.page(request, "lines")

    async def scan(self, request: web.Request) -> web.StreamResponse:
        """The search of one line."""
        bus = self.bus(request.match_info["id"])
        return self.found(request, bus)

    def found(
        self,
        request: web.Request,
        bus: LinePlan,
        *,
        typed: Mapping[str, str] | None = None,
        faults: Sequence[StationError] = (),
    ) -> web.Response:
        """The page of a search; after a mistake with the input and what is wrong with it."""
        scan, plan = self._roof.searching.scan, self._roof.wiring.plan()
        mine = scan if scan.bus == bus.id else type(scan)(bus=bus.id)
        seen = tuple(
            msgspec.structs.replace(each, device=plan.device_at(bus.id, each.family, each.address))
            for each in mine.found
        )
        return self.page(
            request,
            "scan",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
            bus=bus,
            scan=msgspec.structs.replace(mine, found=seen),
            other=scan.under_way and scan,
            typed=typed,
            faults=faults,
        )

    async def devices(self, request: web.Request) -> web.StreamResponse:
        """Every device with its values, beside those of its display."""
        return self.page(request, "devices")

    async def places(self, request: web.Request) -> web.StreamResponse:
        """The tree of places, and the zones."""
        return self.page(request, "places")

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The loudspeakers."""
        return self.page(request, "sound")

    async def platform(self, request: web.Request) -> web.StreamResponse:
        """The platforms."""
        uplinks = self._roof.wiring.plan().uplinks
        papers = {each.name: self._roof.binding.certificate(each.name) for each in uplinks}
        return self.page(request, "platform", papers=papers)

    async def paper(self, request: web.Request) -> web.StreamResponse:
        """The acceptance sheet to sign."""
        now = self._vitals()
        uplinks = self._roof.wiring.plan().uplinks
        return self.page(
            request,
            "paper",
            papers={each.name: self._roof.binding.certificate(each.name) for each in uplinks},
            printed=wall_text(now.clock.wall_ns, now.timezone, WHEN),
        )

    def page(
        self, request: web.Request, name: str, *, status: int = 200, **more: Any
    ) -> web.Response:
        """The page of that name, with everything that any of them shows."""
        words, now = translator_for(request), self._vitals()
        plan, records = self._roof.wiring.plan(), self._records

        def record(key: str) -> Mapping[str, Any] | None:
            kept = records.get(key)
            return None if kept is None else self._said(kept, now)

        def vouched(id_: str) -> list[PointVitals]:
            """The points of a device that a sheet of paper lists."""
            device = next((each for each in now.devices if each.id == id_), None)
            points = () if device is None else device.points
            return [each for each in points if each.kind or records.get(f"{id_}.{each.id}")]

        def recorded(id_: str) -> set[str]:
            """The points of a device that somebody has compared."""
            keys = (key.partition(".") for key in records.all)
            return {point for device, _, point in keys if device == id_}

        lacks = steps.missing_items(plan, now, records.all)
        return request.app[PAGES].render(
            request,
            f"setup/{name}.html",
            now,
            self.views(now, words, name),
            status=status,
            page=name,
            plan=plan,
            lacks=lacks,
            by_step=steps.by_step(lacks),
            stops=steps.setup_steps(lacks, plan),
            change=self._roof.wiring,
            live={device.id: device for device in now.devices},
            lines={bus.id: bus for bus in now.buses},
            lines_usual=LINES,
            place_names={"": plan.name, **{each.id: each.path for each in plan.places}},
            record=record,
            vouched=vouched,
            recorded=recorded,
            record_mark=lambda kept: record_mark(kept, words),
            unit=value_format.unit_text,
            has_sound=self._roof.sounds is not None,
            lan_open=self._roof.lan_open(),
            split=first_compared,
            whoami=_name(request),
            **more,
        )

    def bus(self, id_: str) -> LinePlan:
        """The line of that id; NotFound if there is none."""
        bus = next((bus for bus in self._roof.wiring.plan().buses if bus.id == id_), None)
        if bus is None:
            raise NotFound("setup.no-line", bus=id_[:40])
        return bus

    def _said(self, kept: AcceptanceRecord, now: Vitals) -> Mapping[str, Any]:
        """A record as a page shows it."""
        wall_ns, trust = self._records.time_of(kept)
        return {
            "kept": kept,
            "who": self._names().get(kept.who, kept.who),
            "when": wall_text(wall_ns, now.timezone, WHEN),
            "trust": trust.value,
        }


def _name(request: web.Request) -> str:
    caller = request.get(CALLER)
    return "" if caller is None else caller.name
