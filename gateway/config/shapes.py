"""Checks whether each device's family may be used on its bus or inlet."""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from drivers.contract import BadAddress, FieldError, WrongUse
from drivers.family import Driver, Shape
from drivers.message import Radio
from drivers.registry import families
from gateway.config.schema import BusSetting, DeviceSetting
from gateway.rules.rule import Watch
from gateway.toml import KeyPath

# Devices of these shapes have a bus to themselves: nothing polls beside them.
SHAPES_APART = frozenset({Shape.MEASURED, Shape.ACTING})


def polls(options: msgspec.Struct) -> bool:
    """Whether the bus polls its devices: its options say what a poll costs."""
    return hasattr(options, "cost")


def blamed_key(device: str, fault: FieldError) -> KeyPath:
    """The key of a device that a fault is about."""
    return ("device", device, "address" if isinstance(fault, BadAddress) else "profile")


def shape_faults(
    buses: Mapping[str, BusSetting], devices: Mapping[str, DeviceSetting]
) -> Iterator[tuple[KeyPath, FieldError]]:
    """Faults of devices that are not polled, and of inlets, each with its key."""
    for setting in devices.values():
        bus = buses.get(setting.options.bus_id)
        if bus is None:
            continue
        driver = families()[setting.device.family]
        if driver.shape in SHAPES_APART:
            yield from _apart(setting, driver, bus)
        elif bus.inlet or not polls(bus.options):
            yield from _listening(setting, driver, bus)
        elif needs_inlet(driver):
            names = {"device": setting.id, "family": setting.device.family}
            fault = WrongUse("inlet.needed", **names, kind=getattr(_need(driver), "kind", ""))
            yield ("device", setting.id, "bus"), fault
    for bus in buses.values():
        on_it = [each for each in devices.values() if each.options.bus_id == bus.id]
        yield from _together(bus, on_it)
    yield from _listened_twice(buses)


def needs_inlet(driver: Driver) -> bool:
    """Whether devices of the family come in at an inlet instead of a bus."""
    return driver.shape is Shape.LISTENING and not isinstance(driver.inlet, Radio)


def _need(driver: Driver) -> object:
    return getattr(driver, "inlet", None)


def _listening(
    setting: DeviceSetting, driver: Driver, bus: BusSetting
) -> Iterator[tuple[KeyPath, FieldError]]:
    """A device that reports by itself needs a bus or inlet of the right kind."""
    need = _need(driver)
    fits = getattr(need, "kind", None) == bus.kind and isinstance(need, Radio) is not bus.inlet
    if fits:
        yield from ((blamed_key(setting.id, f), f) for f in driver.check(setting.device))
        return
    names = {"bus": bus.id, "device": setting.id, "family": setting.device.family}
    at = ("device", setting.id, "inlet" if bus.inlet else "profile")
    if bus.inlet:
        yield at, WrongUse("inlet.no-family", **names, kind=bus.kind)
    else:
        yield at, WrongUse("bus.no-family", **names)


def _apart(
    setting: DeviceSetting, driver: Driver, bus: BusSetting
) -> Iterator[tuple[KeyPath, FieldError]]:
    """A device that measures or acts needs a bus that can be opened, and no keys of polling."""
    names = {"bus": bus.id, "device": setting.id, "family": setting.device.family}
    if getattr(bus.options, "framing", None) not in getattr(driver, "framings", ()):
        yield ("device", setting.id, "profile"), WrongUse("bus.not-on-this-bus", **names)
    yield from ((blamed_key(setting.id, f), f) for f in driver.check(setting.device))
    if setting.shape is not Shape.MEASURED:
        return
    for key in ("report", "inputs"):
        if getattr(setting.options, key):
            yield ("device", setting.id, key), WrongUse("measured.never-reported", **names)


def _together(
    bus: BusSetting, devices: list[DeviceSetting]
) -> Iterator[tuple[KeyPath, FieldError]]:
    """Which devices may share a bus or inlet."""
    section = "inlet" if bus.inlet else "bus"
    shapes = {each.shape for each in devices}
    if shapes & SHAPES_APART and len(shapes) > 1:
        yield (section, bus.id), WrongUse("bus.mixed-shapes", bus=bus.id)
    of_families = sorted({each.profile.family for each in devices})
    if bus.inlet and not getattr(bus.options, "shared", True) and len(of_families) > 1:
        said = ", ".join(of_families)
        yield (section, bus.id), WrongUse("inlet.one-family", bus=bus.id, families=said)


def _listened_twice(buses: Mapping[str, BusSetting]) -> Iterator[tuple[KeyPath, FieldError]]:
    first: dict[int, str] = {}
    for bus, listen, port in _listening_ports(buses):
        had = first.setdefault(port, bus)
        if had != bus:
            yield ("inlet", bus, "listen"), WrongUse("inlet.listen-twice", listen=listen, first=had)


def _listening_ports(buses: Mapping[str, BusSetting]) -> Iterator[tuple[str, str, int]]:
    """Each inlet that listens: its id, its address with port, its port."""
    for bus in buses.values():
        listen = getattr(bus.options, "listen", None)
        if bus.inlet and isinstance(listen, str):
            yield bus.id, listen, int(listen.rpartition(":")[2])


def page_port_faults(
    buses: Mapping[str, BusSetting], ports: Collection[int]
) -> Iterator[tuple[KeyPath, FieldError]]:
    """Inlets on a port that the pages use."""
    for bus, listen, port in _listening_ports(buses):
        if port in ports:
            yield ("inlet", bus, "listen"), WrongUse("inlet.port-of-pages", listen=listen)


def measured_rules(
    watches: Iterable[Watch], devices: Mapping[str, DeviceSetting]
) -> Iterator[tuple[KeyPath, FieldError]]:
    """Rules that wait for a value which only the measuring person sees."""
    for watch in watches:
        for device, point in watch.inputs:
            setting = devices.get(device)
            if setting is not None and setting.shape is Shape.MEASURED:
                data = {"rule": watch.facts.rule, "device": device, "point": point}
                yield ("rule", watch.facts.rule, "on"), WrongUse("measured.no-rule", **data)
