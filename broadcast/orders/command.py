"""`yizhan order`: list orders and their outcome, stop, play a preset, or test a loudspeaker."""

import argparse
import contextlib
import json
import sys
import time
from typing import Any
from urllib.parse import quote

from broadcast.orders import preset_command
from gateway.api_client import ApiClient
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

API = "/api/v1/orders"
OVER = frozenset({"refused", "expired", "failed", "dropped", "finished", "stopped"})
RUNGS = ("sent", "reachable", "accepted", "heard")
WAIT_S, OPENS_LOOKS = 0.5, 4
NO = frozenset({"refused", "expired", "failed", "dropped"})


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "order", texts)
    tasks = parser.add_subparsers(metavar=texts.say("cli.command"), required=True)
    for name, run in {
        "list": _list,
        "show": _show,
        "stop": _stop,
        "play": _play,
        "test": _test,
        "talk": _talk,
        "presets": _presets,
    }.items():
        about = texts.say(f"order.{name}")
        task = tasks.add_parser(name, help=about, description=about)
        task.add_argument("--json", action="store_true", help=texts.say("say.json"))
        task.set_defaults(func=run)
        if name in ("show", "play", "talk"):
            task.add_argument("id", help=texts.say(f"order.{name}-id"))
        if name == "stop":
            task.add_argument("id", nargs="?", help=texts.say("order.stop-id"))
        if name in ("play", "test"):
            task.add_argument("--wait", action="store_true", help=texts.say("order.wait"))
        if name in ("stop", "play", "test", "talk"):
            needed = name != "stop"
            task.add_argument(
                "--zone", action="append", default=[], required=needed, help=texts.say("say.zone")
            )
    preset_command.add_to(tasks, texts)


def follow_order(receipt: dict[str, Any], *, wait: bool) -> dict[str, Any]:
    """The receipt; with `wait`, the final one."""
    while wait and receipt["state"] not in OVER:
        time.sleep(WAIT_S)
        receipt = ApiClient().get(f"{API}/{quote(receipt['of'], safe='')}")["receipt"]
    return receipt


def print_receipt(receipt: dict[str, Any], *, as_json: bool) -> int:
    """Print a receipt; 1 if the order was refused or failed."""
    if as_json:
        _print(json.dumps(receipt, ensure_ascii=False))
    else:
        texts = Texts.from_environment()
        state = texts.say(f"order.is-{receipt['state']}")
        why = _why(texts, receipt)
        _print(f"{receipt['of']}  {state}{texts.say('order.why', why=why) if why else ''}")
        detail = receipt.get("detail") or {}
        got = [texts.say(f"order.got-{rung}", n=detail[rung]) for rung in RUNGS if detail.get(rung)]
        if got:
            _print(texts.say("order.got", what=texts.say("order.comma").join(got)))
        if remedy := texts.remedy(
            receipt.get("reason_code") or "", **(receipt.get("detail") or {})
        ):
            _print(remedy)
    return 1 if receipt["state"] in NO else 0


def _why(texts: Texts, receipt: dict[str, Any]) -> str:
    """The reason in words, or an empty text."""
    why = receipt.get("reason_code")
    return texts.say(why, **(receipt.get("detail") or {})) if why else ""


def _list(args: argparse.Namespace) -> int:
    found = ApiClient().get(API)
    if args.json:
        _print(json.dumps(found, ensure_ascii=False))
        return 0
    texts = Texts.from_environment()
    rows = [
        (
            one["id"],
            one["class"],
            ", ".join(one["zones"]),
            one["source"],
            texts.say(f"order.is-{one['receipt']['state']}"),
            _why(texts, one["receipt"]) or None,
        )
        for one in found
    ]
    heads = ("id", "class", "zones", "source", "state", "reason")
    _print(render_table([texts.say(f"order.head-{head}") for head in heads], rows))
    return 0


def _show(args: argparse.Namespace) -> int:
    found = ApiClient().get(f"{API}/{quote(args.id, safe='')}")
    if args.json:
        _print(json.dumps(found, ensure_ascii=False))
        return 0
    _print(f"{found['class']}  {', '.join(found['zones'])}  {found['source']}")
    print_receipt(found["receipt"], as_json=False)
    return 0


def _stop(args: argparse.Namespace) -> int:
    if args.id is not None:
        receipt = ApiClient().post(f"{API}/{quote(args.id, safe='')}/stop", {})
        return print_receipt(receipt, as_json=args.json)
    receipts = ApiClient().post(f"{API}/stop", {"zones": args.zone})
    if args.json:
        _print(json.dumps(receipts, ensure_ascii=False))
        return 0
    for receipt in receipts:
        print_receipt(receipt, as_json=False)
    _print(Texts.from_environment().say("order.stopped", count=len(receipts)))
    return 0


def _play(args: argparse.Namespace) -> int:
    receipt = ApiClient().post(API, {"preset": args.id, "zones": args.zone})
    return print_receipt(follow_order(receipt, wait=args.wait), as_json=args.json)


def _test(args: argparse.Namespace) -> int:
    receipt = ApiClient().post(API, {"preset": "self-test", "zones": args.zone, "class": "notice"})
    return print_receipt(follow_order(receipt, wait=args.wait), as_json=args.json)


def _talk(args: argparse.Namespace) -> int:
    """Open a microphone of the station until Enter; the audio does not pass this terminal."""
    receipt = ApiClient().post(API, {"microphone": args.id, "zones": args.zone})
    for _ in range(OPENS_LOOKS):  # one that cannot be opened says so before anybody speaks
        if receipt["state"] in OVER:
            break
        time.sleep(WAIT_S)
        receipt = ApiClient().get(f"{API}/{quote(receipt['of'], safe='')}")["receipt"]
    code = print_receipt(receipt, as_json=args.json)
    if code or args.json or not sys.stdin.isatty():
        return code
    with contextlib.suppress(KeyboardInterrupt, EOFError):
        input(Texts.from_environment().say("order.talking"))
    said = ApiClient().post(f"{API}/{quote(receipt['of'], safe='')}/stop", {})
    return print_receipt(said, as_json=False)


def _presets(args: argparse.Namespace) -> int:
    found = ApiClient().get("/api/v1/presets")
    if args.json:
        _print(json.dumps(found, ensure_ascii=False))
        return 0
    texts = Texts.from_environment()
    rows = [
        (preset_id, one["name"], one.get("class", "notice"), one.get("text") or one.get("clip"))
        for preset_id, one in sorted(found.items())
    ]
    heads = ("id", "name", "class", "text")
    _print(render_table([texts.say(f"order.head-{head}") for head in heads], rows))
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
