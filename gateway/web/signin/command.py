"""`yizhan accounts`: who has an account, on the station's own machine and beside it running."""

import argparse
import http.client
import json
import socket
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from gateway.errors import Unavailable
from gateway.texts import Texts
from gateway.texts.parser import declare
from gateway.texts.table import table
from gateway.web.control import control_path

TIMEOUT_S = 10.0
CONTROL = Path("/run/yizhan/control.sock")
"""Where systemd puts it."""

ON_ONE = ("reset", "disable", "enable")


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.of_environment()
    parser = declare(subcommands, "accounts", texts)
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
    """Ask the station; 0, or 1 when it says no."""
    texts = Texts.of_environment()
    method, path = _request(args)
    status, answer = ask(control_path() or CONTROL, method, path, texts.lang)
    if status != HTTPStatus.OK:
        print(texts.say("accounts.said-no", why=answer.get("title", status)), file=sys.stderr)
        if remedy := answer.get("detail"):
            print(f"    → {remedy}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(_said(args, answer, texts))
    return 1 if args.task == "claim-code" and answer["code"] is None else 0


def _request(args: argparse.Namespace) -> tuple[str, str]:
    if args.task == "list":
        return "GET", "/api/v1/accounts"
    if args.task == "claim-code":
        return "GET", "/api/v1/claim"
    given = {name: getattr(args, name) for name in ("name", "role") if hasattr(args, name)}
    return "POST", f"/api/v1/accounts/{quote(args.id, safe='')}/{args.task}?{urlencode(given)}"


def _said(args: argparse.Namespace, answer: Any, texts: Texts) -> str:
    if args.task == "list":
        heads = [texts.say(f"signin.{head}") for head in ("id", "name", "role", "state")]
        rows = [
            (one["id"], one["name"], texts.say(f"signin.role-{one['role']}"),
             texts.say(f"signin.state-{one['state']}"))
            for one in answer
        ]  # fmt: skip
        return table(heads, rows)
    if args.task == "claim-code":
        return str(answer["code"] or texts.say("accounts.claimed"))
    if answer.get("code"):
        return texts.say("accounts.code", id=answer["id"], code=answer["code"])
    return texts.say("accounts.done", id=args.id)


def ask(control: Path, method: str, path: str, language: str) -> tuple[int, Any]:
    """The running station's answer; Unavailable if none runs there or it lets us not in."""
    line = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
    line.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.sock.settimeout(TIMEOUT_S)
    try:
        line.sock.connect(str(control))
        line.request(method, path, headers={"Accept-Language": language})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable("accounts.no-station", path=str(control)) from error
    finally:
        line.close()
