"""Which device or bus explains silence: a device its points, a bus both. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.rules.rule import BUS, WHOLE, PointKey, Watch


def with_parents(watches: Sequence[Watch], bus_of: Mapping[str, str]) -> Iterator[Watch]:
    """The watches, those for silence with their parents; `bus_of` is the bus of each device."""
    rule_of: dict[PointKey, str] = {}
    for watch in watches:
        if len(watch.inputs) == 1:
            rule_of.setdefault(watch.inputs[0], watch.facts.rule)
    for watch in watches:
        if watch.facts.parents or not watch.facts.last:
            yield watch
            continue
        parents = tuple(_around(watch, rule_of, bus_of))
        facts = msgspec.structs.replace(watch.facts, parents=parents)
        yield msgspec.structs.replace(watch, facts=facts)


def _around(
    watch: Watch, rule_of: Mapping[PointKey, str], bus_of: Mapping[str, str]
) -> Iterator[str]:
    device, point = watch.inputs[0]
    for key in ((device, WHOLE), (BUS, bus_of.get(device, ""))):
        rule = rule_of.get(key)
        if rule is not None and key != (device, point) and rule != watch.facts.rule:
            yield rule
