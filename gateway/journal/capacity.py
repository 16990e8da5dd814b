"""How long the quota lasts when nothing is receipted. Pure."""

from collections.abc import Mapping

import msgspec

from gateway.event import Lane
from gateway.journal.options import MIB, JournalOptions

_DAY_S = 86_400
_PACKED_SHARE = 0.17
# A commit of packed readings takes this much, plus this share of their size (`./dev bench`).
_PACK_BYTES = 135

_ROW_BYTES = 28
# How full pages get.
_FILLED = 0.85


class LaneRate(msgspec.Struct, frozen=True):
    """The input of one lane: events per second, and the mean size of their bodies."""

    per_s: float
    bytes_each: float = 300.0


def stored_bytes_per_s(lane: Lane, rate: LaneRate, linger_s: float = 1.0) -> float:
    """Growth of the file; readings that arrive within `linger_s` are packed together."""
    if lane is not Lane.TELEMETRY:
        return rate.per_s * (rate.bytes_each + _ROW_BYTES) / _FILLED
    packs_per_s = min(rate.per_s, 1.0 / linger_s)
    packed = rate.per_s * rate.bytes_each * _PACKED_SHARE
    return (packs_per_s * _PACK_BYTES + packed) / _FILLED


def outage_days(options: JournalOptions, rates: Mapping[Lane, LaneRate]) -> float:
    """Days without a platform until the oldest entry is evicted; infinite without input."""
    grows = sum(stored_bytes_per_s(lane, rate) for lane, rate in rates.items())
    room = (options.quota_mb - options.reserve_mb) * MIB
    return room / grows / _DAY_S if grows else float("inf")
