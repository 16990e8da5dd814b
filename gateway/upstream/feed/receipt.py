"""Checks a receipt against what was issued and receipted before. Pure.

A receipt counts for the lanes of the batch that it answers; the receipt for an empty batch counts
for every lane that it names. It must not contradict what the journal has issued or what the
platform receipted before: then nothing moves, and the error names the contradiction. A platform
whose store went back may say so, by `missing`, by `held`, or in answer to a batch without new
entries; that is no contradiction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.errors import BadReceipt
from gateway.event import Lane
from gateway.upstream.feed.number_ranges import NumberRanges
from gateway.upstream.uplinks.contract import DeliveryReceipt, Rejection

# Ranges of `missing` and of `held` that are read; further ones are ignored.
RANGES_MAX = 64

OTHER_EPOCH = "upstream.receipt-epoch"
FUTURE = "upstream.receipt-future"
BACKWARDS = "upstream.receipt-backwards"
STUCK = "upstream.receipt-stuck"


class LaneRange(NamedTuple):
    """Numbers `first` to `last` of one lane."""

    lane: Lane
    first: int
    last: int

    def overlaps(self, other: "LaneRange") -> bool:
        """Whether they share a number."""
        return self.lane == other.lane and self.first <= other.last and other.first <= self.last


class ReceiptVerdict(NamedTuple):
    """A valid receipt.

    `upto`: the watermarks that moved. `missing`: ranges to send again. `doubted`: ranges to send
    again only because a watermark is lower than before without an explanation. `holed`: lanes in
    which the platform has holes, in flight or not. `held`: the ranges that it has above its
    watermark, by lane; None if it does not report them.
    """

    upto: dict[Lane, int]
    missing: list[LaneRange]
    doubted: list[LaneRange]
    holed: set[Lane]
    rejected: list[Rejection]
    held: dict[Lane, list[LaneRange]] | None


def receipted_lanes(receipt: DeliveryReceipt, lanes: Collection[Lane]) -> list[Lane]:
    """The lanes for which this receipt counts: the batch's, or all named if it was empty."""
    if lanes:
        return sorted(lanes)
    named = {*receipt.upto, *(wire for wire, _, _ in receipt.missing)}
    return [lane for lane in Lane if lane.wire in named]


def judge_receipt(
    receipt: DeliveryReceipt,
    *,
    epoch: str,
    lanes: Collection[Lane],
    position: Mapping[Lane, int],
    heads: Mapping[Lane, int],
    beside: Iterable[LaneRange] = (),
    again: bool = False,
) -> ReceiptVerdict:
    """The verdict on a receipt; BadReceipt if it cannot be true.

    `lanes`: of the batch. `position`: what was receipted when it left. `heads`: the last numbers
    issued. `beside`: the ranges in flight at the same time, which it need not cover. `again`: the
    batch held only numbers below the watermark.
    """
    if receipt.epoch != epoch:
        raise BadReceipt(OTHER_EPOCH, got=receipt.epoch, epoch=epoch)
    spoken = receipted_lanes(receipt, lanes)
    missing = _ranges(receipt.missing, spoken, heads)
    held = None if receipt.held is None else _held(receipt, spoken, heads)
    upto: dict[Lane, int] = {}
    doubted: list[LaneRange] = []
    for lane in spoken:
        before, got = position.get(lane, 0), receipt.upto.get(lane.wire)
        if got is None:
            continue
        if not 0 <= got <= heads.get(lane, 0):
            raise BadReceipt(FUTURE, lane=lane.wire, got=got, issued=heads.get(lane, 0))
        if got > before:
            upto[lane] = got
        elif got < before and held is not None:
            missing += _between(held[lane], lane, got + 1, before)
        elif got < before and not _explains(missing, lane, got):
            if lanes and not again:
                raise BadReceipt(BACKWARDS, lane=lane.wire, got=got, receipted=before)
            doubted.append(LaneRange(lane, got + 1, before))
    holed = {hole.lane for hole in missing}
    if held is not None:  # ranges missing above the watermark are sent anyway
        missing = [
            hole._replace(last=min(hole.last, position.get(hole.lane, 0)))
            for hole in missing
            if hole.first <= position.get(hole.lane, 0)
        ]
    missing, doubted = _without(missing, beside), _without(doubted, beside)
    return ReceiptVerdict(upto, missing, doubted, holed, receipt.rejected, held)


def _held(
    receipt: DeliveryReceipt, lanes: Collection[Lane], heads: Mapping[Lane, int]
) -> dict[Lane, list[LaneRange]]:
    held: dict[Lane, list[LaneRange]] = {lane: [] for lane in lanes}
    for each in _ranges(receipt.held or (), lanes, heads):
        # A range right above the watermark should be part of it, and is ignored.
        if each.first > receipt.upto.get(each.lane.wire, 0) + 1:
            held[each.lane].append(each)
    return held


def _ranges(
    told: Iterable[tuple[str, int, int]], lanes: Collection[Lane], heads: Mapping[Lane, int]
) -> list[LaneRange]:
    names = {lane.wire: lane for lane in lanes}
    ranges = [
        LaneRange(names[wire], first, last)
        for wire, first, last in list(told)[:RANGES_MAX]
        if wire in names
    ]
    for lane, first, last in ranges:
        if not 1 <= first <= last <= heads.get(lane, 0):
            raise BadReceipt(FUTURE, lane=lane.wire, got=[first, last], issued=heads.get(lane, 0))
    return ranges


def _between(held: Iterable[LaneRange], lane: Lane, first: int, last: int) -> Iterator[LaneRange]:
    known = NumberRanges((each.first, each.last) for each in held)
    return (LaneRange(lane, *hole) for hole in known.holes(first, last))


def _without(ranges: Iterable[LaneRange], beside: Iterable[LaneRange]) -> list[LaneRange]:
    others = list(beside)
    return [
        hole
        for lane, first, last in ranges
        for hole in _between([each for each in others if each.lane == lane], lane, first, last)
    ]


def _explains(missing: list[LaneRange], lane: Lane, upto: int) -> bool:
    # A platform that lost its store, or is new, is below our position and names the numbers that
    # it wants: a request, not a contradiction.
    return any(hole.lane == lane and hole.first == upto + 1 for hole in missing)
