"""The JSON Schema of `station.toml`, for editors that complete and check while typing."""

import inspect
from typing import Any

from msgspec import json

from broadcast.audio_protocol.speaker_options import SPEAKER_KINDS
from broadcast.options import BroadcastOptions, KeyOptions, MicrophoneOptions, VoiceOptions
from drivers import registry
from drivers.bus_kinds import bus_kinds
from drivers.inlets.kinds import INLET_KINDS
from gateway.config.schema import (
    SCHEMA,
    DeviceOptions,
    StationOptions,
    ZoneOptions,
)
from gateway.discovery.options import DiscoveryOptions
from gateway.event import ID_PATTERN
from gateway.journal.options import JournalOptions
from gateway.places import PlaceOptions
from gateway.rules import duty, linkage
from gateway.rules.rule import RuleOptions
from gateway.schemas import schema_components
from gateway.upstream.uplinks import registry as uplinks
from gateway.web.server import WebOptions
from kiosk.requests.catalogue import load_services
from kiosk.requests.options import KioskOptions

_SINGLE = {
    "station": StationOptions,
    "journal": JournalOptions,
    "web": WebOptions,
    "discovery": DiscoveryOptions,
    "duty": duty.DutyOptions,
    "broadcast": BroadcastOptions,
}
_BY_ID = {
    "place": PlaceOptions,
    "zone": ZoneOptions,
    "rule": RuleOptions,
    "linkage": linkage.LinkageOptions,
    "microphone": MicrophoneOptions,
    "key": KeyOptions,
    "voice": VoiceOptions,
    "kiosk": KioskOptions,
}


def json_schema() -> dict[str, Any]:
    """Make the schema of the whole file from the types that read it."""
    kinds = bus_kinds()
    families = registry.families()
    owners = [*_SINGLE.values(), *_BY_ID.values(), DeviceOptions]
    owners += [kind.options for kind in kinds.values()]
    owners += [kind.options for kind in INLET_KINDS.values()]
    owners += SPEAKER_KINDS.values()
    owners += dict.fromkeys(each.type.options for each in load_services().values())
    uplink_kinds: list[Any] = [kind.options for kind in uplinks.kinds()]
    owners += uplink_kinds
    owners += [driver.Options for driver in families.values()]
    shapes, parts = schema_components(owners, "#/$defs/{name}")
    parts = json.decode(json.encode(parts))  # defaults that are tuples
    for part in parts.values():
        # before Python 3.13 a docstring keeps the indentation of its source
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
    by_owner = dict(zip(owners, shapes, strict=True))
    buses = [_with_kind(_part(by_owner[kind.options], parts), name) for name, kind in kinds.items()]
    inlets = [
        _with_kind(_part(by_owner[kind.options], parts), name) for name, kind in INLET_KINDS.items()
    ]
    for bus in (*buses, *inlets):
        bus["properties"]["name"] = {"type": "string", "minLength": 1, "maxLength": 60}
    speakers = [
        _with_kind(_part(by_owner[shape], parts), name) for name, shape in SPEAKER_KINDS.items()
    ]
    device = _merged(
        _part(by_owner[DeviceOptions], parts),
        [_part(by_owner[driver.Options], parts) for driver in families.values()],
    )
    properties = {
        "schema": {"const": SCHEMA},
        **{section: by_owner[shape] for section, shape in _SINGLE.items()},
        **{section: _by_id(by_owner[shape]) for section, shape in _BY_ID.items()},
        "bus": _by_id({"anyOf": buses}),
        "inlet": _by_id({"anyOf": inlets}),
        "device": _by_id(device),
        "speaker": _by_id({"anyOf": speakers}),
        "upstream": _by_id(_any_of([by_owner[shape] for shape in uplink_kinds])),
        "service": {
            "type": "object",
            "properties": {
                name: by_owner[each.type.options] for name, each in load_services().items()
            },
            "additionalProperties": False,
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Yizhan station.toml",
        "type": "object",
        "properties": properties,
        "required": ["schema", "station"],
        "additionalProperties": False,
        "$defs": parts,
    }


def _by_id(shape: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{ID_PATTERN.pattern}$"},
        "additionalProperties": shape,
    }


def _any_of(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _part(reference: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    part = parts[reference["$ref"].rsplit("/", 1)[-1]]
    assert isinstance(part, dict)
    return part


def _with_kind(part: dict[str, Any], kind: str) -> dict[str, Any]:
    """Add the key that chooses the kind of bus to the options of one kind."""
    properties = {**part["properties"], "kind": {"const": kind}}
    required = sorted({"kind", *part.get("required", ())})
    return {**part, "properties": properties, "required": required}


def _merged(common: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge a device's common keys with those of every family; the profile decides the family."""
    own = {name: shape for part in others for name, shape in part["properties"].items()}
    return {**common, "properties": {**own, **common["properties"]}}
