"""The section of `/setup/`, tab 6; every page needs the install permission."""

from collections.abc import Callable
from pathlib import Path

from gateway.health import Vitals
from gateway.setup.acceptance import AcceptanceRecords
from gateway.setup.form_handlers import FormHandlers
from gateway.setup.page_handlers import PageHandlers, PeopleNames
from gateway.setup.ports import SetupPorts
from gateway.web.live_views import with_header
from gateway.web.section import GuardedPulse, Handler, NavTab, Permission, Route, Section

HERE = Path(__file__).parent
NAV_NUMBER = 6


def section(
    roof: SetupPorts, records: AcceptanceRecords, vitals: Callable[[], Vitals], names: PeopleNames
) -> Section:
    """The pages over that station."""
    desk = PageHandlers(roof, records, vitals, names)
    acts = FormHandlers(roof, records, desk, vitals)
    return Section(
        name="setup",
        routes=(
            _look("", desk.home),
            _look("lines", desk.lines),
            _look("scan/{id}", desk.scan),
            _look("devices", desk.devices),
            _look("places", desk.places),
            _look("sound", desk.sound),
            _look("platform", desk.platform),
            _look("paper", desk.paper),
            *(
                _act(path, acts.with_refusals(handler, f"/setup/{back}"), act)
                for path, handler, act, back in (
                    ("lines/add", acts.add_line, "line", "lines"),
                    ("scan/{id}/{what}", acts.search, "scan", "lines"),
                    ("devices/add", acts.add_devices, "device", "devices"),
                    ("devices/edit", acts.edit_device, "device", "devices"),
                    ("devices/wire", acts.wire, "input", "devices"),
                    ("devices/compare", acts.compare, "compare", "devices"),
                    ("places/keep", acts.place, "place", "places"),
                    ("zones/add", acts.add_zone, "zone", "places"),
                    ("speakers/add", acts.add_speaker, "speaker", "sound"),
                    ("speakers/beep", acts.beep, "beep", "sound"),
                    ("speakers/heard", acts.record_heard, "heard", "sound"),
                    ("platform/bind", acts.bind, "bind", "platform"),
                    ("remove", acts.remove, "remove", ""),
                )
            ),
        ),
        templates=HERE / "pages",
        nav=NavTab(NAV_NUMBER, "/setup/", "setup.tab"),
        pulses={"setup": GuardedPulse(Permission.INSTALL, with_header(desk.views))},
    )


def _look(path: str, handler: Handler) -> Route:
    return Route(path=f"/setup/{path}", handler=handler, permission=Permission.INSTALL)


def _act(path: str, handler: Handler, act: str) -> Route:
    return Route(
        path=f"/setup/{path}",
        handler=handler,
        method="POST",
        permission=Permission.INSTALL,
        act=f"setup/{act}",
    )
