"""The computer below the station: power, heat, memory, units, packages."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn

# A Pi throttles itself from 80 °C on, and severely at 85 °C.
HOT_C, TOO_HOT_C = 75.0, 82.0

# Bits of the firmware's `get_throttled` word; 16 bits higher: since boot.
UNDERVOLTED, SLOWED = 0x1, 0x2 | 0x4 | 0x8

SINCE_BOOT = 16

AVAILABLE_WARN, AVAILABLE_BAD = 0.10, 0.04
OURS_WARN = 0.9
RESTARTS_WARN = 5
MIB = 1_048_576


def power(facts: StationFacts) -> Iterator[CheckResult]:
    """Under-voltage, the most common cause of trouble on a Pi."""
    bits = facts.machine.throttled if facts.machine else None
    if bits is None:
        yield unseen("doctor.power-unseen")
    elif bits & UNDERVOLTED:
        yield bad("doctor.power-low")
    elif bits >> SINCE_BOOT & UNDERVOLTED:
        yield warn("doctor.power-was-low")
    elif bits & SLOWED:
        yield warn("doctor.power-slowed")
    else:
        yield good("doctor.power-good")


def temperature(facts: StationFacts) -> Iterator[CheckResult]:
    """The hottest sensor."""
    found = facts.machine.temperature_c if facts.machine else None
    if found is None:
        yield unseen("doctor.temperature-unseen")
        return
    say = bad if found >= TOO_HOT_C else warn if found >= HOT_C else good
    hot = found >= HOT_C
    yield say("doctor.temperature-high" if hot else "doctor.temperature-good", c=round(found))


def memory(facts: StationFacts) -> Iterator[CheckResult]:
    """The machine's free memory."""
    found = facts.machine.memory if facts.machine else None
    if found is None or not found.total or found.available is None:
        yield unseen("doctor.memory-unseen")
        return
    share = found.available / found.total
    say = bad if share < AVAILABLE_BAD else warn if share < AVAILABLE_WARN else good
    low = share < AVAILABLE_WARN
    mb, of_mb = found.available // MIB, found.total // MIB
    yield say("doctor.memory-low" if low else "doctor.memory-good", mb=mb, of_mb=of_mb)


def memory_ours(facts: StationFacts) -> Iterator[CheckResult]:
    """The station's unit within its limit, which only systemd measures."""
    found = facts.machine.memory if facts.machine else None
    if found is None or found.ours is None or not found.limit:
        return
    mb, of_mb = found.ours // MIB, found.limit // MIB
    if found.kills:
        yield bad("doctor.memory-killed", count=found.kills, of_mb=of_mb)
    elif found.ours >= found.limit * OURS_WARN:
        yield warn("doctor.memory-ours-high", mb=mb, of_mb=of_mb)
    else:
        yield good("doctor.memory-ours-good", mb=mb, of_mb=of_mb)


def units(facts: StationFacts) -> Iterator[CheckResult]:
    """The state of the station's services."""
    found = facts.machine.units if facts.machine else None
    if found is None:
        return
    for unit in found:
        if unit.state == "failed":
            yield bad("doctor.unit-failed", unit.name, unit=unit.name, result=unit.result)
        elif unit.state != "active":
            yield bad("doctor.unit-stopped", unit.name, unit=unit.name, state=unit.state)
        elif unit.restarts >= RESTARTS_WARN:
            yield warn("doctor.unit-restarts", unit.name, unit=unit.name, count=unit.restarts)
        else:
            yield good("doctor.unit-good", unit.name, unit=unit.name)


def sandbox(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether the installed sandbox still fits the settings."""
    for each in facts.written.narrowed if facts.written else ():
        if each.how == "tight":
            yield bad("doctor.sandbox-tight", each.unit, unit=each.unit)
        elif each.how == "loose":
            yield warn("doctor.sandbox-loose", each.unit, unit=each.unit)
        else:
            yield good("doctor.sandbox-good", each.unit, unit=each.unit)


def watchdog(facts: StationFacts) -> Iterator[CheckResult]:
    """The machine's watchdog, which restarts it if the kernel hangs."""
    found = facts.machine.watchdog if facts.machine else None
    if found is None:
        yield unseen("doctor.watchdog-unseen")
    elif found == "active":
        yield good("doctor.watchdog-good")
    else:
        yield warn("doctor.watchdog-off")


def packages(facts: StationFacts) -> Iterator[CheckResult]:
    """Another package with our import names would run in place of ours."""
    if facts.machine is None:
        return
    for name, others in sorted(facts.machine.packages.items()):
        yield bad("doctor.package-taken", name, name=name, others=", ".join(others))
    if not facts.machine.packages:
        yield good("doctor.packages-good")


CHECKS = (
    DoctorCheck("units", "station", units),
    DoctorCheck("sandbox", "station", sandbox),
    DoctorCheck("packages", "station", packages),
    DoctorCheck("watchdog", "machine", watchdog),
    DoctorCheck("power", "machine", power),
    DoctorCheck("temperature", "machine", temperature),
    DoctorCheck("memory", "machine", memory),
    DoctorCheck("memory-ours", "machine", memory_ours),
)
