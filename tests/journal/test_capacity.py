"""How long the quota lasts: the estimate against a journal that is really filled."""

import itertools
import math

import pytest

from gateway.event import Lane
from gateway.journal import JournalOptions
from gateway.journal.append_request import AppendRequest
from gateway.journal.capacity import LaneRate, outage_days, stored_bytes_per_s
from gateway.journal.options import PAGE_BYTES
from tests.bench.test_bench_journal import bodies
from tests.sim.journal import open_core, several


@pytest.mark.slow
@pytest.mark.parametrize("per_s", [1, 5, 20, 100])
def test_readings_take_what_the_estimate_says(tmp_path, per_s):
    core = open_core(tmp_path / "journal.db", retaining=("district",))
    before = core._db.pages - core._db.free_pages
    source = bodies()
    seconds = 4_000 // per_s
    for _ in range(seconds):
        pack = tuple((Lane.TELEMETRY, body) for body in itertools.islice(source, per_s))
        core.commit([AppendRequest(pack)])
        core.chore(idle=False)
    grown = (core._db.pages - core._db.free_pages - before) * PAGE_BYTES
    core.abandon()
    estimate = stored_bytes_per_s(Lane.TELEMETRY, LaneRate(per_s, 203)) * seconds
    assert 0.75 <= grown / estimate <= 1.25


def test_entries_that_stand_alone_do_so_too(tmp_path):
    core = open_core(tmp_path / "journal.db", retaining=("district",))
    before = core._db.pages
    for _ in range(40):
        core.commit([several(Lane.SERVICE, 100, 170)])
        core.chore(idle=False)
    each = core.tables[Lane.SERVICE].total / 4_000 - 24
    grown = (core._db.pages - before) * PAGE_BYTES
    core.abandon()
    estimate = stored_bytes_per_s(Lane.SERVICE, LaneRate(1, each)) * 4_000
    assert 0.85 <= grown / estimate <= 1.15


def test_days_scale_with_the_quota_and_are_without_end_at_rest():
    rates = {Lane.TELEMETRY: LaneRate(4), Lane.ALARM: LaneRate(0.001, 500)}
    small, large = JournalOptions(quota_mb=128), JournalOptions(quota_mb=252)
    assert outage_days(large, rates) == pytest.approx(2 * outage_days(small, rates))
    assert outage_days(large, {}) == math.inf
