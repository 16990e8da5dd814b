"""What `yizhan check` remarks on rules: no mistake, but worth knowing."""

from collections.abc import Collection, Iterable, Iterator

from gateway.appliance.schema import DeviceSetting
from gateway.rules.core import Plan
from gateway.settings import Phrase

ALARMING = frozenset(
    {"smoke", "fire", "gas", "e-bike", "perimeter", "manhole", "fall", "leak", "tamper"}
)
"""Kinds of input that are wired so that somebody comes."""


def remarks(plan: Plan) -> Iterator[Phrase]:
    """What is no mistake but worth knowing: how far the holidays reach, where somebody asks."""
    windows = [watch.window for watch in plan.watches]
    windows += [shift.window for shift in plan.duty.roster]
    windows += [linkage.options.only.window for linkage in plan.linkages.values()]
    learns = any(watch.kind.needs_wall for watch in plan.watches)
    if learns or any(window.days in {"workdays", "restdays"} for window in windows):
        yield Phrase("rules.holidays-end", {"year": plan.calendar.last_year})


def unwatched(
    plan: Plan, devices: Iterable[DeviceSetting], other: Collection[str]
) -> Iterator[Phrase]:
    """Sensors wired for an alarm that no rule watches; `other` are inputs with a task elsewhere."""
    watched = {".".join(key) for watch in plan.watches for key in watch.inputs}
    bare = [
        f"{device.id}.{wired.id}"
        for device in devices
        for wired in device.options.inputs.values()
        if wired.kind in ALARMING and f"{device.id}.{wired.id}" not in watched.union(other)
    ]
    if bare:
        yield Phrase("rules.unwatched", {"inputs": ", ".join(bare)})
