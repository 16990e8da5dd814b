"""A sound row of every kind that a room keeps, and what may become of one: for fuzzed starts."""

import copy
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from broadcast.material.presets import PresetVersion
from broadcast.options import PresetOptions
from broadcast.order import (
    Authority,
    ClipContent,
    LiveContent,
    Order,
    OrderClass,
    PresetContent,
    SentenceContent,
    TextContent,
)
from broadcast.orders.repository import OrderRecord as KeptOrder
from broadcast.orders.schedules import MissedSchedule, Schedule, ScheduleVersion
from broadcast.orders.transitions import OrderState
from drivers.dry_contact import ContactLevel
from gateway.access.accounts import Account, Invite, KnownComputer, Pin, Role
from gateway.access.sessions import Session
from gateway.audit.events import Actor
from gateway.clock import Deadline
from gateway.doctor.model.finding import FindingLevel as Found
from gateway.doctor.transitions import OpenFinding
from gateway.event import Severity, Timestamps, Trust
from gateway.intake.contact_inputs import InputMemory
from gateway.journal.chain import ChainHead as Chain
from gateway.rules.alarm import Alarm, AlarmState, Evidence
from gateway.rules.core import RulesHead
from gateway.rules.linkage import LinkageTask
from gateway.rules.suppression import Maintenance
from gateway.rules.verdicts import VerdictTally
from gateway.rules.watch import encode_state, initial_state
from gateway.setup.acceptance import AcceptanceRecord
from gateway.station.meter_counts import StoredCount, StoredMeter
from gateway.upstream.inbox.command import CommandState
from gateway.upstream.inbox.command_store import CommandRecord as KeptCommand
from gateway.upstream.inbox.command_store import ForgottenFloor, state_rooms
from kiosk.requests.engine import RequestCounters as RequestsHead
from kiosk.requests.request import Car, PendingCancel, Request, Ride
from tests.rules.player import plan

BOOT = "0" * 15 + "1"
S = 1_000_000_000
SHA = "a" * 64
STAFF = Actor("staff", "0217")
COMMANDS = tuple(f"0190{n:04x}-0000-7000-8000-0000000000{n:02x}" for n in range(3))
PLAN = plan(
    {
        "rule": {
            "smoke": {"use": "smoke", "on": ["di-b3.panel"]},
            "quiet": {"use": "smoke", "on": ["di-b3.panel"]},
        },
        "linkage": {"smoke-b3": {"when": "smoke", "do": [
            {"announce": "smoke", "zone": "b3", "class": "emergency", "expires_s": 600}]}},
    }
)  # fmt: skip
WATCH, OTHER = PLAN.watches[0].id, PLAN.watches[1].id

_json, _msgpack = msgspec.json.encode, msgspec.msgpack.encode


class Row(NamedTuple):
    """One row of the state; `packed` with MessagePack, else JSON or digits."""

    room: str
    key: str
    body: bytes
    packed: bool = False


def _order(n: int, state: OrderState, content: Any, **changed: Any) -> Row:
    order = Order(
        id=f"order-00000000-{n}", source="desk", zones=("all",), class_=OrderClass.NOTICE,
        authority=Authority.PRESS, actor=STAFF, content=content,
        expires=Deadline(BOOT, 1_060 * S), joins="key.notice" if n == 1 else "",
    )  # fmt: skip
    kept = KeptOrder(
        order=order, state=state, boot=BOOT, asked_ns=1_000 * S, since_ns=1_001 * S,
        asked_wall_ns=1_790_000_000 * S, clips=(SHA,), reached=(1, 1), **changed,
    )  # fmt: skip
    return Row("broadcast", f"order/{order.id}", _json(kept))


def _request(n: int, family: str, state: str, **changed: Any) -> Row:
    request = Request(
        id=f"{family}-00000000-{n}", number="100200", service={"call": "staff", "work": "repair"}
        .get(family, family), family=family, kiosk="hall", place="hall", state=state,
        actor=Actor("resident"), pressed=Timestamps(BOOT, 900 * S), opened_ns=900 * S,
        since_ns=910 * S,
        presses=(f"p-{n}",), **changed,
    )  # fmt: skip
    return Row("requests", request.id, _msgpack(request), packed=True)


def sound_rows() -> list[Row]:
    """At least one of each kind."""
    deadline = Deadline(BOOT, 1_100 * S)
    ride = Ride(began_ns=900 * S, accept=deadline, until=deadline, road="platform",
                car=Car(plate="京A12345", minutes=3))  # fmt: skip
    alarm = Alarm(id="alarm-1", watch=WATCH, severity=Severity.CRITICAL, raised_ns=900 * S,
                  evidence=Evidence("di-b3", "panel", True, "1"))  # fmt: skip
    gone = msgspec.structs.replace(
        alarm, state=AlarmState.RETURNED, on=False, returned_ns=950 * S, until_ns=None
    )
    task = LinkageTask(id="task-1", linkage="smoke-b3", does="announce", alarm="alarm-1",
    rule="smoke",
                action={"announce": "smoke", "zone": "b3", "class": "emergency"}, place="b3",
                urgent=True, expires_ns=1_200 * S)  # fmt: skip
    preset = PresetVersion(PresetOptions(name="停水", text="停水了"), STAFF, 1_790_000_000 * S)
    planned = Schedule(name="早操", cron="30 8 * * *", preset="visitors", zones=("all",))
    session = Session("0217", "password", "d" * 64, 1, BOOT, 900 * S, 950 * S, 900 * S)
    invite = Invite("e" * 64, BOOT, 2_000 * S)
    return [
        Row("broadcast", "head", b"7"),
        _order(1, OrderState.ACCEPTED, TextContent("各位居民请注意")),
        _order(2, OrderState.PLAYING, PresetContent("water")),
        _order(3, OrderState.PLAYING, TextContent("消防演习"), siren=True),
        _order(4, OrderState.HELD, ClipContent(SHA)),
        _order(5, OrderState.INTERRUPTED, SentenceContent((("", "请"), ("c", "注意"))), turn=1,
        frame=50),
        _order(6, OrderState.FINISHED, LiveContent("hall"), detail={"why": "x"}),
        Row("broadcast-presets", "=order", b'["water","visitors"]'),
        Row("broadcast-presets", "water", _json((preset,))),
        Row("broadcast-presets", "gone", _json((preset, PresetVersion(None, STAFF)))),
        Row("broadcast-schedules", "=seen", str(1_790_000_000 * S).encode()),
        Row("broadcast-schedules", "=skip/morning", str(1_790_100_000 * S).encode()),
        Row("broadcast-schedules", "=missed", _json((MissedSchedule("早操", 2, 1_790_000_000 *
        S),))),
        Row("broadcast-schedules", "morning", _json((ScheduleVersion(planned, STAFF, 1),))),
        Row("broadcast-volume", "all", b"7"),
        Row("broadcast-tests", "last", str(1_790_000_000 * S).encode()),
        Row("broadcast-replaced", "ids", b'["order-x"]'),
        Row("requests", "head", _msgpack(RequestsHead(1_000 * S, BOOT, 1_000 * S, 9)), packed=True),
        _request(1, "call", "ringing", rang_ns=905 * S),
        _request(2, "ride", "assigned", ride=ride, owed=(PendingCancel("platform", "r-1"),)),
        _request(3, "ride", "asking", ride=ride, person="f" * 32, masked="138****0000"),
        _request(4, "work", "reported", counted_ns=900 * S, voice="f" * 32, voice_s=4),
        _request(5, "work", "done", rating="good", said="done"),
        Row("rules", "head", _msgpack(RulesHead(1_000 * S, BOOT, 1_000 * S, 3, 4)), packed=True),
        Row("rules", f"alarm/{WATCH}", _msgpack(alarm), packed=True),
        Row("rules", f"alarm/{OTHER}", _msgpack(
            msgspec.structs.replace(gone, watch=OTHER)), packed=True),
        Row("rules", "alarm/none.left", _msgpack(
            msgspec.structs.replace(gone, watch="none.left")), packed=True),
        *(Row("rules", f"watch/{watch.id}", encode_state(watch.kind, initial_state(watch)),
        packed=True)
          for watch in PLAN.watches),
        Row("rules", "quiet/b3", _msgpack(Maintenance("b3", 2_000 * S, "0217")), packed=True),
        Row("rules", "verdict/smoke", _msgpack(VerdictTally(2, 1, (("alarm-1", True),))),
        packed=True),
        Row("rules", "task/task-1", _msgpack(task), packed=True),
        Row("rules", "linkage/smoke-b3", _msgpack(900 * S), packed=True),
        Row("intake", "contact/di-b3/smoke", _json(InputMemory(ContactLevel.ACTIVE, stuck=True))),
        Row("access", "account/0217", _json(Account(
            id="0217", name="王", role=Role.INSTALLER, password="x", generation=1, invite=invite))),
        Row("access", f"session/{'b' * 64}", _json(session)),
        Row("access", f"desk/{'d' * 64}", _json(KnownComputer({"0217": Pin("x", 1), "0218": None},
        4))),
        Row("access", "throttle", b'{"account:0217":2}'),
        Row("audit", "head", _json(Chain(5, "c" * 64, 9))),
        Row("setup", "em-b3.power_w", _json(
            AcceptanceRecord("differs", "0217", 1_790_000_000 * S, Trust.NTP, "1 W", "2 W", 0.5))),
        Row("doctor", "told", _json({"disk/": OpenFinding("disk", "", Found.BAD)})),
        Row("settings", "told", b"3"),
        Row("inbox-district", "floor", COMMANDS[0].encode()),
        Row("inbox-district", COMMANDS[1], _json(KeptCommand(
            CommandState.ACCEPTED, deadline, kind="ping", data="{}"))),
        Row("inbox-district", COMMANDS[2], _json(KeptCommand(
            CommandState.DONE, deadline, detail={"at": 1}))),
        Row(state_rooms("district")[1], "floor-signed", _json(
            ForgottenFloor(COMMANDS[0], 1_790_000_000 * S))),
        Row(state_rooms("district")[1], "cursor", b"abc-1"),
        Row("counters", "em-b3", _json(
            StoredMeter("dlt645", "1", {"energy": StoredCount(5, 1.5, 0.1, 1_790_000_000 * S)}))),
        Row("journal", "follower/district", b'{"emergency":0,"alarm":0,"service":0,"telemetry":0}'),
    ]  # fmt: skip


EDGES: tuple[Any, ...] = (
    -1, 0, 1, 2**31, 2**53, 2**62, 2**62 + 1, 2**63 - 1, -(2**63), 1e308, 0.5, -0.0,
    "", "?", "x" * 5_000, "\u0000", "../../etc/passwd", "京", None, True, False, [], {}, [[]],
    {"type": "say"}, "raised", "cleared", "asked", "playing", "ride", "call", "2026-13-01",
)  # fmt: skip


HOSTILE = (b"[" * 9_000, b"\x91" * 9_000, b'"\xff"', b"null", b"\xc0", b"9" * 5_000)


def damaged(row: Row, rng: random.Random) -> Row:
    """The row as damage, somebody's hand or another release may have left it."""
    way = rng.randrange(10)
    body, key = row.body, row.key
    if way == 0:
        body = rng.randbytes(rng.choice((0, 1, 3, 40, 400)))
    elif way == 1:
        body = body[: rng.randrange(len(body))]
    elif way == 2:  # one of the ten ways
        bits = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            bits[rng.randrange(len(bits))] ^= 1 << rng.randrange(8)
        body = bytes(bits)
    elif way == 3:
        body = rng.choice(
            (b"[" * 9_000, b"\x91" * 9_000, b'"\xff"', b"null", b"\xc0", b"9" * 5_000)
        )
    elif way == 4:
        table = key.partition("/")[0]
        key = rng.choice(("", "x", f"{key}x", f"{table}/", "=skip/", "no-such/x"))
    else:
        body = _altered(row, rng)
    return row._replace(key=key, body=body)


def _altered(row: Row, rng: random.Random) -> bytes:
    """Well-formed, but with fields out of bounds, missing, too many or of another type."""
    decode, encode = (
        (msgspec.msgpack.decode, _msgpack) if row.packed else (msgspec.json.decode, _json)
    )
    try:
        value = decode(row.body)
    except msgspec.DecodeError:  # plain text
        return rng.choice((b"-1", b"1.5", b"", b"x", str(2**70).encode(), row.body + b" "))
    for _ in range(rng.randint(1, 3)):
        places = list(_places(value))
        if not places:
            return encode(_edge(rng))
        inside, at = rng.choice(places)
        if isinstance(inside, dict) and rng.random() < 0.3:
            if rng.random() < 0.5:
                inside[f"later_{rng.randrange(9)}"] = _edge(rng)
            else:
                del inside[at]
        else:
            inside[at] = _edge(rng)
    return encode(value)


def _edge(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(EDGES))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything that can be put in another's place."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
