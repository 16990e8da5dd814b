"""What needs a person: a line down, a silent device or screen, an expiring certificate."""

from drivers.bus.device import TWO_ANSWERS
from gateway.health import (
    BusVitals,
    DeviceVitals,
    ScreenVitals,
    UplinkVitals,
    Vitals,
    certificate_days_left,
)
from gateway.live.view import bus_trouble
from gateway.web.i18n import Translator
from gateway.web.section import Need, NeedAction

# Shorter outages are transient: the line retries by itself.
SILENT_S = 300

DEVICES_MAX = 6
MINUTE_NS = 60_000_000_000


def list_needs(vitals: Vitals, words: Translator) -> tuple[Need, ...]:
    """A row for each line that is down, and each silent device elsewhere, the longest first."""
    down = [bus for bus in vitals.buses if bus.state == "down"]
    lines = {bus.id for bus in down}
    silent = [
        device
        for device in vitals.devices
        if device.state in {"silent", "faulty"}
        and device.code != TWO_ANSWERS
        and device.bus not in lines
        and vitals.at_ns - device.since_ns >= SILENT_S * 1_000_000_000
    ]
    silent.sort(key=lambda device: device.since_ns)
    return (
        *(_line(bus, words) for bus in down),
        *(
            _twice(device, vitals, words)
            for device in vitals.devices
            if device.code == TWO_ANSWERS and device.bus not in lines
        ),
        *(_device(device, vitals, words) for device in silent[:DEVICES_MAX]),
        *(
            _certificate(uplink, days, words)
            for uplink in vitals.uplinks
            if (days := certificate_days_left(uplink, vitals.clock)) is not None
        ),
        *(_screen(one, one.silent_s, words) for one in vitals.screens if one.silent_s is not None),
    )


def _line(bus: BusVitals, words: Translator) -> Need:
    return Need(
        key=f"bus-{bus.id}",
        urgency=2,
        hue="is-fix",
        pictogram="plug",
        amount=bus.devices,
        unit=words("live.need-devices"),
        title=words("live.need-bus", bus=bus.called),
        text=bus_trouble(bus, words) or bus.where,
        actions=(NeedAction(words("live.need-look"), "meter", "/", quiet=True),),
    )


def _device(device: DeviceVitals, vitals: Vitals, words: Translator) -> Need:
    bus = vitals.bus_called(device.bus)
    return Need(
        key=f"device-{device.id}",
        urgency=1,
        hue="is-fix",
        pictogram="meter",
        amount=(vitals.at_ns - device.since_ns) // MINUTE_NS,
        unit=words("live.need-minutes"),
        title=words("live.need-device", name=device.name),
        text=f"{device.place} · {bus}" if device.place else bus,
        actions=(
            NeedAction(words("live.need-look"), "chart", f"/devices/{device.id}", quiet=True),
        ),
    )


def _twice(device: DeviceVitals, vitals: Vitals, words: Translator) -> Need:
    return Need(
        key=f"device-{device.id}",
        urgency=1,
        hue="is-fix",
        pictogram="meter",
        amount=2,
        unit=words("live.need-answers"),
        title=words("live.need-twice", name=device.name),
        text=words("live.need-twice-do", bus=vitals.bus_called(device.bus), address=device.address),
        actions=(
            NeedAction(words("live.need-look"), "chart", f"/devices/{device.id}", quiet=True),
        ),
    )


def _screen(screen: ScreenVitals, silent_s: float, words: Translator) -> Need:
    return Need(
        key=f"screen-{screen.kiosk}",
        urgency=2,
        hue="is-fix",
        pictogram="plug",
        amount=int(silent_s // 60),
        unit=words("live.need-minutes"),
        title=words("live.need-screen", kiosk=screen.kiosk),
        text=words("live.need-screen-do"),
        actions=(NeedAction(words("live.need-look"), "meter", "/", quiet=True),),
    )


def _certificate(uplink: UplinkVitals, days: int, words: Translator) -> Need:
    over = days < 0
    return Need(
        key=f"certificate-{uplink.name}",
        urgency=2 if over else 1,
        hue="is-fix",
        pictogram="key",
        amount=abs(days),
        unit=words("live.need-days-over" if over else "live.need-days"),
        title=words("live.need-certificate", uplink=uplink.name),
        text=words("live.need-certificate-do"),
        actions=(NeedAction(words("live.need-look"), "cloud", "/", quiet=True),),
    )
