"""What a platform orders: commands signed and forged, in time and withheld, once and again.

Written from docs/feed.md; the signature is made with `cryptography` itself. The judge beside it
knows which of them may ever be carried out, what the meters were really told, and what was claimed.
"""

import base64
import datetime
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from tests.sim.world import World

STATION = "simulated"
# The register that commands write.
WRITTEN_AT = 4

ANSWER_MAX = 32
TTL_S = 20.0, 600.0
ENDS = frozenset({"done", "sent", "failed", "refused", "expired"})
# A command handed out that long ago is answered, once all is well.
GRACE_S = 120.0

# How a command is sent, and how often that is: `again` is handed out whatever became of it.
MANNERS = {
    "good": 60,
    "again": 10,
    "forged": 8,
    "unsigned": 8,
    "elsewhere": 5,
    "withheld": 9,
}

GENUINE = frozenset({"good", "again", "withheld"})


Violate = Callable[[str, str], None]


class Order(NamedTuple):
    """One command: what it would do, and until when it may be done (true time)."""

    id: str
    number: int
    kind: str
    manner: str
    raw: bytes
    unit: int
    value: int
    expires_s: float
    from_s: float


class CommandJudge:
    """Which meters were told what, by whom, and what was claimed of it."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.handed_s: dict[str, float] = {}
        self.ends: dict[str, set[str]] = defaultdict(set)
        self.written: dict[tuple[int, int], list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self._by_effect: dict[tuple[int, int], Order] = {}

    def issued(self, order: Order) -> None:
        self.orders[order.id] = order
        self._by_effect[order.unit, order.value] = order

    def handed(self, order: Order, at_s: float) -> None:
        """An answer with it left the platform; whether it came nobody knows."""
        self.handed_s.setdefault(order.id, at_s)

    def told(self, unit: int, value: int, at_s: float) -> None:
        """The truth: a meter was told to keep that value."""
        self.written[unit, value].append(at_s)

    def heard(self, receipt: dict[str, Any]) -> None:
        """One receipt, as often as it comes."""
        if receipt["of"] in self.orders and receipt["state"] in ENDS:
            self.ends[receipt["of"]].add(receipt["state"])

    def settle(self, violate: Violate, now_s: float, *, timed: bool) -> None:
        """`timed`: the station knew the time whenever it ran."""
        for effect, times in sorted(self.written.items()):
            self._judge_effect(violate, self._by_effect.get(effect), times, timed=timed)
        for order in self.orders.values():
            self._judge_ends(violate, order, now_s)

    def _judge_effect(
        self, violate: Violate, order: Order | None, times: list[float], *, timed: bool
    ) -> None:
        name = "what nobody ordered" if order is None else f"{order.manner} {order.id}"
        if order is None or order.manner not in GENUINE:
            violate("forged command", f"{name} was carried out")
        elif len(times) > 1:
            violate("command twice", f"{name} at {times}")
        elif timed and times[0] > order.expires_s:
            violate("late command", f"{name} {times[0] - order.expires_s:.1f} s late")

    def _judge_ends(self, violate: Violate, order: Order, now_s: float) -> None:
        ends, name = self.ends[order.id], f"{order.manner} {order.kind} {order.id}"
        for end in ends or {"open"}:
            self.counts[f"{order.manner} {order.kind}: {end}"] += 1
        written = (order.unit, order.value) in self.written
        if len(ends) > 1:
            violate("two ends", f"{name}: {sorted(ends)}")
        if order.kind == "device.write" and "done" in ends and not written:
            violate("claim", f"{name} is done, and no meter was told")
        if written and ends & {"refused", "expired"}:
            violate("claim", f"{name} is {sorted(ends)}, and a meter was told")
        if not ends and self.handed_s.get(order.id, now_s) < now_s - GRACE_S:
            violate("unanswered", name)


class CommandDesk:
    """One platform's: issues commands for the meters `units`, hands them out until they end."""

    def __init__(self, world: World, name: str, judge: CommandJudge, units: list[int]) -> None:
        self._world, self._judge, self._units = world, judge, units
        self._chance = world.new_chance(f"commands {name}")
        self._key = Ed25519PrivateKey.from_private_bytes(self._chance.randbytes(32))
        self._forger = Ed25519PrivateKey.from_private_bytes(self._chance.randbytes(32))
        self._cursors = self._chance.random() < 0.5
        self._orders: list[Order] = []
        self._last_ms = 0
        world.often(world.profile.command_s, f"{name} commands", self._issue)

    @property
    def public(self) -> str:
        """The key that the station checks with."""
        return _text(self._key.public_key().public_bytes_raw())

    def hand_out(self, since: PollPosition) -> PollAnswer:
        """What comes next for a station that asks on from there."""
        now_s = self._world.now_s
        due = [order for order in self._orders if order.from_s <= now_s and self._wanted(order)]
        if self._cursors and since.cursor:
            due = [order for order in due if order.number > int(since.cursor[1:])]
        elif since.after:
            due = [order for order in due if order.id > since.after]
        due = due[:ANSWER_MAX]
        for order in due:
            self._judge.handed(order, now_s)
        if not due:
            return PollAnswer([], since.cursor if self._cursors else "")
        return PollAnswer(
            [order.raw for order in due], f"c{due[-1].number}" if self._cursors else ""
        )

    def _wanted(self, order: Order) -> bool:
        again = order.manner == "again" and not self._world.quiet
        return again or not self._judge.ends[order.id]

    def _issue(self, chance: random.Random) -> None:
        now_s = self._world.now_s
        kind = chance.choice(("device.write", "device.write", "device.write", "ping"))
        manner = chance.choices(list(MANNERS), list(MANNERS.values()))[0]
        ttl_s = chance.uniform(*TTL_S)
        unit, number = chance.choice(self._units), len(self._orders) + 1
        value = len(self._judge.orders) + 1
        data = {"device": f"m{unit}", "point": f"r{WRITTEN_AT}", "value": value}
        command: dict[str, Any] = {
            "id": self._new_id(),
            "kind": kind,
            "station": "another" if manner == "elsewhere" else STATION,
            "issued": self._text(now_s),
            "expires": self._text(now_s + ttl_s),
            "data": data if kind == "device.write" else {},
        }
        if manner != "unsigned":
            key = self._forger if manner == "forged" else self._key
            command["signature"] = _text(key.sign(_canonical(command)))
        held_s = ttl_s + chance.uniform(5.0, 600.0) if manner == "withheld" else 0.0
        order = Order(
            command["id"], number, kind, manner, json.dumps(command).encode(),
            unit, value, now_s + ttl_s, now_s + held_s,
        )  # fmt: skip
        self._orders.append(order)
        self._judge.issued(order)

    def _new_id(self) -> str:
        """A UUIDv7; never two in one millisecond."""
        self._last_ms = max(self._world.now_ns // 1_000_000, self._last_ms + 1)
        tail = self._chance.getrandbits(74)
        number = self._last_ms << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & (1 << 62) - 1
        return str(uuid.UUID(int=number))

    def _text(self, at_s: float) -> str:
        ns = self._world.now_ns + round((at_s - self._world.now_s) * 1e9)
        moment = datetime.datetime.fromtimestamp(ns / 1e9, tz=datetime.UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _canonical(value: Any) -> bytes:
    """RFC 8785 for what stands in a command: texts, integers, objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
