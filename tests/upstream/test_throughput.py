"""What a road carries, learnt from batches over roads whose figures are known."""

import itertools

import pytest

from gateway.upstream.feed.throughput import (
    ANSWER_S,
    FLIGHTS_MAX,
    SLOW_BELOW,
    TARGET_S,
    UplinkThroughput,
)
from gateway.upstream.uplinks.contract import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX

RAW, PACKED = 360, 200  # of one event
HEADERS = 700  # of a request and its answer


class Known:
    """A road of so many bytes a second to a platform that takes its time."""

    def __init__(
        self,
        bps: float,
        platform_s: float,
        *,
        empty_s: float | None = None,
        packed: int = PACKED,
    ) -> None:
        self.packed = packed
        self.now_s = 0.0
        self.bps = bps
        self.platform_s = platform_s
        self.empty_s = platform_s if empty_s is None else empty_s
        self.throughput = UplinkThroughput(lambda: round(self.now_s * 1e9))
        self.send(0)

    @property
    def entries(self) -> int:
        return min(BATCH_ENTRIES_MAX, max(1, self.throughput.raw_max // RAW))

    def send(self, entries: int) -> float:
        """A batch in time or not; how long it took."""
        raw, payload = entries * RAW, entries * self.packed
        flights = self.throughput.flights if entries else 1
        took_s = (payload * flights + HEADERS) / self.bps
        took_s += self.platform_s if entries else self.empty_s
        self.now_s += min(took_s, self.throughput.answer_s(raw))
        if took_s > self.throughput.answer_s(raw):
            self.throughput.on_stalled(raw)
        else:
            self.throughput.on_landed(
                entries=entries,
                full=entries == BATCH_ENTRIES_MAX,
                raw=raw,
                payload=payload,
                took_s=took_s,
                beside=flights - 1,
            )
        return took_s

    def settle(self) -> None:
        for _ in range(60):
            self.send(self.entries)


@pytest.mark.parametrize("bps", [300, 1_000, 1_500, 5_000])
@pytest.mark.parametrize("platform_s", [0.05, 2.0])
def test_a_batch_is_what_a_slow_wire_carries_in_three_seconds(bps, platform_s):
    known = Known(bps, platform_s)
    known.settle()
    took_s = [known.entries * PACKED / bps for _ in range(20) if known.send(known.entries)]
    assert TARGET_S * 0.4 < sum(took_s) / len(took_s) < TARGET_S * 1.7
    assert known.throughput.slow
    assert known.throughput.flights == 1


@pytest.mark.parametrize("platform_s", [1.0, 2.0, 2.6, 5.0, 12.0])
@pytest.mark.parametrize("empty_s", [0.01, None])
def test_a_slow_platform_gets_full_batches_and_several_at_once(platform_s, empty_s):
    known = Known(1_000_000, platform_s, empty_s=empty_s)
    known.settle()
    assert known.entries == BATCH_ENTRIES_MAX
    assert known.throughput.flights == FLIGHTS_MAX
    assert not known.throughput.slow


def test_a_quick_road_gets_full_batches_one_at_a_time():
    known = Known(1_000_000, 0.02)
    known.settle()
    assert known.throughput.raw_max == BATCH_BYTES_MAX
    assert known.throughput.flights == 1
    assert known.throughput.rate > SLOW_BELOW


@pytest.mark.parametrize("packed", [5, 20, 200])
def test_events_that_pack_well_travel_by_the_hundred_after_a_few_batches(packed):
    known = Known(1_000_000, 0.02, packed=packed)
    sent = [known.entries for _ in range(4) if known.send(known.entries)]
    assert sent[-1] == BATCH_ENTRIES_MAX


def test_a_road_that_becomes_slow_is_found_by_halving_and_one_that_recovers_by_creeping():
    known = Known(100_000, 0.05)
    known.settle()
    known.bps = 300
    late = 0
    for _ in range(30):
        late += known.send(known.entries) > ANSWER_S * 2
    assert late <= 8
    assert known.entries * PACKED / 300 < 2 * TARGET_S
    known.bps = 100_000
    grown = []
    for _ in range(40):
        grown.append(known.entries)
        known.send(known.entries)
    assert grown[-1] == BATCH_ENTRIES_MAX
    assert all(after <= 2 * before + 1 for before, after in itertools.pairwise(grown))


def test_a_single_event_that_needs_minutes_gets_them():
    known = Known(300, 0.05)
    raw, payload = 200_000, 60_000
    for _ in range(20):
        allowed_s = known.throughput.answer_s(raw)
        if allowed_s >= payload / known.bps:
            break
        known.throughput.on_stalled(raw)
    assert payload / known.bps <= allowed_s < 3_600


def test_a_small_batch_without_an_answer_says_nothing_of_size():
    known = Known(100_000, 0.05)
    known.settle()
    before = known.throughput.raw_max
    for _ in range(50):
        known.throughput.on_stalled(400)
        known.throughput.on_preempted(400, 20.0)
    assert known.throughput.raw_max == before


def test_what_held_up_an_alarm_is_taken_for_what_the_wire_carries():
    known = Known(100_000, 0.05)
    known.settle()
    known.throughput.on_preempted(36_000, 6.0)
    assert known.throughput.slow
    assert known.entries < BATCH_ENTRIES_MAX
