"""`yizhan order preset|schedule|schedules|record`: presets, schedules and recordings."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.api_client import ApiClient
from gateway.errors import UsageError
from gateway.texts import Texts
from gateway.texts.table import render_table

API = "/api/v1"


def add_to(tasks: Any, texts: Texts) -> None:
    _task(tasks, texts, "schedules", _schedules)
    record = _task(tasks, texts, "record", _record)
    record.add_argument("text", help=texts.say("say.text"))
    record.add_argument("file", type=Path, help=texts.say("order.record-file"))
    record.add_argument(
        "--language", choices=("zh", "en"), default="zh", help=texts.say("say.language")
    )
    preset = _changing(_task(tasks, texts, "preset", _preset), texts)
    preset.add_argument("--text", default="", help=texts.say("say.text"))
    preset.add_argument("--class", dest="cls", default="notice", help=texts.say("say.class"))
    preset.add_argument("--repeat", type=int, default=1, help=texts.say("say.repeat"))
    preset.add_argument("--chime", help=texts.say("say.chime"))
    preset.add_argument(
        "--language", choices=("zh", "en"), default="zh", help=texts.say("say.language")
    )
    schedule = _changing(_task(tasks, texts, "schedule", _schedule), texts)
    schedule.add_argument("--preset", help=texts.say("order.play-id"))
    schedule.add_argument("--zone", action="append", default=[], help=texts.say("say.zone"))
    schedule.add_argument("--cron", help=texts.say("order.cron"))
    schedule.add_argument(
        "--days",
        choices=("all", "workdays", "restdays"),
        default="all",
        help=texts.say("order.days"),
    )
    schedule.add_argument("--off", action="store_true", help=texts.say("order.off"))


def _task(tasks: Any, texts: Texts, name: str, run: Any) -> argparse.ArgumentParser:
    about = texts.say(f"order.{name}")
    task: argparse.ArgumentParser = tasks.add_parser(name, help=about, description=about)
    task.add_argument("--json", action="store_true", help=texts.say("say.json"))
    task.set_defaults(func=run)
    return task


def _changing(task: argparse.ArgumentParser, texts: Texts) -> argparse.ArgumentParser:
    """Options that create, change, delete or restore what has an id."""
    task.add_argument("id", help=texts.say("order.prepared-id"))
    task.add_argument("--name", help=texts.say("order.prepared-name"))
    instead = task.add_mutually_exclusive_group()
    instead.add_argument("--remove", action="store_true", help=texts.say("order.remove"))
    instead.add_argument("--undo", action="store_true", help=texts.say("order.undo"))
    return task


def _record(args: argparse.Namespace) -> int:
    try:
        sound = args.file.read_bytes()
    except OSError as error:
        raise UsageError("appliance.unreadable", path=str(args.file)) from error
    asked = {"text": args.text, "sound": sound, "language": args.language}
    now = ApiClient().post(f"{API}/recordings", asked)
    if args.json:
        _print(json.dumps(now, ensure_ascii=False))
    else:
        said = Texts.from_environment().say(
            "order.recorded", text=args.text, seconds=now["seconds"]
        )
        _print(said)
    return 0


def _preset(args: argparse.Namespace) -> int:
    made = {
        "name": args.name or args.id,
        "text": args.text,
        "class": args.cls,
        "repeat": args.repeat,
        "chime": args.chime,
        "language": args.language,
    }
    return _change("presets", args, made)


def _schedule(args: argparse.Namespace) -> int:
    made = {
        "name": args.name or args.id,
        "cron": args.cron or "",
        "preset": args.preset or "",
        "zones": args.zone,
        "days": args.days,
        "on": not args.off,
    }
    return _change("schedules", args, made)


def _change(what: str, args: argparse.Namespace, made: dict[str, Any]) -> int:
    path = f"{API}/{what}/{quote(args.id, safe='')}"
    if args.undo:
        now = ApiClient().post(f"{path}/undo", {})
    else:
        now = ApiClient().post(path, None if args.remove else made)
    if args.json:
        _print(json.dumps(now, ensure_ascii=False))
    else:
        code = "order.gone" if now is None else "order.kept"
        _print(Texts.from_environment().say(code, id=args.id))
    return 0


def _schedules(args: argparse.Namespace) -> int:
    found = ApiClient().get(f"{API}/schedules")
    if args.json:
        _print(json.dumps(found, ensure_ascii=False))
        return 0
    texts = Texts.from_environment()
    rows = [
        (
            schedule_id,
            one["name"],
            one["cron"],
            one.get("days", "all"),
            one["preset"],
            ", ".join(one["zones"]),
            texts.say("order.is-on" if one.get("on", True) else "order.is-off"),
        )
        for schedule_id, one in sorted(found.items())
    ]
    heads = ("id", "name", "cron", "days", "preset", "zones", "state")
    _print(render_table([texts.say(f"order.head-{head}") for head in heads], rows))
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
