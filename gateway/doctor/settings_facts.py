"""The settings as the doctor needs them: mistakes, remarks, the journal's room."""

from pathlib import Path

from gateway.config.forecast import make_forecast
from gateway.config.load import examine, settings_file
from gateway.config.remarks import all_remarks
from gateway.config.schema import Settings
from gateway.doctor.model.facts import SandboxFacts, SettingsFacts
from gateway.install.due import sandbox_fits


def read_settings_facts(config: Path, state: Path) -> tuple[SettingsFacts, Settings | None]:
    """The facts of the file, and the settings if they have no mistake."""
    settings, mistakes = examine(config)
    file = str(settings_file(config))
    if settings is None:
        return SettingsFacts(file=file, mistakes=mistakes), None
    return facts_of_settings(settings, file, state), settings


def facts_of_settings(settings: Settings, file: str, state: Path) -> SettingsFacts:
    """The facts of settings without a mistake."""
    ahead = make_forecast(settings)
    return SettingsFacts(
        file=file,
        remarks=all_remarks(settings, ahead, state),
        quota_mb=settings.journal.quota_mb,
        wear_gb_per_day=settings.journal.wear_gb_per_day,
        outage_days=ahead.journal.outage_days,
        speakers=len(settings.sound.speakers),
        bluetooth=any(bus.kind == "ble" for bus in settings.buses.values()),
        narrowed=tuple(SandboxFacts(unit, how) for unit, how in sandbox_fits(settings)),
    )


def serial_ports(settings: Settings | None) -> tuple[tuple[str, str], ...]:
    """The ports by bus."""
    buses = settings.buses.values() if settings else ()
    return tuple(
        (bus.id, str(getattr(bus.options, "port", ""))) for bus in buses if bus.kind == "serial"
    )
