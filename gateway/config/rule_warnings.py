"""Remarks of `yizhan check` on rules."""

from collections.abc import Collection, Iterable, Iterator

from gateway.config.schema import DeviceSetting, Settings
from gateway.event import Severity
from gateway.intake.contact_inputs import input_defaults
from gateway.rules.core import RulesPlan
from gateway.rules.kinds import S
from gateway.rules.linkage import AnnounceAction
from gateway.toml import Phrase

# Kinds of input that are wired to bring help.
ALARMING = frozenset(
    {"smoke", "fire", "gas", "e-bike", "perimeter", "manhole", "throw", "leak", "tamper"}
)


def holiday_remarks(plan: RulesPlan) -> Iterator[Phrase]:
    """How far the holidays reach, if any rule depends on them."""
    windows = [watch.window for watch in plan.watches]
    windows += [shift.window for shift in plan.duty.roster]
    windows += [linkage.options.only.window for linkage in plan.linkages.values()]
    learns = any(watch.kind.needs_wall for watch in plan.watches)
    if learns or any(window.days in {"workdays", "restdays"} for window in windows):
        yield Phrase("rules.holidays-end", {"year": plan.calendar.last_year})


def silent_by_night(settings: Settings) -> Iterator[Phrase]:
    """Critical alarms that are announced outdoors below the emergency class: silent at night."""
    plan, zones = settings.rules, settings.zones
    grave = {w.facts.rule: w.facts for w in plan.watches if w.facts.severity is Severity.CRITICAL}
    for linkage in plan.linkages.values():
        rule = next((rule for rule in linkage.options.rules if rule in grave), None)
        for action in linkage.actions if rule is not None else ():
            if not isinstance(action, AnnounceAction) or action.cls == "emergency":
                continue
            zone = zones.get(action.zone or grave[rule].zone or "")  # type: ignore[index]  # just looked
            if zone is not None and zone.sound == "community":
                yield Phrase("rules.hushed", {"linkage": linkage.id, "zone": zone.name})


def missed_presses(settings: Settings) -> Iterator[Phrase]:
    """A delay of the station's own on a key or button: a shorter press is lost."""
    for watch in settings.rules.watches:
        device, point = watch.inputs[0]
        setting = settings.devices.get(device)
        wired = () if setting is None else setting.options.inputs.values()
        for each in wired:
            if each.id == point and input_defaults(each.kind).brief and watch.delays.for_ns:
                data = {"rule": watch.facts.rule, "for_s": watch.delays.for_ns / S}
                yield Phrase("rules.press-lost", data)


def sensors_without_rule(
    plan: RulesPlan, devices: Iterable[DeviceSetting], other: Collection[str]
) -> Iterator[Phrase]:
    """Sensors wired for an alarm that no rule watches; `other` are inputs used elsewhere."""
    watched = {".".join(key) for watch in plan.watches for key in watch.inputs}
    bare = [
        f"{device.id}.{wired.id}"
        for device in devices
        for wired in device.options.inputs.values()
        if wired.kind in ALARMING and f"{device.id}.{wired.id}" not in watched.union(other)
    ]
    if bare:
        yield Phrase("rules.unwatched", {"inputs": ", ".join(bare)})
