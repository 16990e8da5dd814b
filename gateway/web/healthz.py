"""`/healthz`: is the station well? Yes, or no with every reason as a code.

Unwell is what a person must fix here: storage lost, or every bus down. An unreachable platform is
not, since the station works without it: it is a note, and the answer stays yes. Strangers get yes
or no only: a list of dead sensors would help burglars.
"""

from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from gateway.faults import DYING, dying_tasks
from gateway.health import Vitals, certificate_days_left
from gateway.web import responses
from gateway.web.authorization import view_permissions
from gateway.web.section import Permission, Route


class HealthReport(msgspec.Struct, frozen=True):
    """The answer: `reasons` make it a no, `notes` do not."""

    ok: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def assess_health(vitals: Vitals) -> HealthReport:
    """Assess one snapshot."""
    reasons = _reasons(vitals)
    return HealthReport(not reasons, reasons, _notes(vitals))


def _reasons(vitals: Vitals) -> tuple[str, ...]:
    found = []
    if vitals.journal.volatile:
        found.append("web.health-volatile")
    if vitals.buses and all(bus.state == "down" for bus in vitals.buses):
        found.append("web.health-buses-down")
    return tuple(found)


def _notes(vitals: Vitals) -> tuple[str, ...]:
    found = [
        *(f"bus.{bus.id}.{bus.state}" for bus in vitals.buses if bus.state != "up"),
        *(
            f"device.{device.id}.{device.state}"
            for device in vitals.devices
            if device.state != "ok"
        ),
        *(
            f"uplink.{uplink.name}.{uplink.state}"
            for uplink in vitals.uplinks
            if uplink.state != "up"
        ),
    ]
    found += [
        f"uplink.{uplink.name}.{uplink.worth}"
        for uplink in vitals.uplinks
        if uplink.worth != "stored"
    ]
    found += [
        f"uplink.{uplink.name}.certificate-{'over' if days < 0 else 'late'}"
        for uplink in vitals.uplinks
        if (days := certificate_days_left(uplink, vitals.clock)) is not None
    ]
    found += [
        f"kiosk.{screen.kiosk}.browser-silent"
        for screen in vitals.screens
        if screen.silent_s is not None
    ]
    found += [
        f"task.{fault.where.removeprefix(DYING)}.dying"
        for fault in dying_tasks(vitals.faults, vitals.at_ns)
    ]
    found += [f"journal.refuses.{one.room}" for one in vitals.refusals if one.held]
    if vitals.journal.evicted:
        found.append("web.health-evicted")
    return tuple(found)


def route(vitals: Callable[[], Vitals]) -> Route:
    async def healthz(request: web.Request) -> web.StreamResponse:
        answer = assess_health(vitals())
        if Permission.VIEW not in view_permissions(request):
            answer = HealthReport(answer.ok, (), ())
        status = HTTPStatus.OK if answer.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return responses.json_response(answer, status=status)

    return Route(
        path="/healthz",
        handler=healthz,
        permission=Permission.PUBLIC,
        summary="Is the station well: 200 or 503; who may look is told the reasons",
        returns=HealthReport,
        also={HTTPStatus.SERVICE_UNAVAILABLE: HealthReport},
    )
