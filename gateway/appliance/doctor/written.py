"""Reads the settings as the doctor needs them: mistakes, remarks, what the journal has room for."""

from collections.abc import Iterator
from pathlib import Path

from gateway.appliance.check import all_remarks
from gateway.appliance.doctor.facts import Narrowed, Written
from gateway.appliance.install.plan import AUDIO, DROPINS, GATEWAY, UNITS
from gateway.appliance.install.sandbox import audio_dropin, closes, gateway_dropin
from gateway.appliance.install.score import with_dropin
from gateway.appliance.load import examine, settings_file
from gateway.appliance.outlook import outlook
from gateway.appliance.schema import Settings


def written(config: Path, state: Path) -> tuple[Written, Settings | None]:
    """What lies there, and the settings if there is no mistake in them."""
    settings, mistakes = examine(config)
    file = str(settings_file(config))
    if settings is None:
        return Written(file=file, mistakes=mistakes), None
    return sound(settings, file, state), settings


def sound(settings: Settings, file: str, state: Path) -> Written:
    """What is to be said of settings without a mistake, which lie in that file."""
    ahead = outlook(settings)
    return Written(
        file=file,
        remarks=all_remarks(settings, ahead, state),
        quota_mb=settings.journal.quota_mb,
        wear_gb_per_day=settings.journal.wear_gb_per_day,
        outage_days=ahead.journal.outage_days,
        speakers=len(settings.sound.speakers),
        bluetooth=any(bus.kind == "ble" for bus in settings.buses.values()),
        narrowed=tuple(_narrowed(settings, Path("/"))),
    )


def _narrowed(settings: Settings, root: Path) -> Iterator[Narrowed]:
    """How the units that are installed compare with what these settings need."""
    needed = {GATEWAY: gateway_dropin(settings).text, AUDIO: audio_dropin(settings).text}
    for name, dropin in DROPINS.items():
        unit, present = _read(root / UNITS / name), _read(root / dropin)
        if unit is None:  # nothing is installed here
            continue
        if closes(with_dropin(unit, present or ""), with_dropin(unit, needed[name])):
            yield Narrowed(name, "tight")
        else:
            yield Narrowed(name, "fits" if present == needed[name] else "loose")


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


def serial_ports(settings: Settings | None) -> tuple[tuple[str, str], ...]:
    """The ports by bus."""
    buses = settings.buses.values() if settings else ()
    return tuple(
        (bus.id, str(getattr(bus.options, "port", ""))) for bus in buses if bus.kind == "serial"
    )
