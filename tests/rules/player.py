"""Plays a scenario through the pure core: what it hears and suffers, and what came of it."""

import datetime
import random
import tomllib
import zoneinfo
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Quality, Reading
from drivers.data_files import config_path
from gateway.calendar import Calendar
from gateway.rules import duty, linkage, rule_templates
from gateway.rules.alarms import AlarmChange
from gateway.rules.core import RulesCore, RulesOutcome, RulesPlan
from gateway.rules.kinds import PointInfo, RuleInstant, S
from gateway.rules.linkage import Linkage, TaskResult
from gateway.rules.rule import BUS, RULE, WHOLE, FindPoint, PointContext, RuleOptions, build_watches
from gateway.rules.silence_parents import with_parents

FOLDER = Path(__file__).parent / "scenarios"
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
# Which place lies in which, as far as scenarios ask.
INSIDE = {"b3-f5": "b3", "b3-f501": "b3-f5", "b3-lift": "b3", "b5-lift": "b5"}

BOOT_NS = 1_000 * S
NEW_YEAR_NS = int(datetime.datetime(2026, 1, 1, tzinfo=ZONE).timestamp()) * S
NOT_EXPECTED = {"maintenance"}


class Seen(NamedTuple):
    """Something that came out, at so many seconds after the start."""

    at_s: float
    rule: str
    what: str


class Acted(NamedTuple):
    """An action that ended."""

    at_s: float
    linkage: str
    does: str
    state: str


@cache
def points() -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / "points.toml").read_text("utf-8"))["point"]


@cache
def bus_of() -> dict[str, str]:
    devices = {name.partition(".")[0] for name in points()}
    return {device: "air" if device.startswith("door") else "meters" for device in devices}


@cache
def shelf() -> dict[str, rule_templates.RuleTemplate]:
    return rule_templates.load_templates(config_path("rules"))


@cache
def calendar() -> Calendar:
    return Calendar.load("Asia/Shanghai", config_path("holidays", "cn.toml"))


def look(word: str) -> PointContext:
    """What a word of `on` means on the scenarios' station."""
    device, _, point = word.partition(".")
    if device in {BUS, RULE}:
        return PointContext((device, point), PointInfo("1"), scopes=frozenset({word}))
    if not point:
        mine = [known for name, known in points().items() if name.startswith(f"{device}.")]
        every_s = max(known["every_s"] for known in mine)
        whole = frozenset({device, bus_of()[device]})
        return PointContext((device, WHOLE), PointInfo("1", every_s), scopes=whole)
    told = points()[word]
    place, scopes = told["place"], {device, bus_of()[device]}
    while place:
        scopes.add(place)
        place = INSIDE.get(place, "")
    inverted = told.get("normally") == "closed"
    known = PointInfo(told["unit"], told["every_s"], told.get("counter", False), inverted)
    return PointContext(
        (device, point), known, told["place"], told["place"], word, frozenset(scopes)
    )


def plan(scenario: dict[str, Any], *, look: FindPoint = look) -> RulesPlan:
    """The scenario's rules, duty and linkages, as the roof would make them."""
    made = []
    for rule_id, table in scenario["rule"].items():
        options = msgspec.convert(table, RuleOptions)
        ready = shelf()[options.use]
        made += build_watches(rule_id, options, ready, look, calendar=calendar(), language="zh")
    linkages = {}
    for name, table in scenario.get("linkage", {}).items():
        options = msgspec.convert(table, linkage.LinkageOptions)
        actions = tuple(msgspec.convert(do, linkage.decode_action(do)) for do in options.do)
        linkages[name] = Linkage(name, options, actions)
    roster = msgspec.convert(scenario.get("duty", {}), duty.DutyOptions)
    made = list(with_parents(made, bus_of()))
    return RulesPlan(tuple(made), roster, linkages, calendar())


def seconds(written: str) -> float:
    """`1d02:35`, `02:35:10`, `6m`, `15s`."""
    if written[-1] in "smh":
        return float(written[:-1]) * {"s": 1, "m": 60, "h": 3600}[written[-1]]
    days, _, clock = written.rpartition("d")
    parts = [*map(int, clock.split(":")), 0][:3]
    return int(days or 0) * 86_400 + parts[0] * 3600 + parts[1] * 60 + parts[2]


def samples(scenario: dict[str, Any]) -> list[tuple[float, str, Any, Quality]]:
    """What is heard: (second, point, value, quality), in order of time."""
    rng = random.Random(scenario["name"])
    end_s = scenario["days"] * 86_400
    heard: dict[str, dict[float, tuple[Any, Quality]]] = {}
    for line in scenario["feed"]:
        mine = heard.setdefault(line["on"], {})
        first, last = seconds(line.get("from", "00:00")), seconds(line.get("to", "999d00:00"))
        last = min(last, end_s)
        for at_s in [at for at in mine if first <= at < last]:
            del mine[at_s]
        every_s = line.get("every_s", points()[line["on"]]["every_s"])
        quality = Quality(line.get("quality", "good"))
        at_s = first
        while at_s < last and not line.get("silent"):
            mine[at_s] = (_value(line, at_s, first, last, rng), quality)
            at_s += every_s
    flat = [(at, on, value, q) for on, mine in heard.items() for at, (value, q) in mine.items()]
    return sorted(flat, key=lambda one: (one[0], one[1]))


def _value(
    line: dict[str, Any], at_s: float, first: float, last: float, rng: random.Random
) -> bool | float:
    if "swap" in line:
        return line["swap"][int((at_s - first) // line["swap_s"]) % len(line["swap"])]
    if "ramp" in line:
        low, high = line["ramp"]
        value = low + (high - low) * (at_s - first) / (last - first)
    elif "usage" in line:
        value = line["start"] + _used(line["usage"], at_s)
    elif "daily" in line:
        value = [v for start, v in line["daily"] if seconds(start) <= at_s % 86_400][-1]
    else:
        value = line["value"]
    if isinstance(value, bool):
        return value
    noise = line.get("noise", 0)
    value += rng.uniform(-noise, noise)
    step = 10 ** -line.get("decimals", 3)
    return int(value / step + 1e-6) * step if "usage" in line else round(value, 3)


def _used(usage: list[list[Any]], at_s: float) -> float:
    total = 0.0
    for number, (start, per_h) in enumerate(usage):
        begin = seconds(start)
        end = seconds(usage[number + 1][0]) if number + 1 < len(usage) else float("inf")
        total += max(0.0, min(at_s, end) - begin) * per_h / 3600
    return total


class Player:
    """One scenario under way: boot time, lived time, wall time, and the core."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario
        self.plan = plan(scenario)
        start = datetime.datetime.fromisoformat(scenario.get("start", "2026-03-02T00:00"))
        self.start_ns = int(start.replace(tzinfo=ZONE).timestamp()) * S
        self.wall_known = scenario.get("clock") != "none"
        self.stepped_ns = 0
        self.lost_ns = 0
        self.now_s = 0.0
        self.boot = "boot-1"
        self.away_until_s = 0.0
        self.kept: dict[str, bytes] = {}
        self.seen: list[Seen] = []
        self.acted: list[Acted] = []
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.take(self.core.start(self.moment()))

    def moment(self) -> RuleInstant:
        lived_ns = BOOT_NS + round(self.now_s * S) - self.lost_ns
        wall_ns = self.start_ns + round(self.now_s * S) + self.stepped_ns
        return RuleInstant(lived_ns, wall_ns if self.wall_known else None)

    def take(self, outcome: RulesOutcome) -> None:
        """What came out: seen, kept, and done at once."""
        for record in outcome.records:
            if isinstance(record, AlarmChange):
                self.seen.append(Seen(self.now_s, record.facts.rule, record.what))
            elif isinstance(record, TaskResult):
                task = record.task
                self.acted.append(Acted(self.now_s, task.linkage, task.does, record.state))
            else:
                self.seen.append(Seen(self.now_s, "", record.what))
        self._keep(outcome.keep)
        for task in outcome.tasks:
            missing = task.does in self.scenario.get("without", ())
            self.take(self.core.finish_task(task, "unavailable" if missing else "done"))

    def _keep(self, changes: dict[str, bytes | None]) -> None:
        for key, body in changes.items():
            if body is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = body

    def play(self) -> None:
        heard = samples(self.scenario)
        events = sorted(self.scenario.get("events", ()), key=lambda event: seconds(event["at"]))
        instants = sorted({at for at, *_ in heard} | {seconds(event["at"]) for event in events})
        at = 0
        for instant in [*instants, self.scenario["days"] * 86_400]:
            self._until(instant)
            while events and seconds(events[0]["at"]) <= instant:
                self.suffer(events.pop(0))
            polls: dict[str, list[Reading]] = {}
            while at < len(heard) and heard[at][0] <= instant:
                _, on, value, quality = heard[at]
                device, _, point = on.partition(".")
                reading = Reading(device, point, value, points()[on]["unit"], quality, 0)
                polls.setdefault(device, []).append(reading)
                at += 1
            if instant >= self.away_until_s:
                for readings in polls.values():
                    self.take(self.core.read(readings, self.moment()))

    def _until(self, instant_s: float) -> None:
        """A tick a second where something waits for one; else only where readings come."""
        while self.now_s < instant_s:
            idle = self.wall_known and not self.core.alarms.book.open
            due_ns = self.core.engine.next_ns
            end_ns = self.moment().at_ns + round((instant_s - self.now_s) * S)
            jump = idle and (due_ns is None or due_ns > end_ns)
            self.now_s = instant_s if jump else min(self.now_s + 1, instant_s)
            if self.now_s >= self.away_until_s:
                self.take(self.core.tick(self.moment()))

    def suffer(self, event: dict[str, Any]) -> None:
        core, moment = self.core, self.moment()
        match event["do"]:
            case "restart":
                self._restart(event)
            case "clock":
                self.wall_known = True
            case "clock-step":
                self.stepped_ns += event["by_s"] * S
            case "bus":
                self.take(core.bus_changed(event["bus"], up=event["up"], moment=moment))
            case "acknowledge":
                act = lambda a: a.acknowledge(event["rule"], "张丽")  # noqa: E731
                self.take(core.apply_action(act, moment))
            case "shelve":
                shelve = lambda a: a.shelve(event["rule"], event["for_s"], "张丽", moment)  # noqa: E731
                self.take(core.apply_action(shelve, moment))
            case "maintain":
                quiet = lambda a: a.maintain(event["scope"], event["for_s"], "张丽", moment)  # noqa: E731
                self.take(core.apply_action(quiet, moment))
            case other:
                raise AssertionError(other)

    def _restart(self, event: dict[str, Any]) -> None:
        """Stopped in order, away for a while, back; in another boot if the power was cut."""
        self._keep(self.core.checkpoint())
        head = self.core.head(self.moment(), self.boot, 0)
        down_s = event.get("down_s", 5)
        self.away_until_s = self.now_s + down_s
        if event.get("boot"):
            self.boot = "boot-2"
            self.lost_ns += down_s * S
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.core.restore(self.kept, head, boot=self.boot)
        self.take(self.core.start(self.moment()))


def played(scenario: dict[str, Any]) -> Player:
    player = Player(scenario)
    player.play()
    return player
