"""Which items to read, one by one or as a block, and how to decode their replies. Pure.

A block (`FF` in a data identifier) returns several items one after the other. It is read where that
is cheaper on the wire; a meter that does not have the block, or a shorter one, refuses and is read
item by item from then on. A block that does not fit into one frame comes in pieces.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from drivers.contract import Device, Point, RequestRefused, Sample
from drivers.dlt645 import codec, values
from drivers.dlt645.codec import Dlt645Control, Dlt645Expect, Dlt645Frame
from drivers.family import Transaction, WireCost
from drivers.meter_frame import WAKE_BYTES_MAX

ITEM_BYTES = 4
# Most pieces of one item: 1,600 bytes, more than any item of our profiles has.
PIECES_MAX = 8

_REPLY_BYTES = codec.OVERHEAD + WAKE_BYTES_MAX
# Offset of the item's bytes in a reply, after head and identifier.
_ITEM_AT = 14


class ItemRead(NamedTuple):
    """One item of one meter: its expected length, and the offset of each point in it."""

    address: str
    wake: int
    item: str
    places: tuple[tuple[Point, int], ...]
    size: int
    instead: tuple["ItemRead", ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        """The points that it reads."""
        return tuple(point for point, _ in self.places)

    def cost_s(self, wire: WireCost) -> float:
        """The wire time of reading it."""
        reply_bytes = _REPLY_BYTES + ITEM_BYTES + self.size
        return wire.cost_s(self.wake + codec.OVERHEAD + ITEM_BYTES, reply_bytes)


def item_bytes(item: str) -> bytes:
    """A data identifier as sent, lowest byte first; ValueError unless it has four bytes."""
    found = bytes.fromhex(item)[::-1]
    if len(found) != ITEM_BYTES:
        raise ValueError(item)
    return found


def plan_item_reads(
    device: Device, points: Sequence[Point], wake: int, wire: WireCost
) -> Iterator[ItemRead]:
    """The cheapest items and blocks that read these points."""
    blocks: dict[str, list[Point]] = {}
    for point in points:
        blocks.setdefault(point.extra.get("block", ""), []).append(point)
    for block, members in blocks.items():
        apart = tuple(_items(device, members, wake))
        whole = _block(device, block, members, wake, apart) if block and len(apart) > 1 else None
        apart_s = sum(each.cost_s(wire) for each in apart)
        if whole is None or whole.cost_s(wire) >= min(apart_s, wire.longest_s):
            yield from apart
        else:
            yield whole


def _items(device: Device, points: Sequence[Point], wake: int) -> Iterator[ItemRead]:
    items: dict[str, list[tuple[Point, int]]] = {}
    for point in points:
        at = 0 if "block" in point.extra else point.at
        items.setdefault(str(point.address), []).append((point, at))
    for item, places in items.items():
        size = max(at + values.width(point) for point, at in places)
        yield ItemRead(device.address, wake, item, tuple(places), size)


def _block(
    device: Device, block: str, points: Sequence[Point], wake: int, apart: tuple[ItemRead, ...]
) -> ItemRead | None:
    """The block as one read; None if the meter cannot return so much at once."""
    same = [point for point in device.points if point.extra.get("block") == block]
    size = max(point.at + values.width(point) for point in same)
    if size > device.limits.max_block.get("", codec.DATA_BYTES_MAX - ITEM_BYTES):
        return None
    places = tuple((point, point.at) for point in points)
    return ItemRead(device.address, wake, block, places, size, apart)


def read_transaction(ask: ItemRead) -> Transaction:
    """The transaction that reads the item, with all its pieces."""
    item = item_bytes(ask.item)
    return Transaction(
        request=codec.encode(Dlt645Frame(ask.address, Dlt645Control.READ, item), ask.wake),
        expect=Dlt645Expect(ask.address, Dlt645Control.READ, item),
        decode=lambda raw: _samples(ask, _payload(ask, raw)),
        points=ask.points,
        reply_bytes=_REPLY_BYTES + ITEM_BYTES + ask.size,
        divide=lambda: tuple(map(read_transaction, ask.instead)),
        places=tuple(
            (_ITEM_AT + at, _ITEM_AT + at + values.width(each)) for each, at in ask.places
        ),
        more=_more(ask, b"", 1),
    )


def _more(ask: ItemRead, before: bytes, number: int) -> Callable[[bytes], Transaction | None]:
    """Requests piece `number` if the reply says that it is not the last one."""

    def more(raw: bytes) -> Transaction | None:
        reply = codec.decode(raw)
        if reply is None or not reply.more_follows or number > PIECES_MAX:
            return None
        come = before + _data(reply)
        item = item_bytes(ask.item)
        asked = Dlt645Frame(ask.address, Dlt645Control.READ_MORE, item + bytes([number]))
        return Transaction(
            request=codec.encode(asked, ask.wake),
            expect=Dlt645Expect(ask.address, Dlt645Control.READ_MORE, item),
            decode=lambda rest: _samples(ask, come + _payload(ask, rest)),
            points=ask.points,
            reply_bytes=_REPLY_BYTES + codec.DATA_BYTES_MAX,
            more=_more(ask, come, number + 1),
        )

    return more


def _data(reply: Dlt645Frame) -> bytes:
    """The data after the identifier; a later piece ends with its number."""
    later = reply.control & ~codec.MORE == Dlt645Control.READ_MORE | codec.ANSWER
    return reply.data[ITEM_BYTES:-1] if later else reply.data[ITEM_BYTES:]


def _payload(ask: ItemRead, raw: bytes) -> bytes:
    """The data of the last piece; RequestRefused if the meter refuses."""
    reply = decode_good_reply(raw, divisible=bool(ask.instead))
    if reply.more_follows:
        raise RequestRefused("dlt645.more-follows", divisible=bool(ask.instead), item=ask.item)
    return _data(reply)


def decode_good_reply(raw: bytes, *, divisible: bool = False) -> Dlt645Frame:
    """Decode a reply; RequestRefused with error word and reasons for an error reply."""
    reply = codec.decode(raw)
    assert reply is not None, "Reply.find has found it"
    if reply.is_denied:
        word = reply.data[0] if reply.data else 0
        reasons = list(codec.errors(word))
        raise RequestRefused("dlt645.refused", divisible=divisible, exception=word, reasons=reasons)
    return reply


def _samples(ask: ItemRead, data: bytes) -> list[Sample]:
    if len(data) < ask.size:
        divisible = bool(ask.instead)
        raise RequestRefused("dlt645.short", divisible=divisible, said=ask.size, came=len(data))
    return [values.sample(point, data[at : at + values.width(point)]) for point, at in ask.places]


def address_transaction(device: Device, point: Point, wake: int) -> Transaction:
    """A broadcast request for the address; only one meter may be on the line."""
    asked = Dlt645Frame(device.address, Dlt645Control.READ_ADDRESS)
    return Transaction(
        request=codec.encode(asked, wake),
        expect=Dlt645Expect(device.address, Dlt645Control.READ_ADDRESS),
        decode=lambda raw: [Sample(point, decode_good_reply(raw).address)],
        points=(point,),
        reply_bytes=_REPLY_BYTES + 6,
    )
