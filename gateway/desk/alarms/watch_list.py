"""What each rule watches: its points, its limit, when it last looked, and why it waits."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

from gateway.desk.alarms.board import AlarmBoard
from gateway.desk.alarms.condition_text import describe_condition
from gateway.event import Severity
from gateway.health import Vitals
from gateway.rules import confirmation
from gateway.rules.kinds import RuleInstant
from gateway.rules.linkage import Linkage
from gateway.rules.rule import BUS, OWN, RULE, WHOLE, Watch
from gateway.rules.verdicts import VerdictTally
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark
from gateway.web.section import View

# Watches per page.
PAGE = 100

INPUTS_MAX = 4

# The marks of a watch's state, the most important first.
MARKS = {
    confirmation.ConfirmationPhase.ACTIVE.value: ("bad", "s-bad"),
    confirmation.ConfirmationPhase.PENDING.value: ("wait", "s-wait"),
    confirmation.ConfirmationPhase.FADING.value: ("warn", "warning"),
    "paused": ("away", "clockq"),
    "none": ("wait", "s-wait"),
    confirmation.ConfirmationPhase.IDLE.value: ("ok", "s-ok"),
}


class WatchFilter(NamedTuple):
    """A filter of watches; empty means all, a place includes everything in it."""

    first: int = 0
    rule: str = ""
    place: str = ""

    @classmethod
    def parse(cls, argument: str) -> Self:
        """Parse a page's topic."""
        first, _, rest = argument.partition(",")
        rule, _, place = rest.partition(",")
        return cls(int(first) if first.isdecimal() else 0, rule, place)

    def matches(self, watch: Watch) -> bool:
        """Whether the filter includes that watch."""
        facts = watch.facts
        return self.rule in ("", facts.rule) and (not self.place or self.place in facts.scopes)


class WatchRow(NamedTuple):
    """One watch on the page; `key` is the prefix of its view."""

    key: str
    what: str
    place: str
    meaning: str


class RuleGroup(NamedTuple):
    """A rule on the page, with its watches on this page; `many` counts all of them.

    `meaning` is what all of them watch for; empty if they differ.
    """

    key: str
    rule: str
    name: str
    severity: str
    many: int
    meaning: str
    rows: tuple[WatchRow, ...]


class LinkageRow(NamedTuple):
    """A linkage on the page: its trigger, its actions, and whether it would act now."""

    id: str
    when: str
    does: tuple[str, ...]
    would: StatusMark


class WatchList:
    """All watches of the station, a page at a time."""

    def __init__(self, board: AlarmBoard) -> None:
        self._board = board

    def all(self) -> Sequence[Watch]:
        return tuple(self._board.rules.core.engine.watches.values())

    def wanted(self, wanted: WatchFilter) -> Sequence[Watch]:
        """The watches of the filter, on all pages, rule by rule."""
        return tuple(watch for watch in self.all() if wanted.matches(watch))

    def places(self) -> list[tuple[str, str]]:
        """Places with watches: ids and names."""
        found = frozenset[str]().union(*(watch.facts.scopes for watch in self.all()))
        places = self._board.places
        known = ((scope, places.path(scope)) for scope in found if scope and scope in places)
        return sorted(known, key=lambda one: one[1])

    def groups(self, wanted: WatchFilter, words: Translator) -> list[RuleGroup]:
        """The static part of the page."""
        found = self.wanted(wanted)
        counts = Counter(watch.facts.rule for watch in found)
        page = enumerate(found[wanted.first : wanted.first + PAGE], wanted.first)
        return [
            _group(tuple(some), counts[rule], words)
            for rule, some in groupby(page, key=lambda one: one[1].facts.rule)
        ]

    def linkages(self, words: Translator) -> list[LinkageRow]:
        """What each linkage would do if its rule raised an alarm now."""
        return [
            LinkageRow(
                id=linkage.id,
                when=", ".join(linkage.options.rules),
                does=tuple(self._board.does(linkage, action, words) for action in linkage.actions),
                would=self._would(linkage, words),
            )
            for linkage in self._board.rules.core.linkages.all.values()
        ]

    def _would(self, linkage: Linkage, words: Translator) -> StatusMark:
        core = self._board.rules.core
        severities = [w.facts.severity for w in core.engine.watches.values()
                      if w.facts.rule in linkage.options.rules]  # fmt: skip
        least = max(severities, key=list(Severity).index, default=Severity.NOTICE)
        why = core.linkages.why_not(linkage, least, self._board.rules.moment())
        if why is not None:
            return ("away", "s-off", words("alarms.would-not", why=words(why)))
        if linkage.options.dry_run:
            return ("away", "s-off", words("alarms.would-dry"))
        return ("ok", "s-ok", words("alarms.would"))

    def view(self, vitals: Vitals, words: Translator, argument: str) -> View:
        """The changing part of the page; `argument` is the filter."""
        return dict(self._facts(vitals, words, WatchFilter.parse(argument)))

    def _facts(
        self, vitals: Vitals, words: Translator, wanted: WatchFilter
    ) -> Iterator[tuple[str, Any]]:
        moment = self._board.rules.moment()
        found = self.wanted(wanted)
        shown = found[wanted.first : wanted.first + PAGE]
        yield "shape", zlib.crc32(" ".join(watch.id for watch in shown).encode())
        yield "volatile", vitals.journal.volatile
        yield from self._board.sound(self._board.open(), words).items()
        for i, watch in enumerate(shown, wanted.first):
            stands = self._stands(watch, moment)
            yield f"watch.{i}.mark", (*MARKS[stands], words(f"alarms.phase-{stands}"))
            yield f"watch.{i}.looked", self._looked(watch, vitals, moment)
        rules: dict[str, Counter[str]] = {watch.facts.rule: Counter() for watch in shown}
        for watch in found:
            if watch.facts.rule in rules:
                rules[watch.facts.rule][self._stands(watch, moment)] += 1
        tallies = self._board.rules.core.alarms.verdicts.of_rule
        for rule, counts in rules.items():
            yield f"rule.{rule}.mark", _foremost(counts, words)
            yield f"rule.{rule}.found", _found(tallies.get(rule), words)

    def _stands(self, watch: Watch, moment: RuleInstant) -> str:
        if watch.needs_wall and moment.wall_ns is None:
            return "paused"
        engine = self._board.rules.core.engine
        if watch.id not in engine.evaluated_ns:
            return "none"
        return engine.states[watch.id].confirmed.phase.value

    def _looked(self, watch: Watch, vitals: Vitals, moment: RuleInstant) -> int | None:
        """When it last looked, in ms since boot."""
        at_ns = self._board.rules.core.engine.evaluated_ns.get(watch.id)
        if at_ns is None:
            return None
        return (vitals.at_ns - (moment.at_ns - at_ns)) // 1_000_000


def _foremost(counts: Counter[str], words: Translator) -> StatusMark:
    """The state of a whole rule: the most important of its watches', and how many have it."""
    stands = next(each for each in MARKS if counts[each])
    said = words(f"alarms.phase-{stands}")
    if counts[stands] < counts.total():
        said = words("alarms.phase-of-some", phase=said, n=counts[stands])
    return (*MARKS[stands], said)


def _found(tally: VerdictTally | None, words: Translator) -> str:
    """How often it was real, and how often false."""
    if tally is None:
        return ""
    return words("alarms.found-counts", real=tally.real, unreal=tally.unreal)


def _group(some: Sequence[tuple[int, Watch]], many: int, words: Translator) -> RuleGroup:
    facts = some[0][1].facts
    meanings = [describe_condition(watch, words) for _, watch in some]
    same = len(set(meanings)) == 1
    return RuleGroup(
        key=f"rule.{facts.rule}",
        rule=facts.rule,
        name=facts.name,
        severity=words(f"alarms.severity-{facts.severity.value}"),
        many=many,
        meaning=meanings[0] if same else "",
        rows=tuple(
            WatchRow(f"watch.{i}", _inputs(watch, words), watch.facts.spoken, "" if same else said)
            for (i, watch), said in zip(some, meanings, strict=True)
        ),
    )


def _inputs(watch: Watch, words: Translator) -> str:
    """Its points as in the settings; the first few of many."""
    said = []
    for device, point in watch.inputs[:INPUTS_MAX]:
        if device in {BUS, RULE}:
            said.append(words(f"alarms.of-{device}", name=point))
        elif device == OWN:
            said.append(watch.facts.point_name)
        elif point == WHOLE:
            said.append(words("alarms.of-device", name=device))
        else:
            alone = watch.facts.point_name if len(watch.inputs) == 1 else ""
            said.append(f"{alone} {device}.{point}".strip())
    return ", ".join(said) + (" …" if len(watch.inputs) > INPUTS_MAX else "")
