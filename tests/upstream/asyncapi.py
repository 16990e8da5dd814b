"""`docs/asyncapi.yaml`, made from the structs that are really sent and read.

`python -m tests.upstream.asyncapi` writes it anew; a test fails where it differs.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from broadcast.material.phrase_recordings import PhraseRecording
from broadcast.orders import events as broadcast
from broadcast.orders.order_request import OrderRequest
from broadcast.speaker_status import events as speakers
from broadcast.triggers.commands import CapCommand, StopCommand
from gateway.audit import events as audit
from gateway.doctor import events as doctor
from gateway.event import _Tail
from gateway.intake import events as intake
from gateway.journal import events as journal
from gateway.reconfigure import events as settings
from gateway.reconfigure.platform_commands import ApplySettings, ReadSettings
from gateway.rules import events as rules
from gateway.station import events as station
from gateway.station import meter_counts
from gateway.upstream.enrolment import certificates as enrol
from gateway.upstream.feed import events as feed
from gateway.upstream.inbox import builtin_commands, cancel, device_write
from gateway.upstream.inbox import events as inbox
from gateway.upstream.inbox.command import PlatformCommand
from gateway.upstream.uplinks import contract
from kiosk.request_types.ride.commands import RideUpdate
from kiosk.request_types.work.commands import WorkUpdate
from kiosk.requests import events as requests

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
# Every module that declares kinds of event; a test looks for one that is missing.
ROOMS = (
    *(journal, station, intake, feed, inbox),
    *(rules, requests, broadcast, speakers, settings, audit, doctor),
)

KINDS = tuple(kind for room in ROOMS for kind in room.KINDS)
# What a station carries out; a test looks for one that is missing.
COMMANDS = {
    "ping": builtin_commands.PingData,
    "clock.offset": builtin_commands.ClockOffsetData,
    "feed.replay": builtin_commands.FeedReplayData,
    "key.rotate": builtin_commands.RotateKeyData,
    "command.cancel": cancel.CancelData,
    "device.write": device_write.DeviceWrite,
    "device.replaced": meter_counts.MeterReplacement,
    "broadcast.play": OrderRequest,
    "broadcast.cap": CapCommand,
    "broadcast.record": PhraseRecording,
    "broadcast.stop": StopCommand,
    "ride.update": RideUpdate,
    "work.update": WorkUpdate,
    "settings.read": ReadSettings,
    "settings.apply": ApplySettings,
}

# What several kinds of one room have as their data, and the component that it is published as.
SHARED = {
    speakers.SpeakerChangedData: "BroadcastChanged",
    broadcast.OrderEventData: "BroadcastTold",
    requests.RequestEventData: "KioskTold",
    rules.AlarmEventData: "RulesTold",
    rules.PausedEventData: "RulesWaiting",
}

ABOUT = """\
What goes between a station and its platform. The prose, with examples, is docs/feed.md; every
example is a golden file of the tests. This file is made from the station's own message types."""
ADDRESSES = {
    "events": ("/v1/events", "Batches of events up, the platform's receipt in the answer"),
    "commands": (
        "/v1/commands",
        "Long poll: ?station=…&wait=55&cursor=<the last Yizhan-Cursor>, else &after=<command id>",
    ),
    "claim": ("/v1/claim", "Bind a station with a one-time token; TLS only"),
    "renew": ("/v1/renew", "Another certificate; the present one, shown by TLS, says who asks"),
}
Json = dict[str, Any]


def document() -> Json:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Yizhan station feed", "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "platform": {
                "host": "iot.example.cn",
                "pathname": "/yizhan",
                "protocol": "https",
                "security": [{"type": "X509"}, {"type": "http", "scheme": "bearer"}],
            }
        },
        "channels": {name: channel(name) for name in ADDRESSES},
        "operations": operations(),
        "components": {"messages": messages(), "schemas": schemas()},
    }


def channel(name: str) -> Json:
    address, description = ADDRESSES[name]
    spoken = {
        "events": ("batch", "receipt"),
        "commands": ("poll", "commands"),
        "claim": ("claim", "granted"),
        "renew": ("claim", "granted"),
    }[name]
    return {
        "address": address,
        "description": description,
        "messages": {each: ref("messages", each) for each in spoken},
    }


def operations() -> Json:
    asks = {
        "deliver": ("events", "batch", "receipt", "POST"),
        "poll": ("commands", "poll", "commands", "GET"),
        "claim": ("claim", "claim", "granted", "POST"),
        "renew": ("renew", "claim", "granted", "POST"),
    }
    return {
        name: {
            "action": "send",
            "channel": {"$ref": f"#/channels/{where}"},
            "messages": [{"$ref": f"#/channels/{where}/messages/{said}"}],
            "bindings": {"http": {"method": method}},
            "reply": {
                "channel": {"$ref": f"#/channels/{where}"},
                "messages": [{"$ref": f"#/channels/{where}/messages/{answer}"}],
            },
        }
        for name, (where, said, answer, method) in asks.items()
    }


def messages() -> Json:
    batch = "application/cloudevents-batch+json"
    return {
        "batch": {
            "contentType": batch,
            "headers": ref("schemas", "BatchHeaders"),
            "payload": {"type": "array", "maxItems": 100, "items": ref("schemas", "AnyEvent")},
        },
        "receipt": {"payload": ref("schemas", "Receipt")},
        "poll": {"payload": {"type": "null"}},
        "commands": {
            "headers": ref("schemas", "CommandsHeaders"),
            "payload": {"type": "array", "maxItems": 32, "items": ref("schemas", "AnyCommand")},
        },
        "claim": {"payload": ref("schemas", "Claim")},
        "granted": {"payload": ref("schemas", "Granted")},
    }


def schemas() -> Json:
    made: Json = {
        "BatchHeaders": {
            "type": "object",
            "required": ["Yizhan-Station", "Yizhan-Epoch"],
            "properties": {
                "Yizhan-Station": {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"},
                "Yizhan-Epoch": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            },
        },
        "CommandsHeaders": {
            "type": "object",
            "properties": {
                "Yizhan-Cursor": {
                    "description": "Where the answer ends; comes back as the query `cursor`.",
                    "type": "string",
                    "pattern": f"^[!-~]{{1,{contract.CURSOR_BYTES_MAX}}}$",
                },
            },
        },
        "Event": event(),
        "Receipt": inline(contract.DeliveryReceipt),
        "Command": command(),
        "Claim": inline(enrol.EnrolmentClaim),
        "Granted": inline(enrol.EnrolmentGrant),
    }
    uses = Counter(kind.data for kind in KINDS)
    for kind in KINDS:
        data = inline(kind.data)
        if uses[kind.data] > 1:
            made[SHARED[kind.data]] = data
            data = ref("schemas", SHARED[kind.data])
        made[named(kind.type)] = of_kind("Event", "type", kind.type, data)
    for kind_name, data in COMMANDS.items():
        made[f"command.{kind_name}"] = of_kind("Command", "kind", kind_name, inline(data))
    made["AnyEvent"] = {
        "description": "One of the kinds below, or of a later version: ignore what is not known.",
        "anyOf": [
            *(ref("schemas", named(kind.type)) for kind in KINDS),
            ref("schemas", "Event"),
        ],
    }
    made["AnyCommand"] = {
        "anyOf": [*(ref("schemas", f"command.{name}") for name in COMMANDS),
                  ref("schemas", "Command")]
    }  # fmt: skip
    return made


def event() -> Json:
    """The envelope: what the journal stores, and the head that is put before it."""
    made = inline(_Tail)
    head = {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "pattern": "^[a-z0-9-]+:[0-9a-f]{16}:(emergency|alarm|service|telemetry):[0-9]+$",
        },
        "sequence": {"type": "string", "pattern": "^[0-9]{12}$"},
    }
    made["properties"] = {**head, **made["properties"], "data": {"type": "object"}}
    made["properties"]["lane"] = {"enum": ["emergency", "alarm", "service", "telemetry"]}
    made["required"] = [*head, *made["required"]]
    return made


def command() -> Json:
    # Its `data` are raw bytes to the station, which reads them by the kind.
    fields = [
        ("data", dict, msgspec.field(default_factory=dict))
        if field.name == "data"
        else (field.name, field.type, *(() if field.required else (field.default,)))
        for field in msgspec.structs.fields(PlatformCommand)
    ]
    made = inline(msgspec.defstruct("Command", fields, kw_only=True))
    made["properties"]["id"]["pattern"] = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}$"
    made["properties"]["data"] = {"type": "object"}
    return made


def of_kind(base: str, field: str, value: str, data: Json) -> Json:
    narrower = {"properties": {field: {"const": value}, "data": data}, "required": ["data"]}
    return {"allOf": [ref("schemas", base), narrower]}


def inline(struct: type) -> Json:
    """The struct's own schema with what it refers to put in place; its prose stays in the code."""
    whole = msgspec.json.schema(struct)
    parts = whole.pop("$defs", {})

    def put(node: Any) -> Any:
        if isinstance(node, list):
            return [put(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return put(parts[node["$ref"].rsplit("/", 1)[1]])
        return {
            key: put(value)
            for key, value in node.items()
            if not (key in ("title", "description") and isinstance(value, str))
        }

    made: Json = put(whole)
    return made


def named(kind_type: str) -> str:
    return kind_type.removeprefix("cn.yizhan.")


def ref(part: str, name: str) -> Json:
    return {"$ref": f"#/components/{part}/{name}"}


def yaml(node: Any, indent: int = 0) -> str:
    """YAML of plain data; every text in JSON's quotes, which YAML shares."""
    pad = "  " * indent
    if isinstance(node, dict) and node:
        return "".join(f"{pad}{_key(key)}:{_below(value, indent)}" for key, value in node.items())
    if isinstance(node, list) and node:
        return "".join(f"{pad}-{_below(value, indent)}" for value in node)
    return f"{pad}{json.dumps(node, ensure_ascii=False)}\n"


def _below(value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + yaml(value, indent + 1)
    return " " + json.dumps(value, ensure_ascii=False) + "\n"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z][\w.-]*", key) else json.dumps(key)


if __name__ == "__main__":
    FILE.write_text("# Made by `python -m tests.upstream.asyncapi`.\n" + yaml(document()), "utf-8")
