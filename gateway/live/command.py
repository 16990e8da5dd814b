"""`yizhan meters`: meter counts, and replaced meters, beside a running station."""

import argparse
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.api_client import ApiClient
from gateway.live.meter_replacement import AwaitedReplacement, MeterReport, ReplacementBody
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.web.i18n import CATALOGUES, Translator

API = "/api/v1/meters"


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "meters", texts)
    tasks = parser.add_subparsers(dest="task", metavar=texts.say("cli.command"), required=True)
    for name in ("list", "replaced"):
        about = texts.say(f"meters.do-{name}")
        task = tasks.add_parser(name, help=about, description=about)
        task.add_argument("--json", action="store_true", help=texts.say("meters.json"))
        if name == "replaced":
            task.add_argument("id", help=texts.say("meters.id"))
            task.add_argument("--point", metavar="POINT", help=texts.say("meters.point"))
        task.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Ask the station; its refusal is a StationError with its own text."""
    console, words = ApiClient(), CATALOGUES[Texts.from_environment().lang]
    if args.task == "replaced":
        path = f"/api/v1/devices/{quote(args.id, safe='')}/replaced"
        awaited: AwaitedReplacement = console.post(
            path, ReplacementBody(args.point), AwaitedReplacement
        )
        said = words("meters.waits", device=awaited.device, points=", ".join(awaited.points))
        print(_json(awaited) if args.json else said)
        return 0
    found: list[MeterReport] = console.get(API, list[MeterReport])
    print(_json(found) if args.json else _said(found, words))
    return 0


def _json(what: Any) -> str:
    return msgspec.json.encode(what).decode()


def _said(meters: list[MeterReport], words: Translator) -> str:
    if not meters:
        return words("meters.none")
    heads = [words(f"meters.head-{head}") for head in ("device", "point", "value", "quality")]
    rows = [
        (
            f"{meter.name} ({meter.device})",
            f"{each.name} ({each.point})",
            "–" if each.value is None else f"{each.value:,} {each.unit}",
            words(f"quality.{each.quality}"),
        )
        for meter in meters
        for each in meter.counters
    ]
    return render_table(heads, rows)
