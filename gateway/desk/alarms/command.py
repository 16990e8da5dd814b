"""`yizhan alarms`: open alarms, and actions on them, beside a running station."""

import argparse
from typing import Any

import msgspec

from gateway.api_client import ApiClient
from gateway.desk.alarms.actions import HOURS
from gateway.desk.alarms.api_model import AlarmReport
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.web.i18n import CATALOGUES, Translator

API = "/api/v1/alarms"
# The words of the command line, and those of the API.
DEEDS = {
    "ack": "acknowledge",
    "attend": "attend",
    "shelve": "shelve",
    "unshelve": "unshelve",
    "note": "note",
}

MAINTAIN = "maintain"


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "alarms", texts)
    tasks = parser.add_subparsers(dest="task", metavar=texts.say("cli.command"), required=True)
    for name in ("list", *DEEDS, MAINTAIN):
        about = texts.say(f"alarms.do-{name}")
        task = tasks.add_parser(name, help=about, description=about)
        task.add_argument("--json", action="store_true", help=texts.say("alarms.json"))
        if name == MAINTAIN:
            task.add_argument("scope", help=texts.say("alarms.scope"))
        elif name != "list":
            task.add_argument("id", help=texts.say("alarms.id"))
        if name in {"shelve", MAINTAIN}:
            task.add_argument("--hours", type=float, default=HOURS[0], metavar="N",
                              help=texts.say("alarms.hours"))  # fmt: skip
        if name == "shelve":
            task.add_argument("--note", default="", metavar="TEXT",
                              help=texts.say("alarms.note-why"))  # fmt: skip
        if name == "note":
            task.add_argument("text", help=texts.say("alarms.text"))
        task.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Ask the station; its refusal is a StationError with its own text."""
    console, words = ApiClient(), CATALOGUES[Texts.from_environment().lang]
    if args.task == MAINTAIN:
        console.post("/api/v1/maintenance", {"scope": args.scope, "hours": args.hours})
    elif args.task != "list":
        body = {name: getattr(args, name) for name in ("hours", "text", "note") if name in args}
        console.post(f"{API}/{_known(console, args.id)}/{DEEDS[args.task]}", body)
    found: list[AlarmReport] = console.get(API, list[AlarmReport])
    print(msgspec.json.encode(found).decode() if args.json else _said(found, words))
    return 0


def _known(console: ApiClient, word: str) -> str:
    """The alarm's own id, if the word names a rule with exactly one alarm."""
    mine = [one.id for one in console.get(API, list[AlarmReport]) if one.rule == word]
    return mine[0] if len(mine) == 1 else word


def _said(alarms: list[AlarmReport], words: Translator) -> str:
    if not alarms:
        return words("alarms.none")
    heads = [words(f"alarms.head-{head}") for head in ("id", "state", "age", "where", "note")]
    rows = [
        (
            one.id,
            words(f"alarms.state-{one.state}"),
            words.span(one.age_s),
            " ".join(filter(None, [one.name, one.where, f"({one.rule})"])),
            one.note or "",
        )
        for one in alarms
    ]
    return render_table(heads, rows)
