"""Finds mistakes between rules, linkages and roster: circles, alarms nobody hears. Pure.

`yizhan check` runs it; each finding names the section and id to blame.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from gateway.event import Severity
from gateway.rules import duty
from gateway.rules.linkage import AnnounceAction, Linkage, RelayAction
from gateway.rules.rule import RULE, Watch

Graph = dict[str, set[str]]


class RuleFinding(NamedTuple):
    """One mistake, its place, and the text for it.

    `judged`: a station that runs with it already may start with it.
    """

    path: tuple[str | int, ...]
    code: str
    data: dict[str, Any]
    judged: bool = False


def cross_check(
    watches: Collection[Watch],
    linkages: Mapping[str, Linkage],
    roster: duty.DutyOptions,
    *,
    has_platform: bool,
    deaf: duty.IsUnreachable = lambda *_: False,
) -> Iterator[RuleFinding]:
    """All findings; `deaf` tells when a channel reaches nobody."""
    yield from _circles(watches, linkages)
    yield from _emergencies(watches, linkages)
    yield from _unheard(watches, linkages)
    yield from _unreached(roster, deaf)
    if not has_platform and not roster.roster:
        for rule in dict.fromkeys(watch.facts.rule for watch in watches):
            yield RuleFinding(("rule", rule), "rules.unseen", {"rule": rule})
    else:
        yield from _alone(watches, linkages, roster)


def _alone(
    watches: Collection[Watch], linkages: Mapping[str, Linkage], roster: duty.DutyOptions
) -> Iterator[RuleFinding]:
    """Critical rules that trigger nothing and call nobody: only a person who looks would know.

    A rule that requires attendance is judged at its input.
    """
    if any(step.concerns(Severity.CRITICAL) for step in roster.escalate):
        return
    linked = {rule for linkage in linkages.values() for rule in linkage.options.rules}
    grave = [
        watch.facts.rule
        for watch in watches
        if watch.facts.severity is Severity.CRITICAL and not watch.facts.attend
    ]
    for rule in dict.fromkeys(grave):
        if rule not in linked:
            yield RuleFinding(("rule", rule), "rules.alone", {"rule": rule}, judged=True)


def _circles(watches: Collection[Watch], linkages: Mapping[str, Linkage]) -> Iterator[RuleFinding]:
    """Each circle once: a rule that depends on what it triggers, or is its own parent."""
    for graph in (_causes(watches, linkages), _parents(watches)):
        blamed: set[str] = set()
        for rule in graph:
            way = _way_back(graph, rule)
            if way and not blamed.intersection(way):
                blamed.update(way)
                yield RuleFinding(("rule", rule), "rules.circle", {"circle": " → ".join(way)})


def _causes(watches: Collection[Watch], linkages: Mapping[str, Linkage]) -> Graph:
    """Which rule may cause which: by watching it, or by reading the relay that it moves."""
    graph: Graph = {watch.facts.rule: set() for watch in watches}
    readers: dict[str, set[str]] = {}
    for watch in watches:
        for device, point in watch.inputs:
            readers.setdefault(f"{device}.{point}", set()).add(watch.facts.rule)
            if device == RULE and point in graph:
                graph[point].add(watch.facts.rule)
    for linkage in linkages.values():
        moved = {each.relay for each in linkage.actions if isinstance(each, RelayAction)}
        for rule in graph.keys() & set(linkage.options.rules):
            for point in moved:
                graph[rule] |= readers.get(point, set())
    return graph


def _parents(watches: Collection[Watch]) -> Graph:
    graph: Graph = {watch.facts.rule: set() for watch in watches}
    for watch in watches:
        graph[watch.facts.rule].update(graph.keys() & set(watch.facts.parents))
    return graph


def _way_back(graph: Graph, start: str) -> list[str]:
    """A path from a rule to itself; empty if there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for following in sorted(graph[way[-1]]):
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _emergencies(
    watches: Collection[Watch], linkages: Mapping[str, Linkage]
) -> Iterator[RuleFinding]:
    """Only critical rules may override everything else that sounds."""
    severity = {watch.facts.rule: watch.facts.severity for watch in watches}
    for linkage in linkages.values():
        for index, action in enumerate(linkage.actions):
            if not isinstance(action, AnnounceAction) or action.cls != "emergency":
                continue
            for rule in linkage.options.rules:
                if severity.get(rule, Severity.CRITICAL) is not Severity.CRITICAL:
                    at = ("linkage", linkage.id, "do", index, "class")
                    yield RuleFinding(at, "rules.emergency", {"rule": rule})


def _unheard(watches: Collection[Watch], linkages: Mapping[str, Linkage]) -> Iterator[RuleFinding]:
    """Announcements near an alarm whose place has no zone with a loudspeaker."""
    for linkage in linkages.values():
        near = [
            n for n, a in enumerate(linkage.actions) if isinstance(a, AnnounceAction) and not a.zone
        ]
        if not near:
            continue
        for watch in watches:
            facts = watch.facts
            if facts.rule in linkage.options.rules and facts.zone is None:
                at = ("linkage", linkage.id, "do", near[0])
                data = {"rule": facts.rule, "place": facts.spoken or facts.point_name}
                yield RuleFinding(at, "rules.no-zone", data)


def _unreached(roster: duty.DutyOptions, deaf: duty.IsUnreachable) -> Iterator[RuleFinding]:
    """Steps that nobody receives at some hour; people on no roster are reported elsewhere."""
    known = {shift.who for shift in roster.roster}
    for index, step in enumerate(roster.escalate):
        when = duty.unreached_hours(roster, step.to, deaf) if step.to in known else None
        if when is not None:
            at = ("duty", "escalate", index, "to")
            data = {"who": step.to, "when": when}
            yield RuleFinding(
                at, "rules.nobody", data, judged=True
            )  # at other hours it reaches them
