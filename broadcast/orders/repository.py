"""All orders that the station knows, kept in the journal's state, one key an order.

Those that are over stay until nobody could send them again.

An order has one life, and below it airings: one where all its loudspeakers are free, else one for
each that becomes free later. The audio process knows each as a programme of its own.
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
# Notices that wait for their turn or sound at once; orders whose hour lies ahead.
#
# What waits for the morning all comes due together, and leaves room for a third of the notices.
OPEN_MAX, AHEAD_MAX = 60, 40

# Of any other class below the emergency, and again of those for which somebody stands there.
#
# So nothing that may wait keeps out a bell, a kiosk's words or an alarm.
CLASS_MAX = 20

HEAD = "head"


# Ends the name of an emergency's siren that sounds before its words are made.
SIREN = f"{TURN}0"


class Airing(msgspec.Struct, frozen=True, omit_defaults=True):
    """It sounds `at` these loudspeakers; its `number` is the order's turn.

    `siren`: the siren that goes before the words. Where no words can be made, it `stands` for them.
    """

    number: int
    at: tuple[str, ...]
    siren: bool = False
    stands: bool = False

    @property
    def has_words(self) -> bool:
        """Whether whoever hears it hears what the order is to say."""
        return self.stands or not self.siren

    def at_only(self, speakers: Collection[str]) -> "Airing":
        """The same at these loudspeakers."""
        return Airing(self.number, tuple(sorted(speakers)), self.siren, self.stands)

    def programme_id(self, order_id: str) -> str:
        """How the audio process calls it."""
        if self.siren:
            return f"{order_id}{SIREN}"
        return order_id if self.number == 0 else f"{order_id}{TURN}{self.number}"


def order_id_of(programme: str) -> str:
    """The order that the audio process plays by that name."""
    return programme.partition(TURN)[0]


def parse_airing(programme: str, at: frozenset[str]) -> Airing:
    """What sounds there by that name."""
    number = programme.partition(TURN)[2]
    counted = int(number) if number.isdecimal() else 0
    return Airing(counted, tuple(sorted(at)), siren=programme.endswith(SIREN))


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order and where it stands; instants are CLOCK_BOOTTIME of `boot`.

    `asked_wall_ns` is what was known of the time when it was asked. `turn` counts its airings; what
    the engine is given is named after it. `frame` is where it goes on, `clips` what it is made of;
    `siren`: that is its siren alone, until its words are made. This turn of it lasts `lasts_s`;
    `reached` counts the loudspeakers that took it as far as each rung of the ladder.

    `airings` are what sounds of it now, `had` the loudspeakers that have had it whole, `lost` those
    where no more of it will sound. `unsure`: it sounded, and a power cut or other settings
    took the knowledge of it.
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
        """Whether something may still become of it."""
        return self.state not in OVER

    @property
    def was_heard(self) -> bool:
        """Whether a loudspeaker is known to have taken some of it, be it the siren alone."""
        return bool(self.had) or any(self.reached[:1])

    @property
    def programmes(self) -> tuple[str, ...]:
        """How the engine calls what sounds of it."""
        return tuple(airing.programme_id(self.order.id) for airing in self.airings)

    @property
    def wordless(self) -> bool:
        """Whether only its siren sounds, and its words are still to come."""
        return bool(self.airings) and not any(airing.has_words for airing in self.airings)

    def airing(self, programme: str) -> Airing | None:
        """What the engine calls so, if it is to sound now."""
        return next((a for a in self.airings if a.programme_id(self.order.id) == programme), None)

    def without(self, programme: str) -> tuple[Airing, ...]:
        """Its airings but for that one."""
        return tuple(a for a in self.airings if a.programme_id(self.order.id) != programme)


class OrderRepository:
    """Orders by id, in the order of their coming."""

    def __init__(self, room: str, state: Mapping[str, "OrderRecord | int"]) -> None:
        """As it was when the process was last here: the rows as `decode_row` reads them."""
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
        """What became of that order."""
        return self._kept.get(order_id)

    def by_programme(self, programme: str) -> OrderRecord | None:
        """The order that the engine calls so, in whichever turn."""
        return self._kept.get(order_id_of(programme))

    def require(self, order_id: str) -> OrderRecord:
        """That order; UsageError if it is not known."""
        kept = self._kept.get(order_id)
        if kept is None:
            raise NotFound("broadcast.unknown-order", order=order_id)
        return kept

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(tuple(self._kept.values()))

    def open(self) -> Iterator[OrderRecord]:
        """Those of which something may still become."""
        return (kept for kept in self if kept.open)

    def playing(self) -> Iterator[OrderRecord]:
        """Those that sound, or are about to."""
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
        """How far the numbers have come: goes with the order that has one."""
        return StateChange(self._room, HEAD, str(self.count).encode())

    def update(self, kept: OrderRecord, **changes: Any) -> OrderRecord:
        """What is learnt between two moves; the next one writes it."""
        return self._set(msgspec.structs.replace(kept, **changes))

    def is_full(self, order: Order, clock: Clock, ahead: Callable[[Order], bool]) -> bool:
        """Whether there is no room for it; there always is for an emergency.

        `ahead` says of an order whether its hour has yet to come.
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
        """Forget the oldest that are over and could not be carried out again anyway."""
        changes = []
        while len(self._kept) >= ORDERS_MAX:
            oldest = self._oldest(clock) or self._oldest(None)
            if oldest is None:
                break
            del self._kept[oldest]
            changes.append(StateChange(self._room, _KEY + oldest, None))
        return changes

    def put(self, kept: OrderRecord) -> StateChange:
        """Remember it; the change belongs into the commit of its event."""
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
        """The oldest that is over and, by that clock, could not sound if it came again."""
        for kept in self._kept.values():
            harmless = kept.state is OrderState.REFUSED
            if not kept.open and (harmless or clock is None or kept.order.expires.passed(clock)):
                return kept.order.id
        return None


_KEY = "order/"


def decode_row(key: str, body: bytes) -> OrderRecord | int:
    """An order, or how far the numbers have come; ValueError for any other row."""
    if key == HEAD:
        return parse_number(body)
    kept: OrderRecord = json_decoder(OrderRecord)(key, body)
    least = min(kept.turn, kept.frame, *(airing.number for airing in kept.airings))
    if key != _KEY + kept.order.id or kept.state is OrderState.ASKED or least < 0:
        raise ValueError(key)
    return kept


def check_readable(order: Order) -> None:
    """UsageError for an order that no start could read back: too many words, say, or zones."""
    require_readable(_order, order.id, msgspec.json.encode(order))


_order = json_decoder(Order)


def apply_event(
    kept: OrderRecord, act: OrderEvent, now_ns: int, why: str | None = None, **changes: Any
) -> OrderRecord:
    """The order after that act; KeyError for what cannot happen."""
    state = TABLE[kept.state, act]
    return msgspec.structs.replace(kept, state=state, since_ns=now_ns, why=why, **changes)
