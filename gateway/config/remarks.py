"""Remarks on the settings: no mistakes, but worth knowing before the installer leaves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.config import rule_warnings, sound
from gateway.config.forecast import Forecast
from gateway.config.load import own_profiles
from gateway.config.profile_check import doubtful_addresses, unit_faults, unused_profile_faults
from gateway.config.schema import Settings
from gateway.toml import Phrase

_MIB = 1_048_576


def all_remarks(settings: Settings, ahead: Forecast, state: Path) -> tuple[Phrase, ...]:
    """The remarks of every room."""
    return (
        *forecast_remarks(ahead, state),
        *rule_warnings.holiday_remarks(settings.rules),
        *rule_warnings.sensors_without_rule(
            settings.rules,
            settings.devices.values(),
            {key.input for key in settings.sound.keys.values()},
        ),
        *rule_warnings.silent_by_night(settings),
        *rule_warnings.missed_presses(settings),
        *sound.sound_remarks(settings.rules.linkages, settings.sound),
        *sound.shared_speakers(settings.zones, settings.sound.speakers),
        *sound.deaf_by_night(settings),
    )


def model_remarks(settings: Settings, file: Path) -> Iterator[Phrase]:
    """Doubtful values in models, and mistakes in models that no device uses."""
    used = {each.profile.id: each.profile for each in settings.devices.values()}
    for profile in used.values():
        yield from doubtful_addresses(profile)
        yield from (each for each in unit_faults(profile) if each.data["unit"].isascii())
    yield from unused_profile_faults(own_profiles(file), used)


def forecast_remarks(ahead: Forecast, state: Path) -> Iterator[Phrase]:
    """Remarks that follow from the forecast and from the disk of the state."""
    if not ahead.uplinks:
        yield Phrase("check.no-uplink")
    elif not any(uplink.required for uplink in ahead.uplinks):
        yield Phrase("check.none-required")
    for uplink in ahead.uplinks:
        if uplink.worth != "stored":
            yield Phrase(f"check.worth-{uplink.worth}", {"uplink": uplink.id})
    yield from _on_devices(ahead)
    for bus in ahead.buses:
        if bus.where is not None and bus.where.startswith("/dev/") and not Path(bus.where).exists():
            yield Phrase("check.no-port", {"bus": bus.id, "port": bus.where})
        if not bus.devices:
            yield Phrase("check.empty-bus", {"bus": bus.id})
    if state.is_dir():
        room_mb = (shutil.disk_usage(state).free + _used(state)) // _MIB
        if room_mb < ahead.journal.quota_mb:
            data = {"quota_mb": ahead.journal.quota_mb, "room_mb": room_mb}
            yield Phrase("check.small-disk", data)


def _on_devices(ahead: Forecast) -> Iterator[Phrase]:
    unverified = sorted({device.profile for device in ahead.devices if device.unverified})
    if unverified:
        yield Phrase("check.unverified", {"profiles": ", ".join(unverified)})
    for device in ahead.devices:
        if device.needs_s is not None and device.every_s > device.needs_s:
            data = {"device": device.id, "every_s": device.every_s, "needs_s": device.needs_s}
            yield Phrase("check.misses-presses", data)


def _used(state: Path) -> int:
    journal = state / "journal.db"
    return journal.stat().st_size if journal.exists() else 0
