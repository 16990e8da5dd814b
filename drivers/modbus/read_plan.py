"""Which blocks of registers or bits to read, and how to decode their replies. Pure."""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from drivers.bus.rounds import ReadBlock, ReadSpan, coalesce, overlaps
from drivers.contract import Device, Point, Sample
from drivers.family import Framing, Transaction, WireCost
from drivers.modbus import codec, registers

# The values of a point's `kind`, and the function that reads it.
FUNCTIONS = {
    "coil": codec.READ_COILS,
    "discrete": codec.READ_DISCRETE,
    "holding": codec.READ_HOLDING,
    "input": codec.READ_INPUT,
}

BIT_KINDS = frozenset({"coil", "discrete"})
# Points of different models; decoders beyond this number are built again.
POINTS_MAX = 1024

_REQUEST_BODY = 6
_ANSWER_HEAD = 3
_REGISTERS = 1 << 16
# Steps by which a reply is lengthened so that it looks like no other.
_LONGER_MAX = 16

DecodeReply: TypeAlias = Callable[[bytes], Sequence[Sample]]


class _Part(NamedTuple):
    """One point in a reply: its bytes.

    `quick` takes their unpacked number and returns the sample, or None if `decode` is needed.
    """

    decode: registers.Decoder
    start: int
    stop: int
    quick: Callable[[Any], Sample | None]


def unit_address(device: Device) -> int:
    """The unit address; `check` has verified that it is a number."""
    return int(device.address)


def point_span(point: Point) -> ReadSpan:
    """The registers or bits of the point."""
    first = int(point.address)
    bits = point.kind in BIT_KINDS
    return ReadSpan(first, first if bits else first + registers.width(point) - 1)


def block_max(device: Device, kind: str) -> int:
    """The most bits or registers in one reply of this device."""
    if kind in BIT_KINDS:
        return min(device.limits.max_block.get(kind, codec.READ_BITS_MAX), codec.READ_BITS_MAX)
    caps = device.limits.max_block
    own = getattr(device.options, "max_block", None)
    model = caps.get(kind, caps.get("", codec.READ_REGISTERS_MAX))
    return min(own or model, model, codec.READ_REGISTERS_MAX)


def unreadable_spans(device: Device, kind: str) -> list[ReadSpan]:
    """What no request of this kind may include."""
    return [ReadSpan(first, last) for of, first, last in device.limits.unreadable if of == kind]


def plan_reads(device: Device, points: Sequence[Point], wire: WireCost) -> list[Transaction]:
    """Transactions that read these points of one kind."""
    kind = points[0].kind
    bits = kind in BIT_KINDS
    fixed_s = wire.cost_s(*_sizes(wire, FUNCTIONS[kind], 0))
    unit_s = wire.char_s / 8 if bits else wire.char_s * 2
    longest = min(block_max(device, kind), _fitting(wire, fixed_s, unit_s))
    blocks = coalesce(
        [point_span(point) for point in points],
        fixed=fixed_s,
        unit=unit_s,
        most=longest,
        unreadable=unreadable_spans(device, kind),
    )
    return [_read(device, points, block, wire, longest) for block in blocks]


def _fitting(wire: WireCost, fixed_s: float, unit_s: float) -> int:
    """How many bits or registers a reply may have before it occupies the wire for too long."""
    if math.isinf(wire.longest_s):
        return codec.READ_BITS_MAX
    return max(1, int((wire.longest_s - fixed_s) / unit_s)) if unit_s else codec.READ_BITS_MAX


def _sizes(wire: WireCost, function: int, count: int) -> tuple[int, int]:
    """Bytes of a read request and of its reply, as this wire carries them."""
    extra = codec.CRC_BYTES if wire.framing is Framing.STREAM else 0
    return _REQUEST_BODY + extra, codec.good_reply_bytes(function, count) + extra


def _read(
    device: Device,
    points: Sequence[Point],
    block: ReadBlock,
    wire: WireCost,
    longest: int,
    *,
    narrow: ReadBlock | None = None,
) -> Transaction:
    """The transaction that reads one block of `points`, never longer than `longest`.

    `narrow` is the block without the part that only lengthens its reply.
    """
    covered = [points[index] for index in block.spans]
    kind = covered[0].kind
    body = codec.read_request(unit_address(device), FUNCTIONS[kind], block.first, block.width)

    def divide() -> tuple[Transaction, ...]:
        parts = _divided(covered, block) if narrow is None else [narrow]
        return tuple(_read(device, covered, part, wire, longest) for part in parts)

    def longer() -> Iterator[Transaction]:
        own = block._replace(spans=tuple(range(len(covered))))
        for each in _longer(device, kind, own, longest):
            yield _read(device, covered, each, wire, longest, narrow=own)

    compile_decoder = _bits_decoder if kind in BIT_KINDS else _registers_decoder
    framed = wire.framing is Framing.STREAM
    return transaction(
        body,
        wire,
        tuple(covered),
        compile_decoder(covered, block, framed=framed),
        divide,
        longer=longer,
        lengthened=narrow is not None,
        places=tuple(_place(point, block.first) for point in covered),
    )


def _longer(device: Device, kind: str, block: ReadBlock, longest: int) -> Iterator[ReadBlock]:
    """The block extended step by step at its end, else at its start, within the device's limits.

    If all values of a meter have two registers, it is never asked for an odd number of them.
    """
    widths = (point_span(point) for point in device.points if point.kind == kind)
    step = 8 if kind in BIT_KINDS else math.gcd(*(each.last - each.first + 1 for each in widths))
    holes = unreadable_spans(device, kind)
    for more in range(step, _LONGER_MAX * step + 1, step):
        behind = block._replace(last=block.last + more)
        before = block._replace(first=block.first - more)
        for each in (behind, before):
            fits = each.first >= 0 and each.last < _REGISTERS and each.width <= longest
            if fits and not overlaps(each.first, each.last, holes):
                yield each
                break


def _place(point: Point, first: int) -> tuple[int, int]:
    """The point's bytes in the reply, after unit, function and byte count."""
    at = int(point.address) - first
    if point.kind in BIT_KINDS:
        return _ANSWER_HEAD + at // 8, _ANSWER_HEAD + at // 8 + 1
    return _ANSWER_HEAD + 2 * at, _ANSWER_HEAD + 2 * (at + registers.width(point))


def _divided(points: Sequence[Point], block: ReadBlock) -> list[ReadBlock]:
    """The same points without bridged gaps or, if there are none, one by one."""
    if len(points) == 1:
        return []
    spans = [point_span(point) for point in points]
    runs: list[list[int]] = []
    reach = block.first - 2
    for index in range(len(spans)):
        if spans[index].first > reach + 1:
            runs.append([])
        runs[-1].append(index)
        reach = max(reach, spans[index].last)
    if len(runs) == 1:
        runs = [[index] for index in range(len(spans))]
    return [
        ReadBlock(spans[run[0]].first, max(spans[index].last for index in run), tuple(run))
        for run in runs
    ]


def _registers_decoder(points: Sequence[Point], block: ReadBlock, *, framed: bool) -> DecodeReply:
    """Unpacks all numbers at once; other types are decoded one by one."""
    parts = [_part(point, block.first) for point in points]
    form, at = ">", 0
    for point, part in zip(points, parts, strict=True):
        if part.start < at:  # two points share registers
            return _one_by_one(parts, framed=framed)
        form += f"{part.start - at}x{registers.struct_code(point) or f'{part.stop - part.start}s'}"
        at = part.stop
    unpack = struct.Struct(form).unpack_from

    def decode(frame: bytes) -> list[Sample]:
        data = codec.reply_data(frame[: -codec.CRC_BYTES] if framed else frame)
        return [
            part.quick(found) or part.decode(data[part.start : part.stop])
            for part, found in zip(parts, unpack(data), strict=True)
        ]

    return decode


def _one_by_one(parts: Sequence[_Part], *, framed: bool) -> DecodeReply:
    def decode(frame: bytes) -> list[Sample]:
        data = codec.reply_data(frame[: -codec.CRC_BYTES] if framed else frame)
        return [part.decode(data[part.start : part.stop]) for part in parts]

    return decode


def _part(point: Point, first: int) -> _Part:
    start = 2 * (int(point.address) - first)
    decode, quick = _decoders(_SharedPoint(point))
    return _Part(decode, start, start + 2 * registers.width(point), quick)


class _SharedPoint:
    """A point compared by identity: the devices of one model share their points."""

    def __init__(self, point: Point) -> None:
        self.point = point

    def __hash__(self) -> int:
        return id(self.point)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SharedPoint) and other.point is self.point


@lru_cache(maxsize=POINTS_MAX)
def _decoders(same: _SharedPoint) -> tuple[registers.Decoder, Callable[[Any], Sample | None]]:
    """Built once for all devices of a model: they take a kilobyte each."""
    decode = registers.decoder(same.point)
    return decode, decode if registers.struct_code(
        same.point
    ) is None else registers.number_decoder(same.point)


def _bits_decoder(points: Sequence[Point], block: ReadBlock, *, framed: bool) -> DecodeReply:
    places = [(point, int(point.address) - block.first) for point in points]

    def decode(frame: bytes) -> list[Sample]:
        data = codec.reply_data(frame[: -codec.CRC_BYTES] if framed else frame)
        bits = codec.bits(data, block.width)
        return [Sample(point, bits[place]) for point, place in places]

    return decode


def transaction(
    body: bytes,
    wire: WireCost,
    points: tuple[Point, ...],
    decode: DecodeReply,
    divide: Callable[[], Sequence[Transaction]] | None = None,
    *,
    longer: Callable[[], Iterator[Transaction]] | None = None,
    lengthened: bool = False,
    places: tuple[tuple[int, int], ...] = (),
) -> Transaction:
    """The body as this wire carries it."""
    answer = codec.ExpectedReply.for_request(body)
    framed = wire.framing is Framing.STREAM
    return Transaction(
        request=codec.rtu_frame(body) if framed else body,
        expect=codec.RtuExpect(answer) if framed else codec.MbapExpect(answer),
        decode=decode,
        points=points,
        reply_bytes=answer.size + (codec.CRC_BYTES if framed else 0),
        divide=divide,
        longer=longer,
        lengthened=lengthened,
        places=places,
    )
