"""`yizhan settings`: show, check, change, list and undo; beside a running station or alone."""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.api_client import ApiClient, NoStation
from gateway.config.load import examine, settings_file
from gateway.config.paths import config_default
from gateway.errors import SettingsError, Unavailable, UsageError
from gateway.install.due import install_due
from gateway.reconfigure import offline
from gateway.reconfigure.actor_text import actor_text
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.lifecycle import ChangePreview
from gateway.reconfigure.records import ChangeOutcome, ChangeRecord
from gateway.reconfigure.redaction import redact
from gateway.reconfigure.responses import ChangeResponse, MistakeReport, mistakes_response
from gateway.reconfigure.section import (
    API,
    ApplyRequest,
    SettingsDocument,
    SettingsText,
    UndoRequest,
)
from gateway.reconfigure.startup import FOLDER
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.toml import Phrase, read

WHEN = "%Y-%m-%d %H:%M:%S %z"
SETTLED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.5

# Status of an answer that lists mistakes.
WRONG = (HTTPStatus.UNPROCESSABLE_ENTITY,)

SettingsTask = Callable[[argparse.Namespace, Texts], int]


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "settings", texts, code="change")
    tasks = parser.add_subparsers(metavar=texts.say("cli.command"), required=True)

    def task(name: str, run: SettingsTask) -> argparse.ArgumentParser:
        about = texts.say(f"change.{name}")
        added: argparse.ArgumentParser = tasks.add_parser(name, help=about, description=about)
        added.add_argument("--config", type=Path, default=config_default(), metavar="DIR",
                           help=texts.say("check.config"))  # fmt: skip
        added.add_argument("--state", type=Path, metavar="DIR", help=texts.say("change.state"))
        added.add_argument("--json", action="store_true", help=texts.say("change.json"))
        added.set_defaults(func=lambda args: run(args, texts))
        return added

    task("show", _show)
    check, apply = task("check", _check), task("apply", _apply)
    for one in (check, apply):
        one.add_argument(
            "file", type=Path, nargs="?", metavar="FILE", help=texts.say("change.file")
        )
    task("history", _history)
    undo = task("undo", _undo)
    undo.add_argument("number", type=int, nargs="?", metavar="N", help=texts.say("change.number"))
    for one in (apply, undo):
        one.add_argument("--why", required=True, help=texts.say("change.why"))


def _shelf(args: argparse.Namespace) -> SettingsHistory:
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    state = args.state or (Path(given) if given else args.config / "state")
    return SettingsHistory(settings_file(args.config), state / FOLDER)


def _candidate(args: argparse.Namespace) -> bytes:
    """The text in question: the station's own file if none was named."""
    path = args.file or settings_file(args.config)
    try:
        raw: bytes = path.read_bytes()
    except OSError as error:
        raise UsageError("change.no-file", path=str(path), why=error.strerror) from error
    return raw


def _show(args: argparse.Namespace, _texts: Texts) -> int:
    try:
        text = ApiClient().get(API, SettingsDocument).text
    except NoStation:
        shelf = _shelf(args)
        text = redact(shelf.text(), str(shelf.file))
    sys.stdout.write(text)
    return 0


def _check(args: argparse.Namespace, texts: Texts) -> int:
    raw = _candidate(args)
    text = SettingsText(raw.decode(errors="replace"))
    answer = _asked(
        lambda: ApiClient().post(f"{API}/check", text, ChangeResponse, also=WRONG),
        lambda: ChangeResponse(preview=offline.preview_change(_shelf(args), raw)),
        texts,
    )
    return _tell(answer, args, texts)


def _apply(args: argparse.Namespace, texts: Texts) -> int:
    raw = _candidate(args)
    asked = ApplyRequest(raw.decode(errors="replace"), args.why)
    answer = _asked(
        lambda: ApiClient().post(API, asked, ChangeResponse, also=WRONG),
        lambda: ChangeResponse(offline.apply_change(_shelf(args), raw, args.why)),
        texts,
    )
    return _tell(answer, args, texts)


def _undo(args: argparse.Namespace, texts: Texts) -> int:
    back = UndoRequest(args.why, args.number)
    answer = _asked(
        lambda: ApiClient().post(f"{API}/undo", back, ChangeResponse, also=WRONG),
        lambda: ChangeResponse(offline.undo_change(_shelf(args), args.why, args.number)),
        texts,
    )
    return _tell(answer, args, texts)


def _asked(
    station: Callable[[], ChangeResponse], without: Callable[[], ChangeResponse], texts: Texts
) -> ChangeResponse:
    """The station's answer, or what can be done without one."""
    try:
        return station()
    except NoStation:
        try:
            return without()
        except SettingsError as error:
            answer = mistakes_response(error, texts)
            if answer is None:
                raise
            return answer


def _history(args: argparse.Namespace, texts: Texts) -> int:
    try:
        records = ApiClient().get(f"{API}/history", list[ChangeRecord])
    except NoStation:
        records = _shelf(args).records()
    if args.json:
        _print_json(records)
        return 0
    heads = [texts.say(f"change.head-{head}") for head in ("number", "at", "state", "who", "why")]
    zone = _zone(args.config)
    rows = [
        (
            record.number,
            _when(record, texts, zone),
            texts.say(record.text_code),
            actor_text(record.who, {}, texts),
            record.why,
        )
        for record in records
    ]
    print(render_table(heads, rows, right=(0,)))
    for record in records:
        for each in record.troubles:
            said = texts.say(each.code, **each.data)
            print(texts.say("change.trouble-of", number=record.number, said=said))
    return 0


def _when(record: ChangeRecord, texts: Texts, zone: ZoneInfo | None) -> str:
    """In the station's time zone; in the machine's if that is unknown."""
    if record.at is None:
        return texts.say("change.no-time")
    return datetime.datetime.fromisoformat(record.at).astimezone(zone).strftime(WHEN)


def _zone(config: Path) -> ZoneInfo | None:
    """The station's time zone; None if the settings do not name a valid one."""
    try:
        station = read(settings_file(config)).table.get("station", {})
        return ZoneInfo(station.get("timezone", "Asia/Shanghai"))
    except (SettingsError, AttributeError, TypeError, ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _tell(answer: ChangeResponse, args: argparse.Namespace, texts: Texts) -> int:
    if answer.outcome is not None and answer.outcome.state == "restarting":
        print(texts.say("change.restarting"), file=sys.stderr, flush=True)
        answer = ChangeResponse(_awaited(answer.outcome))
    outcome = answer.outcome
    if args.json:
        _print_json(answer)
    elif answer.mistakes:
        named = str(getattr(args, "file", None) or settings_file(args.config))
        print("\n".join(_mistakes(answer.mistakes, named, texts)), file=sys.stderr)
    elif answer.preview is not None:
        print("\n".join(_preview(answer.preview, texts)))
    elif outcome is not None:
        print(texts.say(f"change.{outcome.state}-now", number=outcome.number))
        for each in (*outcome.troubles, *_due(args.config)):
            print("  · " + texts.say(each.code, **each.data))
    return int(bool(answer.mistakes) or (outcome is not None and outcome.state == "rolled-back"))


def _due(config: Path) -> Sequence[Phrase]:
    """What remains to be done once the settings are in force."""
    settings, _ = examine(config)
    return () if settings is None else tuple(install_due(settings, config))


def _mistakes(mistakes: Sequence[MistakeReport], file: str, texts: Texts) -> list[str]:
    """The mistakes as a compiler prints them."""
    lines = []
    for each in mistakes:
        where = file + (f":{each.line}" if each.line else "")
        lines.append(f"{where}: {each.path + ': ' if each.path else ''}{each.message}")
        lines += [f"    → {each.remedy}"] if each.remedy else []
    return [*lines, "", texts.say("settings.wrong", count=len(mistakes))]


def _preview(preview: ChangePreview, texts: Texts) -> list[str]:
    differences, touched = preview.differences, preview.touched
    if not differences.keys:
        return [texts.say("change.same-keys" if differences.text else "change.same")]
    heads = [texts.say(f"change.head-{head}") for head in ("key", "before", "after")]
    lines = [render_table(heads, [(d.key, d.before, d.after) for d in differences.keys])]
    if differences.more:
        lines.append(texts.say("change.more", n=differences.more))
    names = [*touched.buses, *touched.uplinks]
    if touched.cold:
        lines += ["", texts.say("change.touches-all")]
    elif names:
        lines += ["", texts.say("change.touches", names=", ".join(names))]
    return lines


def _awaited(outcome: ChangeOutcome) -> ChangeOutcome:
    """The answer of the station after its restart."""
    until_s = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < until_s:
        time.sleep(LOOK_EVERY_S)
        try:
            records = ApiClient().get(f"{API}/history", list[ChangeRecord])
        except Unavailable:
            continue
        for record in records:
            if record.number == outcome.number and record.state != "found":
                return ChangeOutcome.from_record(record)
    raise Unavailable("change.no-answer")


def _print_json(value: Any) -> None:
    print(msgspec.json.encode(value).decode())
