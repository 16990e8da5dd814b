"""Turns forms into keys of `station.toml` and their new values. Pure.

Ids are generated here: installers have names and no time, and can edit the file for another id. The
values are checked by the settings' own check.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import UsageError
from gateway.setup.ports import SettingChanges, SetupPlan
from gateway.upstream.uplinks.registry import kind_name

# What a page may remove.
SECTIONS = frozenset({"bus", "device", "place", "zone", "speaker", "upstream"})

# Kinds of input that the settings refuse while nobody is called for them.
CALLING = frozenset({"sos", "fall"})

ON_DUTY, CALLED_AFTER_S = "值班员", 30

SERIAL = "serial"

# The form value that means the station itself; "" means that no place was chosen.
HERE = "."

_TAIL = 4
_ID_CHARS_MAX = 63


class NewDeviceRow(msgspec.Struct, frozen=True):
    """One device to add; `line` is the one it was found on, "" if entered by hand."""

    address: str
    model: str
    name: str
    place: str
    line: str = ""


FormFields = Mapping[str, str]


def bus_changes(form: FormFields, plan: SetupPlan) -> SettingChanges:
    """A new `[bus.*]`."""
    taken = {bus.id for bus in plan.buses}
    id_ = form.get("id", "").strip() or numbered_id("line", taken)
    if id_ in taken:
        raise UsageError("setup.twice", id=id_)
    kind = form.get("kind", SERIAL)
    values: dict[str, Any] = {"kind": kind}
    values |= {"name": name} if (name := form.get("name", "").strip()) else {}
    if kind == SERIAL:
        port = form.get("port_other", "").strip() or form.get("port", "").strip()
        values |= {"port": port, "line": form.get("line", "9600 8N1")}
        values |= {"rs485": True} if form.get("rs485") else {}
    else:
        values["address"] = form.get("address", "").strip()
    return {("bus", id_, key): value for key, value in values.items()}


def device_changes(rows: Sequence[NewDeviceRow], bus: str, plan: SetupPlan) -> SettingChanges:
    """New `[device.*]` on that line; UsageError without a row or a model."""
    usual = next((each.line for each in plan.buses if each.id == bus), "")
    models = {model.id: model for model in plan.models}
    taken = {device.id for device in plan.devices}
    changes: dict[tuple[str, ...], Any] = {}
    if faults := row_faults(rows, plan):
        raise faults[0]
    for row in rows:
        id_ = free_id(_stem(row.model, row.address), taken)
        taken.add(id_)
        name = row.name.strip() or f"{models[row.model].name} {row.address[-_TAIL:]}"
        values = {
            "name": name,
            "profile": row.model,
            "bus": bus,
            "address": row.address.strip(),
            "place": "" if row.place == HERE else row.place,
        }
        if row.line and row.line != (models[row.model].line or usual):
            values["line"] = row.line
        changes |= {("device", id_, key): value for key, value in values.items()}
    return changes


def row_faults(rows: Sequence[NewDeviceRow], plan: SetupPlan) -> list[UsageError]:
    """What has yet to be chosen: an id is made once, from the model, and never changed."""
    models = {model.id for model in plan.models}
    faults = [] if rows else [UsageError("setup.none-chosen")]
    for row in rows:
        if row.model not in models:
            faults.append(UsageError("setup.no-model", address=row.address))
        if not row.place:
            faults.append(UsageError("setup.no-place", address=row.address))
    return faults


def device_edit(form: FormFields) -> SettingChanges:
    """Another name and place."""
    id_ = form.get("id", "")
    return {
        ("device", id_, "name"): form.get("name", "").strip(),
        ("device", id_, "place"): form.get("place", ""),
    }


def input_changes(form: FormFields, plan: SetupPlan) -> SettingChanges:
    """What is wired to an input of a contact module; nothing if the kind is empty."""
    module = next((each for each in plan.devices if each.id == form.get("id")), None)
    number = form.get("number", "")
    if module is None or number not in module.inputs:
        raise UsageError("setup.no-input", number=number)
    key = ("device", module.id, "inputs", number)
    kind = form.get("kind", "").strip()
    if not kind:
        return {key: None}
    former = next((each for each in module.wired if each.number == number), None)
    taken = {each.id for each in module.wired if each is not former}
    values = {
        "id": former.id if former is not None and former.kind == kind else free_id(kind, taken),
        "is": kind,
        "name": form.get("name", "").strip(),
        "place": form.get("place", ""),
        "normally": "closed" if form.get("normally") == "closed" else "open",
    }
    called = _called(kind, plan)
    if former is None:
        return {key: values, **called}
    return {**{(*key, name): value for name, value in values.items()}, **called}


def _called(kind: str, plan: SetupPlan) -> SettingChanges:
    """A call for help must reach somebody: the desk, if nobody is called yet."""
    if kind not in CALLING or plan.calls:
        return {}
    changes: dict[tuple[str, ...], Any] = {}
    if not plan.on_duty:
        changes["duty", "roster"] = [{"who": ON_DUTY, "by": ["desk"]}]
    step = {"after_s": CALLED_AFTER_S, "to": plan.on_duty or ON_DUTY}
    return {**changes, ("duty", "escalate"): [step]}


def place_changes(form: FormFields, plan: SetupPlan) -> SettingChanges:
    """New places, one a line of `name`; or another name or parent of an existing one."""
    name, inside, id_ = (form.get(key, "").strip() for key in ("name", "in", "id"))
    taken = {each.id for each in plan.places}
    if id_ in taken:
        return {("place", id_, "name"): name, ("place", id_, "in"): inside}
    around = {"in": inside} if inside else {}
    changes: dict[tuple[str, ...], Any] = {}
    for each in filter(None, map(str.strip, name.splitlines())):
        id_ = numbered_id("place", taken)
        taken.add(id_)
        changes[("place", id_)] = {"name": each, **around}
    if not changes:
        raise UsageError("setup.no-name")
    return changes


def zone_changes(form: FormFields, places: Sequence[str], plan: SetupPlan) -> SettingChanges:
    """A new zone."""
    id_ = numbered_id("zone", {each.id for each in plan.zones})
    values = {
        "name": form.get("name", "").strip(),
        "places": list(places),
        "sound": form.get("sound", "community"),
    }
    return {("zone", id_): values}


def speaker_changes(form: FormFields, zones: Sequence[str], plan: SetupPlan) -> SettingChanges:
    """A new loudspeaker; `where` is how its kind is reached."""
    id_ = numbered_id("speaker", {each.id for each in plan.speakers})
    kind, where = form.get("kind", ""), form.get("where", "").strip()
    values: dict[str, Any] = {"kind": kind, "zones": list(zones)}
    values |= {"name": name} if (name := form.get("name", "").strip()) else {}
    match kind:
        case "multicast":
            values["group"] = where
        case "unicast":
            values["to"] = where.replace(",", " ").split()
        case "sip":
            values["uri"] = where
        case _:
            values |= {"device": where} if where else {}
    return {("speaker", id_, key): value for key, value in values.items()}


def uplink_changes(form: FormFields) -> SettingChanges:
    """The address of a platform."""
    name, url = form.get("id", "").strip() or "district", form.get("url", "").strip()
    changes: dict[tuple[str, ...], Any] = {
        ("upstream", name, "kind"): kind_name(url),
        ("upstream", name, "url"): url,
    }
    if ca_file := form.get("ca_file", "").strip():
        changes[("upstream", name, "ca_file")] = ca_file
    return changes


def removal_changes(section: str, id_: str) -> SettingChanges:
    """Remove one table."""
    if section not in SECTIONS:
        raise UsageError("setup.not-removable", section=section[:40])
    return {(section, id_): None}


def numbered_id(stem: str, taken: Collection[str]) -> str:
    """`stem-1`, or the next free number."""
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def free_id(stem: str, taken: Collection[str]) -> str:
    """The stem, with a number if it is taken."""
    number, id_ = 1, stem
    while id_ in taken:
        number += 1
        id_ = f"{stem}-{number}"
    return id_


def _stem(model: str, address: str) -> str:
    """An id that names the model and ends in the address."""
    tail = "".join(each for each in address.lower() if each.isascii() and each.isalnum())
    return f"{model[: _ID_CHARS_MAX - 2 * _TAIL]}-{tail[-_TAIL:].lstrip('0') or '0'}"
