"""All checks, in the order in which a person reads them: what carries the others first.

A check is a small pure function: facts in, what it says out. It says nothing where there is
nothing to look at (no loudspeakers, no platform), and `unseen` where it would have to look and
cannot. To add one: write the function, put it into `CHECKS`, write its texts and their remedies
(`[doctor]` in `gateway/texts`), and seed its fault in `tests/appliance/doctor/faults.py`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.appliance.doctor.checks import (
    clock,
    faults,
    field,
    machine,
    platform,
    settings,
    sound,
    storage,
)
from gateway.appliance.doctor.facts import Facts
from gateway.appliance.doctor.finding import Finding, Said

Look = Callable[[Facts], Iterator[Said]]


class Check(NamedTuple):
    """One check: its id, the group that it is shown in, and how it looks."""

    id: str
    group: str
    look: Look


CHECKS = (
    Check("station", "station", settings.station),
    Check("settings", "station", settings.mistakes),
    Check("remarks", "station", settings.remarks),
    Check("in-force", "station", settings.in_force),
    Check("units", "station", machine.units),
    Check("sandbox", "station", machine.sandbox),
    Check("packages", "station", machine.packages),
    Check("tasks", "station", faults.tasks),
    Check("faults", "station", faults.faults),
    Check("watchdog", "machine", machine.watchdog),
    Check("power", "machine", machine.power),
    Check("temperature", "machine", machine.temperature),
    Check("memory", "machine", machine.memory),
    Check("memory-ours", "machine", machine.memory_ours),
    Check("disk", "storage", storage.disk),
    Check("wear", "storage", storage.wear),
    Check("journal", "storage", storage.journal),
    Check("refusals", "storage", faults.refusals),
    Check("outage", "storage", storage.outage),
    Check("private", "storage", storage.private),
    Check("permissions", "storage", storage.permissions),
    Check("clock", "clock", clock.clock),
    Check("port", "field", field.ports),
    Check("bus", "field", field.buses),
    Check("bluetooth", "field", field.bluetooth),
    Check("device", "field", field.devices),
    Check("programs", "sound", sound.programs),
    Check("audio", "sound", sound.audio),
    Check("speaker", "sound", sound.speakers),
    Check("voice", "sound", sound.voices),
    Check("kiosk", "kiosk", sound.kiosks),
    Check("uplink", "platform", platform.uplinks),
    Check("certificate", "platform", platform.certificates),
    Check("platform-certificate", "platform", platform.platform_certificates),
    Check("platform-clock", "platform", platform.clocks),
    Check("desk", "desk", platform.desk),
    Check("desk-certificate", "desk", platform.desk_certificate),
)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """What all checks say of these facts."""
    return tuple(
        Finding(
            check=check.id,
            group=check.group,
            level=said.level,
            code=said.code,
            subject=said.subject,
            data=said.data,
        )
        for check in CHECKS
        for said in check.look(facts)
    )
