"""The pages: each is the plan, the vital signs, and what somebody has vouched for."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.errors import NotFound
from gateway.health import PointVitals, Vitals
from gateway.setup import steps
from gateway.setup.contract import BusPlan, Roof
from gateway.setup.records import Record, Records
from gateway.setup.view import Views, record_mark
from gateway.web import reading
from gateway.web.frame import wall_text
from gateway.web.gate import CALLER
from gateway.web.pages import PAGES
from gateway.web.words import words_for

WHEN = "%Y-%m-%d %H:%M"

LINES = ("9600 8N1", "2400 8E1", "4800 8N1", "19200 8N1", "9600 8E1", "115200 8N1")
"""Line settings that meters are delivered with."""

Names = Callable[[], Mapping[str, str]]


class Desk:
    """The handlers of the pages that are only read."""

    def __init__(
        self, roof: Roof, records: Records, vitals: Callable[[], Vitals], names: Names
    ) -> None:
        """`names` are the people with an account, by id."""
        self._roof = roof
        self._records = records
        self._vitals = vitals
        self._names = names
        self.views = Views(roof, records)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """How far it is, and what is missing."""
        return self.page(request, "home")

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """The wires."""
        return self.page(request, "lines")

    async def scan(self, request: web.Request) -> web.StreamResponse:
        """The search of one line."""
        bus = self._bus(request.match_info["id"])
        scan = self._roof.searching.scan
        mine = scan if scan.bus == bus.id else type(scan)(bus=bus.id)
        return self.page(request, "scan", bus=bus, scan=mine, other=scan.under_way and scan)

    async def devices(self, request: web.Request) -> web.StreamResponse:
        """Every device with its values, beside what its own display shows."""
        return self.page(request, "devices")

    async def places(self, request: web.Request) -> web.StreamResponse:
        """The tree of places, and the zones."""
        return self.page(request, "places")

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The loudspeakers."""
        return self.page(request, "sound")

    async def platform(self, request: web.Request) -> web.StreamResponse:
        """The way to a platform."""
        uplinks = self._roof.wiring.plan().uplinks
        papers = {each.name: self._roof.binding.papers(each.name) for each in uplinks}
        return self.page(request, "platform", papers=papers)

    async def paper(self, request: web.Request) -> web.StreamResponse:
        """The sheet that is signed."""
        now = self._vitals()
        uplinks = self._roof.wiring.plan().uplinks
        return self.page(
            request,
            "paper",
            papers={each.name: self._roof.binding.papers(each.name) for each in uplinks},
            printed=wall_text(now.clock.wall_ns, now.timezone, WHEN),
        )

    def page(
        self, request: web.Request, name: str, *, status: int = 200, **more: Any
    ) -> web.Response:
        """The page of that name, with everything that any of them shows."""
        words, now = words_for(request), self._vitals()
        plan, records = self._roof.wiring.plan(), self._records

        def record(key: str) -> Mapping[str, Any] | None:
            kept = records.get(key)
            return None if kept is None else self._said(kept, now)

        def vouched(id_: str) -> list[PointVitals]:
            """The points of a device that a sheet of paper lists."""
            device = next((each for each in now.devices if each.id == id_), None)
            points = () if device is None else device.points
            return [each for each in points if each.kind or records.get(f"{id_}.{each.id}")]

        lacks = steps.missing(plan, now, records.all)
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
            stops=steps.steps(lacks, plan),
            change=self._roof.wiring,
            live={device.id: device for device in now.devices},
            lines={bus.id: bus for bus in now.buses},
            lines_usual=LINES,
            place_names={"": plan.name, **{each.id: each.path for each in plan.places}},
            record=record,
            vouched=vouched,
            record_mark=lambda kept: record_mark(kept, words),
            unit=reading.unit,
            has_sound=self._roof.sounds is not None,
            whoami=_name(request),
            **more,
        )

    def _bus(self, id_: str) -> BusPlan:
        bus = next((bus for bus in self._roof.wiring.plan().buses if bus.id == id_), None)
        if bus is None:
            raise NotFound("setup.no-line", bus=id_[:40])
        return bus

    def _said(self, kept: Record, now: Vitals) -> Mapping[str, Any]:
        """A record as a page shows it."""
        return {
            "kept": kept,
            "who": self._names().get(kept.who, kept.who),
            "when": wall_text(kept.wall_ns, now.timezone, WHEN),
            "trust": kept.trust.value,
        }


def _name(request: web.Request) -> str:
    caller = request.get(CALLER)
    return "" if caller is None else caller.name
