"""`yizhan accounts`: who has an account, at the station's own machine while it runs."""

import argparse
import json
from typing import Any
from urllib.parse import quote, urlencode

from gateway.api_client import ApiClient
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

API = "/api/v1/accounts"
ON_ONE = ("reset", "disable", "enable")


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "accounts", texts)
    tasks = parser.add_subparsers(dest="task", metavar=texts.say("cli.command"), required=True)
    for name in ("list", "claim-code", "add", *ON_ONE, "role"):
        about = texts.say(f"accounts.{name}")
        task = tasks.add_parser(name, help=about, description=about)
        task.add_argument("--json", action="store_true", help=texts.say("accounts.json"))
        if name not in ("list", "claim-code"):
            task.add_argument("id", help=texts.say("accounts.id"))
        if name == "add":
            task.add_argument("name", help=texts.say("accounts.name"))
        if name in ("add", "role"):
            task.add_argument("role", help=texts.say("accounts.role-name"))
        task.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Ask the station; its refusal is a StationError with its own text."""
    answer = _asked(args)
    print(json.dumps(answer, ensure_ascii=False) if args.json else _said(args, answer))
    return 1 if args.task == "claim-code" and answer["code"] is None else 0


def _asked(args: argparse.Namespace) -> Any:
    if args.task == "list":
        return ApiClient().get(API)
    if args.task == "claim-code":
        return ApiClient().get("/api/v1/claim")
    given = {name: getattr(args, name) for name in ("name", "role") if hasattr(args, name)}
    return ApiClient().post(f"{API}/{quote(args.id, safe='')}/{args.task}?{urlencode(given)}", {})


def _said(args: argparse.Namespace, answer: Any) -> str:
    texts = Texts.from_environment()
    if args.task == "list":
        heads = [texts.say(f"signin.{head}") for head in ("id", "name", "role", "state")]
        rows = [
            (one["id"], one["name"], texts.say(f"signin.role-{one['role']}"),
             texts.say(f"signin.state-{one['state']}"))
            for one in answer
        ]  # fmt: skip
        return render_table(heads, rows)
    if args.task == "claim-code":
        return str(answer["code"] or texts.say("accounts.claimed"))
    if answer.get("code"):
        return texts.say("accounts.code", id=answer["id"], code=answer["code"])
    return texts.say("accounts.done", id=args.id)
