"""All orders that the station knows, kept in the journal's state, one key an order.

Orders that are over stay until they could not be sent again.

An order has one life, and below it airings: one if all its loudspeakers are free, otherwise one for
each group that becomes free later. The audio process knows each airing as a programme.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from broadcast.order import TURN, Order, OrderClass
from broadcast.orders.transitions import OVER, TABLE, OrderEvent, OrderState
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.journal import StateChange
from gateway.journal.stored_state import json_decoder, parse_number, require_readable

ORDERS_MAX = 300
# Notices that wait for their turn or play now; orders whose hour lies ahead.
#
# What waits for the morning comes due at once, and leaves room for a third of the notices.
OPEN_MAX, AHEAD_MAX = 60, 40

# Orders of any other class below the emergency, and as many again that a person waits for.
#
# So what may wait never keeps out a bell, a kiosk's words or an alarm.
CLASS_MAX = 20

HEAD = "head"


# Ends the programme id of an emergency's siren that plays before its words are ready.
SIREN = f"{TURN}0"


class Airing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sound of an order `at` a set of loudspeakers; `number` is the order's turn.

    `siren`: only the siren that precedes the words. If no words can be made, it `stands` for them.
    """

    number: int
    at: tuple[str, ...]
    siren: bool = False
    stands: bool = False

    @property
    def has_words(self) -> bool:
        """Whether a listener hears what the order has to say."""
        return self.stands or not self.siren

    def at_only(self, speakers: Collection[str]) -> "Airing":
        """The same at these loudspeakers only."""
        return Airing(self.number, tuple(sorted(speakers)), self.siren, self.stands)

    def programme_id(self, order_id: str) -> str:
        """Its programme id in the audio process."""
        if self.siren:
            return f"{order_id}{SIREN}"
        return order_id if self.number == 0 else f"{order_id}{TURN}{self.number}"


def order_id_of(programme: str) -> str:
    """The id of the order that a programme belongs to."""
    return programme.partition(TURN)[0]


def parse_airing(programme: str, at: frozenset[str]) -> Airing:
    """Rebuild an airing from its programme id."""
    number = programme.partition(TURN)[2]
    counted = int(number) if number.isdecimal() else 0
    return Airing(counted, tuple(sorted(at)), siren=programme.endswith(SIREN))


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order and its state; instants are CLOCK_BOOTTIME of `boot`.

    `asked_wall_ns` is the known time when it was asked for. `turn` counts its airings; programme
    ids contain it. `frame` is where it continues, `clips` what it is made of; `siren`: only its
    siren so far, until its words are ready. This turn of it lasts `lasts_s`. `reached` counts the
    loudspeakers that took it as far as each level of proof.

    `airings` are what plays of it now, `had` the loudspeakers that have had it whole, `lost` those
    where no more of it will play. `unsure`: it played, and a power cut or new settings made it
    unknown where.
    """

    order: Order
    state: OrderState
    boot: str
    asked_ns: int
    since_ns: int
    asked_wall_ns: int | None = None
    why: str | None = None
    detail: dict[str, Any] = {}
    turn: int = 0
    frame: int = 0
    seconds: float = 0.0
    clips: tuple[str, ...] = ()
    siren: bool = False
    waited_ms: int | None = None
    lasts_s: float = 0.0
    reached: tuple[int, ...] = ()
    airings: tuple[Airing, ...] = ()
    had: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unsure: bool = False

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.state not in OVER

    @property
    def was_heard(self) -> bool:
        """Whether a loudspeaker is known to have played some of it, be it only the siren."""
        return bool(self.had) or any(self.reached[:1])

    @property
    def programmes(self) -> tuple[str, ...]:
        """The programme ids of its airings."""
        return tuple(airing.programme_id(self.order.id) for airing in self.airings)

    @property
    def wordless(self) -> bool:
        """Whether only its siren plays, and its words are still to come."""
        return bool(self.airings) and not any(airing.has_words for airing in self.airings)

    def airing(self, programme: str) -> Airing | None:
        """Its airing with that programme id, if it is to play now."""
        return next((a for a in self.airings if a.programme_id(self.order.id) == programme), None)

    def without(self, programme: str) -> tuple[Airing, ...]:
        """Its airings except that one."""
        return tuple(a for a in self.airings if a.programme_id(self.order.id) != programme)


class OrderRepository:
    """Orders by id, in the order in which they came."""

    def __init__(self, room: str, state: Mapping[str, "OrderRecord | int"]) -> None:
        """`state` are the stored rows as `decode_row` returns them."""
        self._room = room
        self.count = 0
        self._kept: dict[str, OrderRecord] = {}
        self._playing: dict[str, None] = {}
        for found in state.values():
            if isinstance(found, OrderRecord):
                self._set(found)
            else:
                self.count = found

    def get(self, order_id: str) -> OrderRecord | None:
        return self._kept.get(order_id)

    def by_programme(self, programme: str) -> OrderRecord | None:
        """The order that a programme belongs to, in whichever turn."""
        return self._kept.get(order_id_of(programme))

    def require(self, order_id: str) -> OrderRecord:
        """Get an order; UsageError if it is unknown."""
        kept = self._kept.get(order_id)
        if kept is None:
            raise NotFound("broadcast.unknown-order", order=order_id)
        return kept

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(tuple(self._kept.values()))

    def open(self) -> Iterator[OrderRecord]:
        """Orders that are not over."""
        return (kept for kept in self if kept.open)

    def playing(self) -> Iterator[OrderRecord]:
        """Orders that play, or are about to."""
        return (self._kept[order_id] for order_id in tuple(self._playing))

    def find_joined(self, order: Order) -> OrderRecord | None:
        """The open order that this one is another press of."""
        if not order.joins:
            return None
        return next((kept for kept in self.open() if kept.order.joins == order.joins), None)

    def next_number(self) -> int:
        """The next number for an order that is given here."""
        self.count += 1
        return self.count

    def head_row(self) -> StateChange:
        """The counter's row; stored with the order that took a number."""
        return StateChange(self._room, HEAD, str(self.count).encode())

    def update(self, kept: OrderRecord, **changes: Any) -> OrderRecord:
        """Change a record between two transitions; the next transition stores it."""
        return self._set(msgspec.structs.replace(kept, **changes))

    def is_full(self, order: Order, clock: Clock, ahead: Callable[[Order], bool]) -> bool:
        """Whether there is no room for an order; there always is for an emergency.

        `ahead` tells of an order whether its hour has yet to come.
        """
        if order.class_.urgent:
            return False
        may_wait = order.class_ <= OrderClass.NOTICE and not order.at_once
        if may_wait and len(self._kept) >= ORDERS_MAX and not self._oldest(clock):
            return True
        below = [kept for kept in self.open() if not kept.order.class_.urgent]
        if len(below) < CLASS_MAX:
            return False
        waits = [kept.state is not OrderState.PLAYING and ahead(kept.order) for kept in below]
        if ahead(order):
            return sum(waits) >= AHEAD_MAX
        alike = [
            (kept.order.class_, kept.order.at_once) == (order.class_, order.at_once)
            for kept, waiting in zip(below, waits, strict=True)
            if not waiting
        ]
        most = OPEN_MAX if order.class_ is OrderClass.NOTICE and may_wait else CLASS_MAX
        return sum(alike) >= most

    def make_room(self, clock: Clock) -> list[StateChange]:
        """Forget the oldest orders that are over and could not play again anyway."""
        changes = []
        while len(self._kept) >= ORDERS_MAX:
            oldest = self._oldest(clock) or self._oldest(None)
            if oldest is None:
                break
            del self._kept[oldest]
            changes.append(StateChange(self._room, _KEY + oldest, None))
        return changes

    def put(self, kept: OrderRecord) -> StateChange:
        """Remember a record; the change belongs into the commit of its event."""
        self._set(kept)
        return StateChange(self._room, _KEY + kept.order.id, msgspec.json.encode(kept))

    def _set(self, kept: OrderRecord) -> OrderRecord:
        order_id = kept.order.id
        self._kept[order_id] = kept
        if kept.state is OrderState.PLAYING:
            self._playing[order_id] = None
        else:
            self._playing.pop(order_id, None)
        return kept

    def _oldest(self, clock: Clock | None) -> str | None:
        """The oldest order that is over and, by that clock, could not play if it came again."""
        for kept in self._kept.values():
            harmless = kept.state is OrderState.REFUSED
            if not kept.open and (harmless or clock is None or kept.order.expires.passed(clock)):
                return kept.order.id
        return None


_KEY = "order/"


def decode_row(key: str, body: bytes) -> OrderRecord | int:
    """Decode a row: an order, or the counter; ValueError for anything else."""
    if key == HEAD:
        return parse_number(body)
    kept: OrderRecord = json_decoder(OrderRecord)(key, body)
    least = min(kept.turn, kept.frame, *(airing.number for airing in kept.airings))
    if key != _KEY + kept.order.id or kept.state is OrderState.ASKED or least < 0:
        raise ValueError(key)
    return kept


def check_readable(order: Order) -> None:
    """UsageError for an order that could not be read back.

    Too long a text, say, or too many zones.
    """
    require_readable(_order, order.id, msgspec.json.encode(order))


_order = json_decoder(Order)


def apply_event(
    kept: OrderRecord, act: OrderEvent, now_ns: int, why: str | None = None, **changes: Any
) -> OrderRecord:
    """The record after that event; KeyError if it cannot happen."""
    state = TABLE[kept.state, act]
    return msgspec.structs.replace(kept, state=state, since_ns=now_ns, why=why, **changes)
