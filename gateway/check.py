"""`yizhan check`: every mistake in `station.toml` with its line, or what the station would do."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.forecast import Forecast, make_forecast
from gateway.config.json_schema import json_schema
from gateway.config.load import examine, settings_file
from gateway.config.mistake_text import mistakes_text
from gateway.config.paths import config_default
from gateway.config.remarks import all_remarks, model_remarks
from gateway.config.web_ports import held_ports
from gateway.install.due import install_due
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.toml import Mistake, Phrase

_WHERE_CELLS_MAX = 72  # a port's name under /dev/serial/by-id


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "check", texts)
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


def run(args: argparse.Namespace) -> int:
    """Print the mistakes, or the forecast and the remarks; 1 if there is a mistake."""
    if args.schema:
        _print(_json(json_schema()))
        return 0
    texts = Texts.from_environment()
    settings, mistakes = examine(args.config)
    ahead = None if settings is None else make_forecast(settings)
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
        _print(mistakes_text(mistakes, texts))
    else:
        _print(summary(ahead, remarks, texts))
    return 0 if ahead else 1


def _state_directory() -> Path:
    return Path(os.environ.get("STATE_DIRECTORY") or "/var/lib/yizhan")


def summary(ahead: Forecast, remarks: Sequence[Phrase], texts: Texts) -> str:
    """The forecast and the remarks as text."""
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


def _bus_table(ahead: Forecast, texts: Texts) -> str:
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
    return render_table(heads, rows, right=(3, 4, 5, 6, 7), cells_max=_WHERE_CELLS_MAX)


def _device_table(ahead: Forecast, texts: Texts) -> str:
    rows = [
        (d.id, d.name, d.profile, d.bus, d.address, f"{d.every_s:g} s", d.points, d.place)
        for d in ahead.devices
    ]
    heads = _heads(texts, "id", "name", "profile", "bus", "address", "every", "points", "place")
    return render_table(heads, rows, right=(5, 6))


def _rule_table(ahead: Forecast, texts: Texts) -> str:
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
    return render_table(heads, rows, right=(3, 4, 5), cells_max=_WHERE_CELLS_MAX)


def _uplink_table(ahead: Forecast, texts: Texts) -> str:
    rows = [
        (u.id, u.kind, u.url, texts.say("check.required" if u.required else "check.optional"))
        for u in ahead.uplinks
    ]
    return render_table(_heads(texts, "id", "kind", "where", "keeps"), rows)


def _journal_line(ahead: Forecast, texts: Texts) -> str:
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
    ahead: Forecast | None,
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
