"""All checks, in reading order: what others depend on comes first.

A check is a small pure function from facts to results. It yields nothing if there is nothing to
look at (no loudspeakers, no platform), and `unseen` if it should look and cannot. A file here, or
in `gateway/doctor/checks/` of an extension, is found if it defines `CHECKS`. The recipe is in
docs/CONTRIBUTING.md.
"""

import importlib
import pkgutil
from collections.abc import Iterator

from drivers.extensions import extension_folders
from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import Finding

__path__ += map(str, extension_folders("gateway", "doctor", "checks"))

# What is not named here comes last, in the order of files and of CHECKS in a file.
ORDER = (
    "station",
    "settings",
    "remarks",
    "in-force",
    "units",
    "sandbox",
    "packages",
    "tasks",
    "faults",
    "watchdog",
    "power",
    "temperature",
    "memory",
    "memory-ours",
    "disk",
    "wear",
    "journal",
    "refusals",
    "outage",
    "private",
    "permissions",
    "clock",
    "port",
    "bus",
    "bluetooth",
    "device",
    "programs",
    "audio",
    "speaker",
    "voice",
    "kiosk",
    "uplink",
    "certificate",
    "platform-certificate",
    "platform-clock",
    "desk",
    "desk-certificate",
)


def _checks() -> Iterator[DoctorCheck]:
    for found in pkgutil.iter_modules(__path__):
        yield from importlib.import_module(f"{__name__}.{found.name}").CHECKS


def _place(check: DoctorCheck) -> int:
    return ORDER.index(check.id) if check.id in ORDER else len(ORDER)


CHECKS = tuple(sorted(_checks(), key=_place))


def examine(facts: StationFacts) -> tuple[Finding, ...]:
    """Run all checks on these facts."""
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
