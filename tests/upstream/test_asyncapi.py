"""`docs/asyncapi.yaml` is true: made from the present structs, and every golden file fits it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.platform.authority import CertificateAuthority
from gateway.upstream.enrolment.certificates import (
    EnrolmentClaim,
    EnrolmentFiles,
    EnrolmentGrant,
    certificate_request,
)
from tests.upstream.asyncapi import COMMANDS, FILE, KINDS, ROOMS, document, named, yaml
from tests.upstream.golden import EVENTS, FOLDER, MESSAGES

WHOLE = document()
SCHEMAS = WHOLE["components"]["schemas"]
ROOT = Path(__file__).parents[2]
OTHERS = sorted(
    path
    for room in ("alarms", "requests", "broadcast")
    for path in FOLDER.with_name(room).iterdir()
)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value fits a schema, for as much of JSON Schema as the document uses."""
    known = {"$ref", "allOf", "anyOf", "const", "enum", "type", "pattern", "properties", "required",
             "items", "default", "description", "additionalProperties", "prefixItems", "minItems",
             "maxItems", "minLength", "maxLength", "minimum", "maximum"}  # fmt: skip
    assert schema.keys() <= known, schema.keys() - known
    if "$ref" in schema:
        return fits(value, SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    return (
        all(fits(value, each) for each in schema.get("allOf", ()))
        and ("anyOf" not in schema or any(fits(value, each) for each in schema["anyOf"]))
        and ("const" not in schema or value == schema["const"])
        and ("enum" not in schema or value in schema["enum"])
        and ("type" not in schema or isinstance(value, TYPES[schema["type"]]))
        and ("pattern" not in schema or bool(re.search(schema["pattern"], value)))
        and (not isinstance(value, str) or within(len(value), schema, "minLength", "maxLength"))
        and (not isinstance(value, int | float) or within(value, schema, "minimum", "maximum"))
        and (not isinstance(value, dict) or fits_object(value, schema))
        and (not isinstance(value, list) or fits_list(value, schema))
    )


def within(size: float, schema: dict[str, Any], least: str, most: str) -> bool:
    return bool(schema.get(least, size) <= size <= schema.get(most, size))


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def fits_object(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    return set(schema.get("required", [])) <= value.keys() and all(
        fits(each, properties.get(name, others if isinstance(others, dict) else {}))
        for name, each in value.items()
    )


def fits_list(value: list[Any], schema: dict[str, Any]) -> bool:
    first = schema.get("prefixItems", [])
    rest = schema.get("items", {})
    return (
        schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        and all(fits(each, part) for each, part in zip(value, first, strict=False))
        and (rest is False or all(fits(each, rest) for each in value[len(first) :]))
    )


def golden(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def test_the_file_is_what_the_structs_make_today():
    assert FILE.read_text("utf-8").split("\n", 1)[1] == yaml(WHOLE)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_golden_event_fits_its_own_schema(name):
    event = golden(name)
    schema = SCHEMAS[named(event["type"])]
    assert fits(event, schema)
    for broken in (
        {**event, "sequence": "7"},
        {**event, "id": "x"},
        {**event, "data": 7},
        {key: value for key, value in event.items() if key != "bootid"},
    ):
        assert not fits(broken, schema)
    assert fits(golden("batch"), WHOLE["components"]["messages"]["batch"]["payload"])


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_golden_message_fits(name):
    message = golden(name)
    if name.startswith("receipt"):
        assert fits(message, SCHEMAS["Receipt"])
        assert not fits({**message, "upto": {"alarm": "7"}}, SCHEMAS["Receipt"])
        return
    assert fits(message, SCHEMAS[f"command.{message['kind']}"])
    assert not fits({**message, "id": 7}, SCHEMAS["Command"])
    assert not fits({**message, "kind": "other"}, SCHEMAS[f"command.{message['kind']}"])


def test_an_enrolment_fits(tmp_path):
    key = EnrolmentFiles(tmp_path, "district").key()
    csr = certificate_request(key, "wangjing-07")
    asked = json.loads(json.dumps({"csr": csr, "token": "AAAA"}))
    assert fits(asked, SCHEMAS["Claim"])
    assert EnrolmentClaim(**asked).csr == csr
    answer = {
        "certificate": CertificateAuthority(tmp_path).client(csr, "wangjing-07"),
        "command_key": None,
    }
    assert fits(answer, SCHEMAS["Granted"])
    assert EnrolmentGrant(**answer).url is None
    assert not fits({}, SCHEMAS["Claim"])


def test_it_speaks_of_every_kind_of_event_that_any_room_declares():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for top in ("gateway", "broadcast", "kiosk")
        for path in (ROOT / top).rglob("events.py")
        if re.search(r"^KINDS = ", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {room.__name__ for room in ROOMS} == modules
    types = {schema for schema in SCHEMAS if not schema[0].isupper()}
    assert {named(kind.type) for kind in KINDS} <= types


def test_it_speaks_of_every_command_that_any_room_carries_out():
    named_in_code = {
        name
        for top in ("gateway", "broadcast", "kiosk")
        for path in (ROOT / top).rglob("*.py")
        for name in re.findall(r'CommandKind\(\s*"([a-z.]+)"', path.read_text("utf-8"))
    }
    assert named_in_code == COMMANDS.keys()


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_golden_event_of_the_other_rooms_fits_its_own_schema(path):
    event = json.loads(path.read_bytes())
    schema = SCHEMAS[named(event["type"])]
    assert fits(event, schema)
    assert not fits({**event, "data": 7}, schema)


def test_every_reference_leads_somewhere():
    def refs(node: Any):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from refs(value)
        elif isinstance(node, list):
            for value in node:
                yield from refs(value)

    for found in refs(WHOLE):
        at: Any = WHOLE
        for part in found.removeprefix("#/").split("/"):
            at = at[part]
