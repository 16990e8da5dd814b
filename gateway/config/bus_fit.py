"""Whether the devices and their buses fit: address, framing, and what the wire can carry."""

import os
from collections.abc import Iterator, Mapping
from typing import cast

from drivers.bus.bus_plan import BusPlan, PolledBusOptions, plan_bus
from drivers.contract import BusOverloaded, FieldError
from drivers.registry import families
from drivers.serial_line import SerialLine, intended_baud
from gateway.config.schema import BusSetting, DeviceSetting
from gateway.config.shapes import SHAPES_APART, blamed_key, needs_inlet, polls, shape_faults
from gateway.toml import Decoder, KeyPath


def surveys(
    buses: Mapping[str, BusSetting], devices: Mapping[str, DeviceSetting]
) -> Iterator[tuple[BusSetting, BusPlan]]:
    """Plan the polling of each bus; a bus that only listens has no load."""
    for bus in buses.values():
        if not polls(bus.options):
            continue
        on_it = [
            each.device
            for each in devices.values()
            if each.options.bus_id == bus.id and _surveyed(each)
        ]
        yield bus, plan_bus(bus.id, cast(PolledBusOptions, bus.options), on_it)


def _surveyed(setting: DeviceSetting) -> bool:
    """Whether the survey of a bus judges it: a family of no other shape."""
    driver = families()[setting.profile.family]
    return driver.shape not in SHAPES_APART and not needs_inlet(driver)


def check_fit(
    decoder: Decoder, buses: Mapping[str, BusSetting], devices: Mapping[str, DeviceSetting]
) -> None:
    """Report everything that keeps these devices from running on these buses."""
    for bus, found in surveys(buses, devices):
        for fault in found.faults:
            if isinstance(fault, BusOverloaded):
                _overloaded(decoder, bus, found)
            else:
                decoder.blame_error(_blamed(bus, fault), fault)
        _judge_keys(decoder, found, devices)
    for path, fault in shape_faults(buses, devices):
        decoder.blame_error(path, fault)
    _judge_ports(decoder, buses)
    _judge_speeds(decoder, buses, devices)


def _judge_ports(decoder: Decoder, buses: Mapping[str, BusSetting]) -> None:
    """Refuse a port that two buses name: the second would find it locked."""
    first: dict[str, str] = {}
    for bus in buses.values():
        port = getattr(bus.options, "port", None)
        if not isinstance(port, str):
            continue
        real = os.path.realpath(port) if port.startswith("/") else port
        had = first.setdefault(real, bus.id)
        if had != bus.id:
            decoder.judge(("bus", bus.id, "port"), "check.port-twice", port=port, first=had)


def _judge_speeds(
    decoder: Decoder, buses: Mapping[str, BusSetting], devices: Mapping[str, DeviceSetting]
) -> None:
    """Report a speed that no device has if one with a digit more or less is usual."""
    written = [
        *((("bus", bus.id, "line"), getattr(bus.options, "line", None)) for bus in buses.values()),
        *((("device", d.id, "line"), d.options.line) for d in devices.values()),
    ]
    for path, text in written:
        if text is None:
            continue
        line = SerialLine.parse(text)
        meant = intended_baud(line.baud)
        if meant is not None:
            decoder.judge(path, "check.odd-speed", baud=line.baud, meant=meant)


def _overloaded(decoder: Decoder, bus: BusSetting, found: BusPlan) -> None:
    """Name the three devices that cost most: reading them less often helps."""
    by_cost = sorted(found.load.by_device.items(), key=lambda item: -item[1])[:3]
    most = ", ".join(f"{device} {share:.0%}" for device, share in by_cost)
    decoder.blame(("bus", bus.id), "check.overloaded", planned=f"{found.load.share:.0%}", most=most)


def _judge_keys(decoder: Decoder, found: BusPlan, devices: Mapping[str, DeviceSetting]) -> None:
    """A key is pressed only briefly: its module must be read at least that often."""
    for name, bound in found.bounds.items():
        press_s = devices[name].options.pressed_every_s
        if press_s is not None and bound.waits_s > press_s:
            decoder.judge(
                ("device", name, "bus"),
                "check.key-waits",
                device=name,
                behind=bound.behind,
                waits_s=round(bound.waits_s, 2),
                press_s=press_s,
            )


def _blamed(bus: BusSetting, fault: FieldError) -> KeyPath:
    device = fault.data.get("device")
    return blamed_key(device, fault) if isinstance(device, str) else ("bus", bus.id)
