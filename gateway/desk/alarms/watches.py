"""What each rule watches: its points, its limit, when it last looked, and why it waits."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gateway.desk.alarms.board import Board
from gateway.desk.alarms.meaning import meaning
from gateway.event import Severity
from gateway.health import Vitals
from gateway.rules import confirm
from gateway.rules.events import Did
from gateway.rules.kinds import Moment
from gateway.rules.linkage import Action, Linkage, does_of
from gateway.rules.rule import BUS, RULE, WHOLE, Watch
from gateway.web.frame import Mark
from gateway.web.section import View
from gateway.web.words import Words

PAGE = 100
"""So many watches stand on one page."""

INPUTS_MAX = 4

MARKS = {
    confirm.Phase.IDLE: ("ok", "s-ok"),
    confirm.Phase.PENDING: ("wait", "s-wait"),
    confirm.Phase.ACTIVE: ("bad", "s-bad"),
    confirm.Phase.FADING: ("warn", "warning"),
}


class Watched(NamedTuple):
    """One watch on the page; `key` is that of what changes about it."""

    key: str
    name: str
    rule: str
    what: str
    place: str
    meaning: str
    severity: str


class Linked(NamedTuple):
    """A linkage on the page: what sets it off, what it does, and whether it would now."""

    id: str
    when: str
    does: tuple[str, ...]
    would: Mark


class Watches:
    """All watches of the station, a page at a time."""

    def __init__(self, board: Board) -> None:
        """Of that board's rules."""
        self._board = board

    def slice(self, first: int) -> Sequence[Watch]:
        """The watches of the page that begins there."""
        return tuple(self._board.rules.core.engine.watches.values())[first : first + PAGE]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._board.rules.core.engine.watches)

    def rows(self, first: int, words: Words) -> list[Watched]:
        """What does not change."""
        return [
            Watched(
                key=f"watch.{first + i}",
                name=watch.facts.name,
                rule=watch.facts.rule,
                what=_inputs(watch, words),
                place=watch.facts.spoken,
                meaning=meaning(watch, words),
                severity=words(f"alarms.severity-{watch.facts.severity.value}"),
            )
            for i, watch in enumerate(self.slice(first))
        ]

    def linkages(self, words: Words) -> list[Linked]:
        """What each linkage would do now, if its rule raised an alarm at this moment."""
        return [
            Linked(
                id=linkage.id,
                when=", ".join(linkage.options.rules),
                does=tuple(self._does(linkage, action, words) for action in linkage.actions),
                would=self._would(linkage, words),
            )
            for linkage in self._board.rules.core.linkages.all.values()
        ]

    def _does(self, linkage: Linkage, action: Action, words: Words) -> str:
        """An action with what it is done to."""
        does = does_of(action)
        did = Did("", linkage.id, "", "", does, str(getattr(action, does)), "")
        what = "" if does == "call" else self._board.done(did, words)
        return " ".join(filter(None, [words(f"alarms.does-{does}"), what]))

    def _would(self, linkage: Linkage, words: Words) -> Mark:
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

    def view(self, vitals: Vitals, words: Words, argument: str) -> View:
        """What changes; `argument` is the page's first number."""
        first = int(argument) if argument.isdecimal() else 0
        return dict(self._facts(vitals, words, first))

    def _facts(self, vitals: Vitals, words: Words, first: int) -> Iterator[tuple[str, Any]]:
        moment = self._board.rules.moment()
        shown = self.slice(first)
        yield "shape", zlib.crc32(" ".join(watch.id for watch in shown).encode())
        yield "volatile", vitals.journal.volatile
        yield from self._board.sound(self._board.open(), words).items()
        for i, watch in enumerate(shown):
            key = f"watch.{first + i}"
            yield f"{key}.mark", self._mark(watch, moment, words)
            yield f"{key}.looked", self._looked(watch, vitals, moment)

    def _mark(self, watch: Watch, moment: Moment, words: Words) -> Mark:
        if watch.needs_wall and moment.wall_ns is None:
            return ("away", "clockq", words("alarms.phase-paused"))
        engine = self._board.rules.core.engine
        if watch.id not in engine.evaluated_ns:
            return ("wait", "s-wait", words("alarms.phase-none"))
        phase = engine.states[watch.id].confirmed.phase
        return (*MARKS[phase], words(f"alarms.phase-{phase.value}"))

    def _looked(self, watch: Watch, vitals: Vitals, moment: Moment) -> int | None:
        """When it last looked, in the station's milliseconds since boot."""
        at_ns = self._board.rules.core.engine.evaluated_ns.get(watch.id)
        if at_ns is None:
            return None
        return (vitals.at_ns - (moment.at_ns - at_ns)) // 1_000_000


def _inputs(watch: Watch, words: Words) -> str:
    """Its points as settings name them; the first few of many."""
    said = []
    for device, point in watch.inputs[:INPUTS_MAX]:
        if device in {BUS, RULE}:
            said.append(words(f"alarms.of-{device}", name=point))
        elif point == WHOLE:
            said.append(words("alarms.of-device", name=device))
        else:
            alone = watch.facts.point_name if len(watch.inputs) == 1 else ""
            said.append(f"{alone} {device}.{point}".strip())
    return ", ".join(said) + (" …" if len(watch.inputs) > INPUTS_MAX else "")
