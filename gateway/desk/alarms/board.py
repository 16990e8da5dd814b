"""All open alarms in order, and those on the desk's first screen."""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.desk.alarms import row
from gateway.desk.alarms.desk_ring import DeskRing
from gateway.desk.alarms.row import AlarmRow
from gateway.health import AlarmVitals, Vitals
from gateway.places import Places
from gateway.rules.alarm import Alarm, AlarmState, Evidence
from gateway.rules.events import ActionEventData
from gateway.rules.kinds import S
from gateway.rules.linkage import ANSWER, RING, AnnounceAction, Linkage, action_name
from gateway.rules.linkage import Action as LinkageAction
from gateway.rules.rule import AlarmFacts
from gateway.rules.service import RuleService
from gateway.rules.suppression import Maintenance
from gateway.web.i18n import Translator
from gateway.web.section import Need, NeedAction, View

PATH = "/desk/alarms"
# Beyond this many, alarms are only counted.
ROWS_MAX = 50

NEEDS_MAX, DONE_MAX = 12, 6
# This many silenced alarms are named; the rest are counted.
NAMED_MAX = 6

GRAVELY, GENTLY = 2, 1


class OpenAlarms(NamedTuple):
    """The open alarms now: those to act on, most urgent and oldest first; the silent ones.

    After those that wait come those that a person has taken, then shelved critical ones.
    """

    active: list[AlarmRow]
    silent: list[AlarmRow]

    @property
    def rest(self) -> list[AlarmRow]:
        """Those that a person has taken, and shelved critical ones."""
        return [each for each in self.active if not each.waits]

    @property
    def shelved(self) -> int:
        """How many are shelved."""
        return sum(e.alarm.state is AlarmState.SHELVED for e in (*self.active, *self.silent))

    @property
    def waiting(self) -> list[AlarmRow]:
        """Those that nobody has acknowledged."""
        return [each for each in self.active if each.waits]


class AlarmBoard:
    """Reads the rule service; changes nothing."""

    def __init__(
        self,
        rules: RuleService,
        calls: DeskRing,
        places: Places,
        names: Callable[[], Mapping[str, str]],
        devices: Mapping[str, str],
        *,
        zones: Mapping[str, str] = MappingProxyType({}),
        offers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Names for people, by id: `names` are those of accounts.

        `offers` is what can be announced or requested: `announce.smoke`, `request.repair`.
        """
        self.rules = rules
        self.places = places
        self.calls = calls
        self._names = names
        self._devices = devices
        self._zones = zones
        self._offers = offers
        self._named: tuple[object, Mapping[str, str]] = (None, {})

    def open(self) -> OpenAlarms:
        """The open alarms now."""
        book, moment = self.rules.core.alarms.book, self.rules.moment()
        rows = [row.alarm_row(alarm, book.facts(alarm), moment) for alarm in book.open.values()]
        rows.sort(key=lambda each: (-each.urgency, -each.age_s, each.alarm.id))
        told = [each for each in rows if each.alarm.state not in row.SILENT or each.kept]
        told.sort(key=lambda each: (not each.waits, each.kept))
        silent = [each for each in rows if each.alarm.state in row.SILENT and not each.kept]
        return OpenAlarms(told, silent)

    def find(self, alarm_id: str) -> AlarmRow | None:
        """The open alarm with that id."""
        found = (a for a in self.rules.core.alarms.book.open.values() if a.id == alarm_id)
        alarm = next(found, None)
        if alarm is None:
            return None
        return row.alarm_row(alarm, self.rules.core.alarms.book.facts(alarm), self.rules.moment())

    def who(self, alarm: Alarm, words: Translator) -> str:
        """Who has taken it; before that, who was called."""
        if alarm.state is not AlarmState.ESCALATED:
            return self.name(alarm.by)
        duty = self.rules.core.alarms.duty
        return words("alarms.and-also").join(duty.called_people(alarm.severity, alarm.steps))

    def done(self, did: ActionEventData, words: Translator) -> str:
        """The target of an action in words: what is announced where, what is requested."""
        if did.does in {RING, ANSWER}:
            return self.zone(did.what)
        if did.does == "request":
            return self._offers.get(f"request.{did.what}", did.what)
        if did.does != "announce":
            return did.what
        linkage = self.rules.core.linkages.all.get(did.linkage)
        zones = [
            words("alarms.near") if one.zone is None else self.zone(one.zone)
            for one in (linkage.actions if linkage else ())
            if isinstance(one, AnnounceAction) and one.announce == did.what
        ]
        said = words("alarms.quoted", text=self._offers.get(f"announce.{did.what}", did.what))
        return words("alarms.into", what=said, zone=zones[0]) if zones else said

    def zone(self, zone: str) -> str:
        """A zone's name."""
        return self._zones.get(zone, zone)

    def name(self, who: str | None) -> str:
        """A person's name, else what the record has."""
        return self._names().get(who or "", who or "")

    def read(self, each: AlarmRow, vitals: Vitals, words: Translator) -> str:
        """The reading that raised it, in words; the present one as well if it may have changed."""
        evidence = each.alarm.evidence
        device = "" if evidence is None else self._devices.get(evidence.device, "")
        now = ""
        if not each.alarm.on or each.alarm.state is AlarmState.SHELVED:
            now = _present(vitals, evidence, words)
        return row.reading_text(each.alarm, each.facts, words, device, now)

    def maintenance(self) -> list[Maintenance]:
        """What is under maintenance, the soonest end first."""
        under = self.rules.core.alarms.quiet.under.values()
        return sorted(under, key=lambda each: each.until_ns)

    def silenced(self, scope: str, words: Translator) -> list[str]:
        """The life-safety alarms that maintenance of the scope silences, in words."""
        found = self.rules.core.alarms.life_safety(scope)
        named = list(dict.fromkeys(row.alarm_title(facts) for facts in found))
        more = len(named) - NAMED_MAX
        return named if more <= 0 else [*named[:NAMED_MAX], words("alarms.and-more", n=more)]

    def sets_off(self, facts: AlarmFacts, words: Translator) -> list[str]:
        """What its linkages do when it is raised."""
        return [
            self.does(linkage, action, words)
            for linkage in self.rules.core.linkages.all.values()
            if facts.rule in linkage.options.rules and linkage.options.at == "raised"
            for action in linkage.actions
        ]

    def does(self, linkage: Linkage, action: LinkageAction, words: Translator) -> str:
        """An action with its target."""
        does = action_name(action)
        did = ActionEventData("", linkage.id, "", "", does, str(getattr(action, does)), "")
        what = "" if does == "call" else self.done(did, words)
        return " ".join(filter(None, [words(f"alarms.does-{does}"), what]))

    def scope(self, scope: str) -> str:
        """The scope of maintenance in words."""
        if scope and scope in self.places:
            return self.places.path(scope)
        if scope in self._devices:
            return self._devices[scope]
        return self._rule_names().get(scope, scope)

    def _rule_names(self) -> Mapping[str, str]:
        """The names of the rules; constant for one core."""
        core = self.rules.core
        if self._named[0] is not core:
            names = {w.facts.rule: w.facts.name for w in core.engine.watches.values()}
            self._named = (core, names)
        return self._named[1]

    def ring(self, rows: OpenAlarms) -> int:
        """0: silence; 1: a person should come; 2: a person must come now."""
        ringing = [each for each in rows.active if each.rings]
        called = any(each.alarm.id in self.calls.ringing for each in rows.waiting)
        if called or any(each.grave for each in ringing):
            return GRAVELY
        return GENTLY if ringing else 0

    def vitals(self) -> AlarmVitals:
        """For the header of every page."""
        rows = self.open()
        waiting = rows.waiting
        first = waiting[0].facts.name if waiting else ""
        return AlarmVitals(len(waiting), self.ring(rows), first)

    def view(self, vitals: Vitals, words: Translator, _argument: str = "") -> View:
        """Everything on the page that changes."""
        self.calls.mark_shown()
        return dict(self._facts(vitals, words))

    def _facts(self, vitals: Vitals, words: Translator) -> Iterator[tuple[str, Any]]:
        rows, moment = self.open(), self.rules.moment()
        shown = rows.active[:ROWS_MAX]
        yield "shape", _shape(vitals, rows, self.maintenance())
        yield "volatile", vitals.journal.volatile
        yield from self.sound(rows, words).items()
        yield "count", _counted(rows, words)
        for each in shown:
            key = f"alarm.{each.alarm.id}"
            yield f"{key}.minutes", str(each.minutes)
            yield f"{key}.mark", row.state_mark(each.alarm, words)
            yield f"{key}.read", self.read(each, vitals, words)
            who = self.who(each.alarm, words)
            yield f"{key}.text", row.state_text(each.alarm, words, who, moment)
        for each in rows.silent[:ROWS_MAX]:
            who = self.name(each.alarm.by)
            yield f"alarm.{each.alarm.id}.text", row.state_text(each.alarm, words, who, moment)
        for one in self.maintenance():
            span = row.time_left(one.until_ns, moment, words)
            yield f"work.{one.scope}", words("alarms.left", span=span)

    def sound(self, rows: OpenAlarms, words: Translator) -> View:
        """What the page's script needs for the alarm sound, and its word."""
        ring = self.ring(rows)
        return {"ring": str(ring), "ring.text": words(f"alarms.ring-{ring}")}

    def card(self, _vitals: Vitals, words: Translator) -> View:
        """The card on the desk's first screen."""
        self.calls.mark_shown()
        rows = self.open()
        waiting = self.rules.core.engine.paused(self.rules.moment())
        return {
            **self.sound(rows, words),
            "active": str(len(rows.active)),
            "taken": str(sum(not each.kept for each in rows.rest)),
            "silent": str(len(rows.silent) + sum(each.kept for each in rows.rest)),
            "watches": words("alarms.watching", n=len(self.rules.core.engine.watches)),
            "paused": words("alarms.paused", n=waiting) if waiting else "",
        }

    def urgency(self, _vitals: Vitals) -> int:
        """The present urgency of the card."""
        return max((each.urgency for each in self.open().waiting), default=0)

    def needs(self, vitals: Vitals, words: Translator) -> list[Need]:
        """A row for each unacknowledged alarm; a grey one for what is being taken care of."""
        rows = self.open()
        return [
            *(self.need(each, vitals, words) for each in rows.waiting[:NEEDS_MAX]),
            *(self._done(each, vitals, words) for each in rows.rest[:DONE_MAX]),
            *self._work(words),
        ]

    def _done(self, each: AlarmRow, vitals: Vitals, words: Translator) -> Need:
        """A colleague has it, or it is shelved: nobody is needed, and everybody is informed."""
        alarm, here = each.alarm, f"{PATH}/{each.alarm.id}"
        who = self.who(alarm, words)
        return Need(
            key=alarm.id,
            urgency=0,
            hue="is-ink",
            pictogram=row.pictogram(each.facts.use),
            amount=each.minutes,
            unit=words("alarms.minutes-ago"),
            title=row.alarm_title(each.facts),
            text=self.read(each, vitals, words),
            note=row.state_text(alarm, words, who, self.rules.moment()),
            actions=(NeedAction(words("alarms.look"), "chart", here, quiet=True),),
            done=True,
        )

    def _work(self, words: Translator) -> Iterator[Need]:
        """Maintenance that silences life-safety alarms."""
        moment = self.rules.moment()
        for one in self.maintenance():
            silenced = self.silenced(one.scope, words)
            if silenced:
                named = words("alarms.and-also").join(silenced)
                yield Need(
                    key=f"work-{one.scope}",
                    urgency=0,
                    hue="is-ink",
                    pictogram="repair",
                    amount=max(0, math.ceil((one.until_ns - moment.at_ns) / S / 60)),
                    unit=words("alarms.minutes-left"),
                    title=words("alarms.work-at", scope=self.scope(one.scope)),
                    text=words("alarms.work-silences", named=named),
                    actions=(NeedAction(words("alarms.work-look"), "repair", PATH, quiet=True),),
                    done=True,
                )

    def need(self, each: AlarmRow, vitals: Vitals, words: Translator) -> Need:
        """The alarm as a row of the board of needs."""
        alarm, here = each.alarm, f"{PATH}/{each.alarm.id}"
        code = f"alarms.state-{alarm.state.value}"
        take = NeedAction(words("alarms.take"), "check", f"{here}/acknowledge", post=True)
        return Need(
            key=alarm.id,
            urgency=each.urgency,
            hue="is-person",
            pictogram=row.pictogram(each.facts.use),
            amount=each.minutes,
            unit=words("alarms.minutes-ago"),
            title=row.alarm_title(each.facts),
            text=self.read(each, vitals, words),
            note=words("alarms.said-unreached" if alarm.unreached else code),
            actions=(take, NeedAction(words("alarms.look"), "chart", here, quiet=True)),
        )


def _shape(vitals: Vitals, rows: OpenAlarms, work: list[Maintenance]) -> int:
    """Changes when a row came, went or moved, or allows other actions."""
    parts = [vitals.name, vitals.version, *(one.scope for one in work)]
    parts += [f"{e.alarm.id} {e.alarm.state} {e.comes}" for e in rows.active[:ROWS_MAX]]
    parts += [f"{each.alarm.id} {each.alarm.state}" for each in rows.silent[:ROWS_MAX]]
    parts.append(str(len(rows.active) > ROWS_MAX))
    return zlib.crc32("\n".join(parts).encode())


def _counted(rows: OpenAlarms, words: Translator) -> str:
    if len(rows.active) > ROWS_MAX:
        return words("alarms.count-storm", n=len(rows.active), shown=ROWS_MAX)
    if rows.shelved and not rows.waiting:
        return words("alarms.count-shelved", n=rows.shelved)
    return words("alarms.count", n=len(rows.active), waiting=len(rows.waiting))


def _present(vitals: Vitals, evidence: Evidence | None, words: Translator) -> str:
    """The present reading of the point that raised it; empty if it is not polled."""
    for device in vitals.devices if evidence is not None else ():
        for point in device.points:
            if (device.id, point.id) == (evidence.device, evidence.point):  # type: ignore[union-attr]  # just looked
                return row.present_value(point, words)
    return ""
