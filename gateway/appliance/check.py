"""`yizhan check`: every mistake in `station.toml` with its line, or what the station would do."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.appliance.editor import json_schema
from gateway.appliance.install.fits import worst_fit
from gateway.appliance.load import FILE_NAME, examine, own_profiles, settings_file
from gateway.appliance.models import doubts, unit_faults, unused
from gateway.appliance.outlook import Outlook, outlook
from gateway.appliance.ports import held_ports
from gateway.appliance.rule_remarks import delayed, hushed, unwatched
from gateway.appliance.rule_remarks import remarks as rule_remarks
from gateway.appliance.schema import Settings
from gateway.appliance.sound import deaf_by_night, shared_speakers
from gateway.appliance.sound import remarks as sound_remarks
from gateway.settings import Mistake, Phrase
from gateway.texts import Texts
from gateway.texts.parser import declare
from gateway.texts.table import table

_MIB = 1_048_576
_WHERE_CELLS_MAX = 72  # a port's name under /dev/serial/by-id


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.of_environment()
    parser = declare(subcommands, "check", texts)
    parser.add_argument(
        "--config",
        type=Path,
        default=config_default(),
        metavar="DIR",
        help=texts.say("check.config"),
    )
    parser.add_argument("--json", action="store_true", help=texts.say("check.json"))
    parser.add_argument("--schema", action="store_true", help=texts.say("check.schema-option"))
    parser.set_defaults(func=run)


def config_default() -> Path:
    """Where the settings are when nothing else was said."""
    return Path(os.environ.get("CONFIGURATION_DIRECTORY") or "/etc/yizhan")


def config_here() -> Path:
    """The same, but this folder where it holds the settings: for commands that change nothing."""
    here = Path()
    return here if (here / FILE_NAME).is_file() else config_default()


def run(args: argparse.Namespace) -> int:
    """Print what was asked for; 1 if there is a mistake."""
    if args.schema:
        _print(_json(json_schema()))
        return 0
    texts = Texts.of_environment()
    settings, mistakes = examine(args.config)
    ahead = None if settings is None else outlook(settings)
    remarks: tuple[Phrase, ...] = ()
    if settings is not None and ahead is not None:
        remarks = (
            *all_remarks(settings, ahead, _state_directory()),
            *install_due(settings, args.config),
            *held_ports(settings.web),
            *model_remarks(settings, args.config),
        )
    if args.json:
        file = str(settings_file(args.config))
        _print(_json({"file": file, **_report(mistakes, ahead, remarks, texts)}))
    elif ahead is None:
        _print(told(mistakes, texts))
    else:
        _print(summary(ahead, remarks, texts))
    return 0 if ahead else 1


def told(mistakes: Sequence[Mistake], texts: Texts) -> str:
    """The mistakes as a compiler prints them, each with its remedy, and how many there are."""
    count = texts.say("settings.wrong", count=len(mistakes))
    return "\n".join([*(_told(mistake, texts) for mistake in mistakes), "", count])


def _told(mistake: Mistake, texts: Texts) -> str:
    where = mistake.file + (f":{mistake.line}" if mistake.line else "")
    key = f"{mistake.path}: " if mistake.path else ""
    remedy = texts.remedy(mistake.code, **mistake.data)
    said = f"{where}: {key}{texts.say(mistake.code, **mistake.data)}"
    return said if remedy is None else f"{said}\n    → {remedy}"


def all_remarks(settings: Settings, ahead: Outlook, state: Path) -> tuple[Phrase, ...]:
    """What is no mistake but worth knowing, of every room."""
    return (
        *remarks_on(ahead, state),
        *rule_remarks(settings.rules),
        *unwatched(
            settings.rules,
            settings.devices.values(),
            {key.input for key in settings.sound.keys.values()},
        ),
        *hushed(settings),
        *delayed(settings),
        *sound_remarks(settings.rules.linkages, settings.sound),
        *shared_speakers(settings.zones, settings.sound.speakers),
        *deaf_by_night(settings),
    )


def install_due(settings: Settings, file: Path) -> Iterator[Phrase]:
    """That the sandbox is another wiring's, if it is."""
    if (fit := worst_fit(settings, settings_file(file).parent)) != "fits":
        yield Phrase(f"install.due-{fit}")


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


def _state_directory() -> Path:
    return Path(os.environ.get("STATE_DIRECTORY") or "/var/lib/yizhan")


def summary(ahead: Outlook, remarks: Sequence[Phrase], texts: Texts) -> str:
    """What the station would do."""
    say = texts.say
    parts = [say("check.good", name=ahead.name, id=ahead.station)]
    if ahead.buses:
        parts.append(_titled(say("check.buses"), _bus_table(ahead, texts)))
    if ahead.devices:
        parts.append(_titled(say("check.devices"), _device_table(ahead, texts)))
    if ahead.rules:
        parts.append(_titled(say("check.rules"), _rule_table(ahead, texts)))
    if ahead.uplinks:
        parts.append(_titled(say("check.uplinks"), _uplink_table(ahead, texts)))
    parts.append(_titled(say("check.journal"), _journal_line(ahead, texts)))
    if remarks:
        lines = "\n".join(f"· {say(remark.code, **remark.data)}" for remark in remarks)
        parts.append(_titled(say("check.remarks"), lines))
    return "\n\n".join(parts)


def _titled(title: str, body: str) -> str:
    return f"{title}\n" + "\n".join(f"  {line}" for line in body.split("\n"))


def _heads(texts: Texts, *names: str) -> list[str]:
    return [texts.say(f"check.{name}") for name in names]


def _bus_table(ahead: Outlook, texts: Texts) -> str:
    rows = [
        (
            bus.id,
            bus.kind,
            bus.where,
            bus.devices,
            None if bus.load is None else f"{bus.load:.1%}",
            None if bus.longest_s is None else f"{bus.longest_s * 1000:.0f} ms",
            None if bus.waits_s is None else f"{bus.waits_s * 1000:.0f} ms",
            None if bus.lost_s is None else f"{bus.lost_s * 1000:.0f} ms",
        )
        for bus in ahead.buses
    ]
    heads = _heads(
        texts, "id", "kind", "where", "count", "load", "longest", "inputs-wait", "if-lost"
    )
    return table(heads, rows, right=(3, 4, 5, 6, 7), cells_max=_WHERE_CELLS_MAX)


def _device_table(ahead: Outlook, texts: Texts) -> str:
    rows = [
        (d.id, d.name, d.profile, d.bus, d.address, f"{d.every_s:g} s", d.points, d.place)
        for d in ahead.devices
    ]
    heads = _heads(texts, "id", "name", "profile", "bus", "address", "every", "points", "place")
    return table(heads, rows, right=(5, 6))


def _rule_table(ahead: Outlook, texts: Texts) -> str:
    say = texts.say
    rows = []
    for rule in ahead.rules:
        does = [say(f"alarms.does-{does}") for does in rule.does]
        does += [say("check.calls", who=who) for who in rule.calls]
        looks = say("check.told") if rule.looks_s is None else f"{rule.looks_s:g} s"
        severity = say(f"alarms.severity-{rule.severity.value}")
        waits = f"{rule.waits_s:g} s"
        follows = say("alarms.and-also").join(does) or say("check.desk-only")
        rows.append((rule.id, rule.name, severity, rule.watches, looks, waits, follows))
    heads = _heads(texts, "id", "name", "severity", "watches", "every", "waits", "follows")
    return table(heads, rows, right=(3, 4, 5), cells_max=_WHERE_CELLS_MAX)


def _uplink_table(ahead: Outlook, texts: Texts) -> str:
    rows = [
        (u.id, u.kind, u.url, texts.say("check.required" if u.required else "check.optional"))
        for u in ahead.uplinks
    ]
    return table(_heads(texts, "id", "kind", "where", "keeps"), rows)


def _journal_line(ahead: Outlook, texts: Texts) -> str:
    journal = ahead.journal
    if journal.outage_days is None:
        return texts.say("check.no-readings", quota_mb=journal.quota_mb)
    return texts.say(
        "check.outage",
        quota_mb=journal.quota_mb,
        events=f"{journal.events_per_day:,}",
        mb=f"{journal.mb_per_day:.1f}",
        days=f"{journal.outage_days:.0f}",
    )


def _report(
    mistakes: Sequence[Mistake],
    ahead: Outlook | None,
    remarks: Sequence[Phrase],
    texts: Texts,
) -> dict[str, Any]:
    return {
        "ok": ahead is not None,
        "mistakes": [
            {
                **msgspec.to_builtins(mistake),
                "message": texts.say(mistake.code, **mistake.data),
                "remedy": texts.remedy(mistake.code, **mistake.data),
            }
            for mistake in mistakes
        ],
        "outlook": msgspec.to_builtins(ahead),
        "remarks": [
            {**msgspec.to_builtins(remark), "message": texts.say(remark.code, **remark.data)}
            for remark in remarks
        ],
    }


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
