"""The field: ports, buses, Bluetooth, devices."""

from collections.abc import Iterator, Sequence

from drivers.bus.device import TWO_ANSWERS
from drivers.message import INLET_NAMES
from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.health import BusVitals, DeviceVitals
from gateway.toml import Phrase

BUSY = 0.9

# A shorter silence is a passing fault: the line retries by itself.
SILENT_S = 300

# Beyond this many silent devices only their number is reported.
NAMED_MAX = 6

GONE = frozenset({"silent", "faulty"})


def ports(facts: StationFacts) -> Iterator[CheckResult]:
    """Serial ports of the settings: present and usable."""
    for port in facts.machine.ports if facts.machine else ():
        if not port.exists:
            yield bad("doctor.port-gone", port.bus, bus=port.bus, path=port.path)
        elif not port.allowed:
            yield bad("doctor.port-shut", port.bus, bus=port.bus, path=port.path)
        else:
            yield good("doctor.port-good", port.bus, bus=port.bus, path=port.path)


def buses(facts: StationFacts) -> Iterator[CheckResult]:
    """Each line: open, and not too busy to keep its periods."""
    if facts.running is None:
        yield unseen("doctor.field-unseen")
        return
    for bus in facts.running.vitals.buses:
        percent = round(bus.load * 100)
        if bus.state == "down":
            why = Phrase("doctor.no-reason") if bus.code is None else Phrase(bus.code, bus.data)
            code = "doctor.inlet-down" if bus.kind in INLET_NAMES else "doctor.bus-down"
            yield bad(code, bus.id, bus=bus.called, where=bus.where, why=why)
        elif bus.kind in INLET_NAMES:
            yield good("doctor.inlet-good", bus.id, bus=bus.called)
        elif bus.load > BUSY:
            yield warn("doctor.bus-busy", bus.id, bus=bus.called, percent=percent)
        else:
            yield good("doctor.bus-good", bus.id, bus=bus.called, percent=percent)


def bluetooth(facts: StationFacts) -> Iterator[CheckResult]:
    """An adapter, if the settings need Bluetooth."""
    if facts.written is None or not facts.written.bluetooth or facts.machine is None:
        return
    if _heard(facts):  # a line that is up proves its adapter, wherever the kernel shows it
        yield good("doctor.bluetooth-good")
    elif facts.machine.bluetooth is None:
        yield unseen("doctor.bluetooth-unseen")
    elif not facts.machine.bluetooth:
        yield bad("doctor.bluetooth-gone")
    else:
        yield good("doctor.bluetooth-good")


def _heard(facts: StationFacts) -> bool:
    running = facts.running
    return running is not None and any(
        bus.kind == "ble" and bus.state == "up" for bus in running.vitals.buses
    )


def devices(facts: StationFacts) -> Iterator[CheckResult]:
    """Silent devices on working lines; a whole silent line is one finding."""
    if facts.running is None or not facts.running.vitals.devices:
        return
    vitals = facts.running.vitals
    up = {bus.id: bus for bus in vitals.buses if bus.state != "down"}
    lost = [d for d in vitals.devices if d.bus in up and _lost(d, vitals.at_ns)]
    dead = {bus for bus, one in up.items() if _all_lost(one, lost)}
    for bus in sorted(dead):
        yield bad("doctor.line-silent", bus, bus=bus, count=up[bus].devices)
    alone = [device for device in lost if device.bus not in dead]
    for device in alone[:NAMED_MAX]:
        code = f"doctor.device-{device.state}"
        yield warn(
            code,
            device.id,
            name=device.name,
            bus=vitals.bus_called(device.bus),
            address=device.address,
        )
    if len(alone) > NAMED_MAX:
        yield warn("doctor.devices-more", "more", count=len(alone) - NAMED_MAX)
    for device in vitals.devices:
        if device.code == TWO_ANSWERS and device.bus in up:
            at = {
                "name": device.name,
                "bus": vitals.bus_called(device.bus),
                "address": device.address,
            }
            yield warn("doctor.device-twice", device.id, **at)
    if not lost:
        answering = sum(device.state == "ok" for device in vitals.devices)
        yield good("doctor.devices-good", count=answering, of=len(vitals.devices))


def _lost(device: DeviceVitals, now_ns: int) -> bool:
    return device.state in GONE and now_ns - device.since_ns >= SILENT_S * 1_000_000_000


def _all_lost(bus: BusVitals, lost: Sequence[DeviceVitals]) -> bool:
    silent = sum(device.bus == bus.id for device in lost)
    return bus.devices > 1 and silent == bus.devices


CHECKS = (
    DoctorCheck("port", "field", ports),
    DoctorCheck("bus", "field", buses),
    DoctorCheck("bluetooth", "field", bluetooth),
    DoctorCheck("device", "field", devices),
)
