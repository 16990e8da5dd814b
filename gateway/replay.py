"""`yizhan replay`: run recorded or invented history through the present rules."""

import argparse
import datetime
import sys
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.load import load
from gateway.config.paths import config_default
from gateway.config.schema import Settings
from gateway.desk.alarms.history_view import NAMED
from gateway.errors import UsageError
from gateway.event import rfc3339
from gateway.rules.alarms import AlarmChange
from gateway.rules.linkage import TaskResult
from gateway.rules.replay import Replay, ReplayFact, ReplayResult
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.web.i18n import CATALOGUES, Translator

DAY_S = 86_400
DAY_NS = DAY_S * 1_000_000_000


class _Line(msgspec.Struct, frozen=True):
    """The fields of a CloudEvent that matter here."""

    type: str
    source: str
    time: datetime.datetime | None = None
    bootid: str = ""
    uptimems: str = "0"
    data: dict[str, Any] = {}


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "replay", texts)
    parser.add_argument("file", help=texts.say("replay.file"))
    parser.add_argument(
        "--config",
        type=Path,
        default=config_default(),
        metavar="DIR",
        help=texts.say("replay.config"),
    )
    parser.add_argument("--rule", help=texts.say("replay.rule"))
    parser.add_argument("--json", action="store_true", help=texts.say("replay.json"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the alarms that would have been raised; 1 if there are any."""
    settings = load(args.config)
    replay = Replay(settings.rules)
    seen = [
        one
        for one in replay.run(facts(_lines(args.file)))
        if args.rule in {None, _rule(one.record)}
    ]
    raised = sum(_what(one.record) == "raised" for one in seen)
    if args.json:
        for one in seen:
            sys.stdout.write(msgspec.json.encode(_plain(one)).decode() + "\n")
    else:
        sys.stdout.write(replay_text(seen, replay, settings, Texts.from_environment()) + "\n")
    return 1 if raised else 0


def _lines(file: str) -> Iterator[bytes]:
    if file == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield from lines
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError("replay.no-file", file=file, reason=reason) from error


def facts(lines: Iterable[bytes]) -> list[ReplayFact]:
    """The readings and states in order of time; UsageError names a line that is no event.

    A line without a time gets one from others of its boot, or is left out if there are none.
    """
    parsed = [_parsed(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    offsets = {one.bootid: _wall_ns(one.time) - _up_ns(one) for one in parsed if one.time}
    found = []
    for one in parsed:
        offset_ns = offsets.get(one.bootid)
        if one.time is None and offset_ns is None:
            continue
        wall_ns = _wall_ns(one.time) if one.time else _up_ns(one) + (offset_ns or 0)
        found.append(ReplayFact(wall_ns, one.type, one.source.rpartition("/")[2], one.data))
    return sorted(found, key=lambda fact: fact.wall_ns)


def _parsed(number: int, line: bytes) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.MsgspecError as error:
        raise UsageError("replay.bad-line", line=number) from error


def _wall_ns(time: datetime.datetime) -> int:
    since = time - datetime.datetime.fromtimestamp(0, tz=datetime.UTC)
    return (since // datetime.timedelta(milliseconds=1)) * 1_000_000


def _up_ns(line: _Line) -> int:
    return int(line.uptimems) * 1_000_000 if line.uptimems.isdecimal() else 0


def _rule(record: AlarmChange | TaskResult) -> str:
    return record.facts.rule if isinstance(record, AlarmChange) else record.task.rule


def _what(record: AlarmChange | TaskResult) -> str:
    return record.what if isinstance(record, AlarmChange) else record.task.does


def _plain(one: ReplayResult) -> dict[str, Any]:
    record = one.record
    plain = {"time": rfc3339(one.wall_ns), "rule": _rule(record), "what": _what(record)}
    if isinstance(record, TaskResult):
        return {**plain, "linkage": record.task.linkage, "state": record.state, "why": record.why}
    alarm = record.alarm
    return {
        **plain,
        "alarm": alarm.id,
        "severity": alarm.severity.value,
        "place": record.facts.place,
        "count": alarm.count,
        "reading": msgspec.to_builtins(alarm.evidence),
    }


def replay_text(seen: list[ReplayResult], replay: Replay, settings: Settings, texts: Texts) -> str:
    """A table of alarms, a table of actions, and the totals."""
    words = CATALOGUES[texts.lang]
    say, zone = texts.say, zoneinfo.ZoneInfo(settings.station.timezone)
    turns = [one for one in seen if isinstance(one.record, AlarmChange)]
    acts = [one for one in seen if isinstance(one.record, TaskResult)]
    days = (replay.now_ns - (replay.first_ns or 0)) / DAY_NS
    raised = Counter(_what(one.record) for one in turns)["raised"]
    parts = []
    if turns:
        heads = [say(f"replay.{name}") for name in ("at", "alarm", "what", "place", "reading")]
        parts.append(render_table(heads, [_turn_row(one, settings, texts, zone) for one in turns]))
    else:
        parts.append(say("replay.none"))
    if acts:
        heads = [say(f"replay.{name}") for name in ("at", "linkage", "does", "state")]
        parts.append(
            say("replay.acts")
            + "\n"
            + render_table(heads, [_act_row(a, words, zone) for a in acts])
        )
    if days < 1:
        span = words.span(days * DAY_S)
        parts.append(say("replay.sum-short", readings=replay.readings, span=span, alarms=raised))
    else:
        per_day = raised / days
        parts.append(
            say("replay.sum", readings=replay.readings, days=days, alarms=raised, per_day=per_day)
        )
    return "\n\n".join(parts)


def _turn_row(
    one: ReplayResult, settings: Settings, texts: Texts, zone: zoneinfo.ZoneInfo
) -> tuple[str, ...]:
    assert isinstance(one.record, AlarmChange)
    facts, alarm = one.record.facts, one.record.alarm
    evidence = alarm.evidence
    reading = "" if evidence is None else f"{evidence.device}.{evidence.point} = {evidence.value}"
    what = texts.say(f"replay.{one.record.what}")
    counted = f"{what} ×{alarm.count}" if alarm.count > 1 else what
    place = settings.places.path(facts.place)
    return (_local(one.wall_ns, zone), f"{facts.rule} {facts.name}", counted, place, reading)


def _act_row(one: ReplayResult, words: Translator, zone: zoneinfo.ZoneInfo) -> tuple[str, ...]:
    assert isinstance(one.record, TaskResult)
    task, why = one.record.task, one.record.why
    said = [words(f"alarms.does-{task.does}")]
    if task.does in NAMED:
        said.append(str(task.action[task.does]))
    said += filter(None, (task.action.get("zone"), task.text))
    state = words(f"alarms.did-{one.record.state}")
    if why is not None:
        state = f"{state} ({words(why, does=said[0])})"
    return (_local(one.wall_ns, zone), task.linkage, " ".join(said), state)


def _local(wall_ns: int, zone: zoneinfo.ZoneInfo) -> str:
    moment = datetime.datetime.fromtimestamp(wall_ns / 1e9, tz=zone)
    return moment.strftime("%m-%d %H:%M:%S")
