"""Reads `[rule.*]` and `[duty]`, and checks them together with `[linkage.*]`."""

import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from broadcast.options import BroadcastOptions
from drivers.contract import Point as DevicePoint
from drivers.data_files import config_path
from drivers.extensions import extension_folders
from gateway.calendar import Calendar, TimeWindow
from gateway.config.linkages import LinkageReader
from gateway.config.ready_rules import ReadyRules, ReportedElsewhere
from gateway.config.schema import BusSetting, DeviceSetting, ZoneOptions
from gateway.config.shapes import polls
from gateway.errors import UsageError
from gateway.intake.contact_inputs import WiredInput, input_defaults
from gateway.places import STATION, Places
from gateway.rules import duty
from gateway.rules.core import RulesPlan
from gateway.rules.cross_checks import cross_check
from gateway.rules.kinds import PointInfo
from gateway.rules.linkage import Linkage
from gateway.rules.rule import (
    BUS,
    HEARD,
    OWN,
    RULE,
    TASKS,
    WHOLE,
    PointContext,
    RuleOptions,
    Watch,
    build_watches,
)
from gateway.rules.rule_templates import RuleTemplate, load_templates, option_shapes
from gateway.rules.silence_parents import with_parents
from gateway.texts import Texts
from gateway.toml import Decoder, KeyPath, Phrase, hint

OWN_RULES = {TASKS: "station-fault", HEARD: "emergency-unheard"}
RULES_MAX = 1000
LINKAGES_MAX = 200
WATCHES_MAX = 5000


class RuleReader:
    """Decodes rules and roster, and checks them with the linkages; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        table: Mapping[str, Any],
        places: Places,
        zones: Mapping[str, ZoneOptions],
        buses: Mapping[str, BusSetting],
        devices: Mapping[str, DeviceSetting],
        timezone: str,
        language: str,
        own: Path,
    ) -> None:
        """`table` is the whole file; the other arguments hold what has no mistake.

        `rule_ids` are the rules of the file and the ready rules that apply by themselves. The
        folder `own` may hold `rules/` and `holidays/` of this station.
        """
        self._decoder = decoder
        self._table = table
        self._places = places
        self._zones = zones
        heard = _heard(table)
        self._around = _around(zones, heard or zones.keys())
        indoors = {name: zone for name, zone in zones.items() if zone.sound != "community"}
        self._indoors = _around(indoors, heard)
        self._quiet = _quiet(table)
        self._buses = buses
        self._devices = devices
        self._language = language
        self._calendar = self._dated(timezone, own / "holidays")
        shipped = load_templates(config_path("rules"))
        added = [*extension_folders("config", "rules"), own / "rules"]
        self._recipes = {**shipped, **self._recipes_of(added)}
        self._points = 0
        self._ready = ReadyRules(decoder, table, devices, shipped, self._made)
        self.rule_ids = {*self._ids("rule"), *self._ready.kinds}

    def _made(self, rule_id: str, rule: RuleOptions, recipe: RuleTemplate) -> tuple[Watch, ...]:
        return build_watches(
            rule_id, rule, recipe, self._look, calendar=self._calendar, language=self._language
        )

    def _dated(self, timezone: str, own: Path) -> Calendar:
        try:
            return calendar(timezone, tuple(_texts(own)))
        except (ValueError, OSError) as error:
            self._decoder.blame((), "rules.bad-holidays", folder=str(own), reason=str(error))
            return calendar(timezone)

    def _recipes_of(self, folders: Iterable[Path]) -> Mapping[str, RuleTemplate]:
        """The recipes of those folders; a folder with a wrong recipe adds none."""
        found: dict[str, RuleTemplate] = {}
        for folder in folders:
            try:
                found |= load_templates(folder)
            except UsageError as error:
                self._decoder.blame_error((), error)
        return found

    def rule(self, rule_id: str, table: Any, path: KeyPath) -> tuple[Watch, ...] | None:
        """Decode one `[rule.*]`; None after a mistake."""
        rule = self._decoder.struct(RuleOptions, table, path)
        if rule is None or not self._recipe_there(rule.use, path):
            return None
        recipe = self._recipes[rule.use]
        if rule.parent is not None:
            self._rule_there(rule.parent, (*path, "parent"))
        sound = self._sound(rule, recipe, path)
        if not self._all_there(rule, path) or not sound:
            return None
        try:
            made = self._made(rule_id, rule, recipe)
        except UsageError as error:
            self._decoder.blame_error(path, error)
            return None
        self._points += len(made)
        if self._points > WATCHES_MAX:
            points = self._points
            self._decoder.blame(path, "rules.too-many-points", points=points, max=WATCHES_MAX)
        return made

    def _recipe_there(self, word: str, path: KeyPath) -> bool:
        return self._decoder.refers(word, self._recipes, (*path, "use"), "rules.unknown-recipe")

    def _rule_there(self, word: str, path: KeyPath) -> bool:
        return self._decoder.refers(word, self.rule_ids, path, "rules.unknown-rule")

    def _all_there(self, rule: RuleOptions, path: KeyPath) -> bool:
        """Whether everything that the rule watches exists and has no mistake of its own."""
        words = rule.on.values() if isinstance(rule.on, dict) else rule.on
        there = True
        for word in words:
            try:
                self._look(word)
            except UsageError as error:
                self._decoder.blame_error(path, error)
                there = False
            except ReportedElsewhere:
                there = False
        return there

    def _sound(self, rule: RuleOptions, recipe: RuleTemplate, path: KeyPath) -> bool:
        """Whether `set` fits the recipe; required keys are checked later."""
        merged = recipe.merged(rule.set)
        if any(name not in merged for name in recipe.needs):
            return True
        return (
            self._decoder.structs(option_shapes(recipe.rule_kind), merged, (*path, "set"))
            is not None
        )

    def roster(self) -> duty.DutyOptions | None:
        """Decode `[duty]`; None after a mistake."""
        options = self._decoder.struct(duty.DutyOptions, self._table.get("duty", {}), ("duty",))
        if options is None:
            return None
        for index, shift in enumerate(options.roster):
            for number, channel in enumerate(shift.by):
                self._channel(channel, shift, ("duty", "roster", index, "by", number))
        people = {shift.who for shift in options.roster}
        for index, step in enumerate(options.escalate):
            to = ("duty", "escalate", index, "to")
            self._decoder.refers(step.to, people, to, "rules.unknown-who")
        return options

    def _channel(self, word: str, shift: duty.Shift, path: KeyPath) -> None:
        """Reject a channel that reaches nobody.

        If no loudspeaker is configured at all and another channel is named, only warn.
        """
        zones, heard = self._ids("zone"), _heard(self._table)
        mute = word not in heard and (bool(heard) or set(shift.by) <= set(zones))
        if word == duty.PLATFORM and not self._ids("upstream"):
            self._decoder.blame(path, "rules.no-platform")
        elif word in zones and mute:
            self._decoder.blame(path, "rules.mute-channel", zone=word)
        elif word not in zones:
            channels = (duty.DESK, duty.PLATFORM, *zones)
            self._decoder.refers(word, channels, path, "rules.unknown-channel")

    def _deaf(self, channel: str, second: int) -> bool:
        """Whether the channel is silent at night (outdoors) or heard in one lift only.

        A loudspeaker follows where it stands, else the strictest of its zones, whichever zone is
        named.
        """
        if channel not in self._zones:
            return False
        spoken = [each for each in _spoken_to(self._table) if channel in each[0]]
        kinds = [
            {stands} if stands else {self._zones[zone].sound for zone in zones & self._zones.keys()}
            for zones, stands in spoken or [({channel}, "")]
        ]
        free = [each for each in kinds if "near" not in each]
        if self._by_night(second):
            return not free or any("community" in each for each in free)
        return not free

    def _by_night(self, second: int) -> bool:
        if self._quiet is None:
            return False
        begins, ends = self._quiet
        return begins <= second < ends if begins < ends else second >= begins or second < ends

    def plan(
        self, rules: Mapping[str, tuple[Watch, ...]], linkages: Mapping[str, Linkage]
    ) -> RulesPlan | None:
        """All three sections together, checked; None after a mistake."""
        roster = self.roster()
        if roster is None:
            return None
        bus_of = {device.id: device.options.bus_id for device in self._devices.values()}
        written = [watch for of_rule in rules.values() for watch in of_rule]
        made = (*with_parents(written, bus_of), *self._ready.watches(written, roster))
        has_platform = bool(self._ids("upstream"))
        for found in cross_check(
            made, linkages, roster, has_platform=has_platform, deaf=self._deaf
        ):
            if found.path[0] == "rule" and found.path[1] not in self._ids("rule"):
                continue  # a ready rule: it is judged where its input stands
            data = {name: _said(value) for name, value in found.data.items()}
            say = self._decoder.judge if found.judged else self._decoder.blame
            say(found.path, found.code, **data)
        return RulesPlan(made, roster, linkages, self._calendar, self._of_itself(made))

    def _of_itself(self, made: Sequence[Watch]) -> tuple[Watch, ...]:
        """The watches on its own tasks and loudspeakers, unless a rule of the file has them."""
        found: list[Watch] = []
        for point, rule_id in OWN_RULES.items():
            written = any((OWN, point) in watch.inputs for watch in made)
            mute = point == HEARD and not self._ids("speaker")
            if not (written or mute or rule_id in self._ids("rule")):
                rule = RuleOptions(use=rule_id, on=(f"{OWN}.{point}",))
                found += self._made(rule_id, rule, self._recipes[rule_id])
        return tuple(found)

    def _ids(self, section: str) -> Collection[str]:
        table = self._table.get(section)
        return table.keys() if isinstance(table, dict) else ()

    def _look(self, word: str) -> PointContext:
        device, _, point = word.partition(".")
        if device == BUS:
            self._there(point, [*self._ids("bus"), *self._ids("inlet")])
            bus = self._buses.get(point)
            name = point if bus is None else bus.called
            return PointContext(
                (BUS, point), PointInfo("1"), scopes=frozenset({point, word}), name=name
            )
        if device == RULE:
            self._there(point, self.rule_ids)
            return PointContext(
                (RULE, point), PointInfo("1"), scopes=frozenset({point}), name=point
            )
        setting = self._devices.get(device)
        if setting is None and device == OWN:
            self._there(point, OWN_RULES)
            name = Texts(self._language).say(f"rules.own-{point}")
            return PointContext((OWN, point), PointInfo("1"), scopes=frozenset({word}), name=name)
        if setting is None:
            self._there(device, self._ids("device"))
            raise ReportedElsewhere
        return self._of_device(setting, point)

    def _there(self, word: str, known: Collection[str]) -> None:
        if word not in known:
            raise _unknown(word, known)

    def _of_device(self, setting: DeviceSetting, point: str) -> PointContext:
        bus = self._buses.get(setting.options.bus_id)
        every_s = setting.device.every_s if bus is not None and polls(bus.options) else None
        if not point:
            known = PointInfo("1", every_s)
            return self._known(setting, WHOLE, setting.options.place, known, setting.options.name)
        shown = {each.id: each for each in setting.shown(self._language)}
        if point not in shown:
            raise _unknown(f"{setting.id}.{point}", [f"{setting.id}.{each}" for each in shown])
        wired = {each.id: each for each in setting.wired()}.get(point)
        place = setting.options.place if wired is None else wired.place
        known = _point(setting.device.point(point), wired, every_s)
        kind = shown[point].kind
        known = known._replace(brief=wired is not None and input_defaults(kind).brief)
        return self._known(setting, point, place, known, shown[point].name)._replace(kind=kind)

    def _known(
        self, setting: DeviceSetting, point: str, place: str, known: PointInfo, name: str
    ) -> PointContext:
        if place not in self._places:
            raise ReportedElsewhere
        around = {each.id for each in self._places.chain(place)} - {STATION}
        scopes = frozenset({setting.id, setting.options.bus_id, *around})
        nearest = self._places.nearest(place, self._around)
        inside = self._places.nearest(place, self._indoors)
        return PointContext(
            (setting.id, point),
            known,
            place,
            self._places.spoken(place),
            name,
            scopes,
            None if nearest is None else self._around[nearest],
            None if inside is None else self._indoors[inside],
        )


def _said(value: Any) -> Any:
    """An hour of the week in words; other values unchanged."""
    if isinstance(value, duty.WeekHour):
        return Phrase(f"rules.day-{value.day}", {"clock": value.clock})
    return value


def _quiet(table: Mapping[str, Any]) -> tuple[int, int] | None:
    """The quiet hours, from a table that is not checked yet."""
    written = table.get("broadcast")
    usual = BroadcastOptions().quiet
    quiet = written.get("quiet", usual) if isinstance(written, dict) else usual
    try:
        return TimeWindow.parse(str(quiet)).hours
    except ValueError:
        return None


def _heard(table: Mapping[str, Any]) -> set[str]:
    """The zones that some loudspeaker serves, from a table that is not checked yet."""
    return set[str]().union(*(zones for zones, _ in _spoken_to(table)))


def _spoken_to(table: Mapping[str, Any]) -> list[tuple[set[str], str]]:
    """Each loudspeaker's zones and where it stands, from a table that is not checked yet."""
    speakers = table.get("speaker")
    named = []
    for speaker in speakers.values() if isinstance(speakers, dict) else ():
        said = speaker if isinstance(speaker, dict) else {}
        zones, stands = said.get("zones"), said.get("stands")
        there = {zone for zone in zones or () if isinstance(zone, str)}
        named.append((there, stands if isinstance(stands, str) else ""))
    return named


def _around(zones: Mapping[str, ZoneOptions], heard: Collection[str]) -> dict[str, str]:
    """The zone of each place: the first in the file, if it is heard."""
    named: dict[str, str] = {}
    for zone_id, zone in zones.items():
        for place in zone.places if zone_id in heard else ():
            named.setdefault(place, zone_id)
    return named


def _texts(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.toml")):
        yield file.read_text("utf-8")


@cache
def calendar(timezone: str, own: tuple[str, ...] = ()) -> Calendar:
    """Build the calendar from the shipped holidays and `own`; cached per arguments.

    An unknown time zone was reported by the caller and falls back to UTC. ValueError for malformed
    holiday text.
    """
    texts = (*_texts(config_path("holidays")), *own)
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        timezone = "UTC"
    return Calendar.of_texts(timezone, *texts)


def _point(point: DevicePoint | None, wired: WiredInput | None, every_s: float | None) -> PointInfo:
    """The point as rules see it: intake has already applied the polarity of an input."""
    if wired is not None or point is None:
        return PointInfo("1", every_s)
    own_s = point.every_s if every_s is not None and point.every_s is not None else every_s
    return PointInfo(point.unit, own_s, point.counter)


def _unknown(word: str, known: Collection[str]) -> UsageError:
    return UsageError("rules.unknown-watched", key="on", word=word, hint=hint(word, known))


# The loader's iteration over the tables of a section.
Each = Callable[..., Any]


def read_rules(reader: RuleReader, linkage: LinkageReader, each: Each) -> RulesPlan | None:
    """Read the three sections in the order in which each finds what it refers to."""
    rules = each("rule", reader.rule, most=RULES_MAX)
    linkages = each("linkage", linkage.linkage, most=LINKAGES_MAX)
    return reader.plan(rules, linkages)
