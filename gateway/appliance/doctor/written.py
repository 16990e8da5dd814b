"""Reads the settings as the doctor needs them: mistakes, remarks, what the journal has room for."""

from pathlib import Path

from gateway.appliance.doctor.facts import Narrowed, Written
from gateway.appliance.install.fits import narrowed
from gateway.appliance.load import examine, settings_file
from gateway.appliance.outlook import outlook
from gateway.appliance.remarks import all_remarks
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
        narrowed=tuple(Narrowed(unit, how) for unit, how in narrowed(settings)),
    )


def serial_ports(settings: Settings | None) -> tuple[tuple[str, str], ...]:
    """The ports by bus."""
    buses = settings.buses.values() if settings else ()
    return tuple(
        (bus.id, str(getattr(bus.options, "port", ""))) for bus in buses if bus.kind == "serial"
    )
