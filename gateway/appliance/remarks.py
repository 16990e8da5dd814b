"""What is no mistake in the settings but worth knowing before the installer leaves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.appliance import rule_remarks, sound
from gateway.appliance.load import own_profiles
from gateway.appliance.models import doubts, unit_faults, unused
from gateway.appliance.outlook import Outlook
from gateway.appliance.schema import Settings
from gateway.settings import Phrase

_MIB = 1_048_576


def all_remarks(settings: Settings, ahead: Outlook, state: Path) -> tuple[Phrase, ...]:
    """What is no mistake but worth knowing, of every room."""
    return (
        *remarks_on(ahead, state),
        *rule_remarks.remarks(settings.rules),
        *rule_remarks.unwatched(
            settings.rules,
            settings.devices.values(),
            {key.input for key in settings.sound.keys.values()},
        ),
        *rule_remarks.hushed(settings),
        *rule_remarks.delayed(settings),
        *sound.remarks(settings.rules.linkages, settings.sound),
        *sound.shared_speakers(settings.zones, settings.sound.speakers),
        *sound.deaf_by_night(settings),
    )


def model_remarks(settings: Settings, file: Path) -> Iterator[Phrase]:
    """What is doubtful in the models, and what is wrong in those that nobody uses."""
    used = {each.profile.id: each.profile for each in settings.devices.values()}
    for profile in used.values():
        yield from doubts(profile)
        yield from (each for each in unit_faults(profile) if each.data["unit"].isascii())
    yield from unused(own_profiles(file), used)


def remarks_on(ahead: Outlook, state: Path) -> Iterator[Phrase]:
    """What is no mistake but worth knowing before the installer leaves."""
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


def _on_devices(ahead: Outlook) -> Iterator[Phrase]:
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
