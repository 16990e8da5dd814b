"""Is this receipt one that we can believe? Pure.

A receipt speaks for the lanes of the batch that it answers. What it says may never contradict
what the journal has issued or what the platform has receipted before: then nothing moves, and the
contradiction is named.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from gateway.errors import BadReceipt
from gateway.event import Lane
from gateway.upstream.uplinks.contract import Receipt, Rejection

MISSING_RANGES_MAX = 64

NO_RECEIPT = "upstream.no-receipt"
OTHER_EPOCH = "upstream.receipt-epoch"
FUTURE = "upstream.receipt-future"
BACKWARDS = "upstream.receipt-backwards"
STUCK = "upstream.receipt-stuck"

_decoder = msgspec.json.Decoder(Receipt)


class Range(NamedTuple):
    """Numbers `first` to `last` of one lane."""

    lane: Lane
    first: int
    last: int

    def overlaps(self, other: "Range") -> bool:
        """Whether both name a number."""
        return self.lane == other.lane and self.first <= other.last and other.first <= self.last


class Verdict(NamedTuple):
    """A receipt that holds: new watermarks (only those that moved), holes and rejections."""

    upto: dict[Lane, int]
    missing: list[Range]
    rejected: list[Rejection]


def decode(body: bytes) -> Receipt:
    """The receipt in an answer's body; BadReceipt if there is none."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReceipt(NO_RECEIPT, reason=str(error)) from error


def judge(
    receipt: Receipt,
    *,
    epoch: str,
    lanes: Collection[Lane],
    position: Mapping[Lane, int],
    heads: Mapping[Lane, int],
) -> Verdict:
    """What the receipt settles; BadReceipt if it cannot be true.

    `position` is what was receipted before, `heads` the last number issued.
    """
    if receipt.epoch != epoch:
        raise BadReceipt(OTHER_EPOCH, got=receipt.epoch, epoch=epoch)
    missing = _missing(receipt, lanes, heads)
    upto: dict[Lane, int] = {}
    for lane in lanes:
        before, got = position.get(lane, 0), receipt.upto.get(lane.wire)
        if got is None:
            continue
        if got > heads.get(lane, 0):
            raise BadReceipt(FUTURE, lane=lane.wire, got=got, issued=heads.get(lane, 0))
        if got < before and not _explains(missing, lane, got):
            raise BadReceipt(BACKWARDS, lane=lane.wire, got=got, receipted=before)
        if got > before:
            upto[lane] = got
    return Verdict(upto, missing, receipt.rejected)


def _missing(receipt: Receipt, lanes: Collection[Lane], heads: Mapping[Lane, int]) -> list[Range]:
    names = {lane.wire: lane for lane in lanes}
    ranges = [
        Range(names[wire], first, last)
        for wire, first, last in receipt.missing[:MISSING_RANGES_MAX]
        if wire in names
    ]
    for lane, first, last in ranges:
        if not 1 <= first <= last <= heads.get(lane, 0):
            raise BadReceipt(FUTURE, lane=lane.wire, got=[first, last], issued=heads.get(lane, 0))
    return ranges


def _explains(missing: list[Range], lane: Lane, upto: int) -> bool:
    # A platform that lost its store, or is new, stands below our position and says which numbers
    # it wants: that is a request, not a contradiction.
    return any(hole.lane == lane and hole.first == upto + 1 for hole in missing)
