"""Keeps alarms silent: under maintenance, or explained by a parent. No I/O."""

from collections.abc import Collection, Iterable

import msgspec

from gateway.errors import NotFound, UsageError
from gateway.rules.alarm import Alarm
from gateway.rules.alarm_repository import AlarmRepository
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.rule import AlarmFacts

# Children stay suppressed this long after their parent has returned: they need a poll first.
RELEASE_NS = 60 * S

MAINTENANCE_S_MAX = 7 * 86_400
SCOPES_MAX = 50


class Maintenance(msgspec.Struct, frozen=True):
    """Everything in `scope` (a place, device, bus or rule) is silent until then."""

    scope: str
    until_ns: int
    by: str


class Suppression:
    """What is under maintenance; `changed` are the scopes whose state is to be stored."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the scopes of all rules."""
        self.under: dict[str, Maintenance] = {}
        self.changed: set[str] = set()
        self.known = known

    def restore(self, maintenance: Iterable[Maintenance]) -> None:
        self.under = {each.scope: each for each in maintenance}

    def maintain(self, scope: str, for_s: float, actor: str, moment: RuleInstant) -> None:
        """Start maintenance; UsageError for an unknown scope, too many of them or too long."""
        if not 0 <= for_s <= MAINTENANCE_S_MAX:
            raise UsageError("rules.shelf-too-long", max=MAINTENANCE_S_MAX // 3600)
        if len(self.under) >= SCOPES_MAX and scope not in self.under:
            raise UsageError("rules.too-much-maintenance", max=SCOPES_MAX)
        if scope not in self.known:
            raise NotFound("rules.no-scope", scope=scope)
        self.changed.add(scope)
        self.under[scope] = Maintenance(scope, moment.at_ns + round(for_s * S), actor)

    def expire(self, moment: RuleInstant) -> None:
        """End what has expired."""
        for each in list(self.under.values()):
            if each.until_ns <= moment.at_ns:
                del self.under[each.scope]
                self.changed.add(each.scope)

    def covers(self, facts: AlarmFacts, book: AlarmRepository, moment: RuleInstant) -> bool:
        """Whether an alarm of that watch would be silent now."""
        if not facts.scopes.isdisjoint(self.under):
            return True
        return bool(facts.parents) and any(
            _explains(book.facts(alarm), facts) and _lately(alarm, moment)
            for alarm in book.open.values()
        )


def _explains(parent: AlarmFacts, child: AlarmFacts) -> bool:
    """Whether an alarm of the parent explains the child: a bus explains only what is on it."""
    return parent.rule in child.parents and (parent.about is None or parent.about in child.scopes)


def _lately(alarm: Alarm, moment: RuleInstant) -> bool:
    """Whether its condition holds, or did until a moment ago."""
    gone_ns = alarm.returned_ns
    return alarm.on or (gone_ns is not None and moment.at_ns - gone_ns < RELEASE_NS)
