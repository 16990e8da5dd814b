"""Who gives way when the file is full, and that every number stays accounted for."""

import json
import random

import pytest

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import JournalOptions, lane_rows
from gateway.journal.append_request import AppendRequest
from gateway.journal.options import MIB, PAGE_BYTES
from tests.sim.journal import one, open_core, read_all, several

ROOMY = {"E": Lane.EMERGENCY, "A": Lane.ALARM, "S": Lane.SERVICE, "T": Lane.TELEMETRY}
UPLINK = "district"


@pytest.fixture
def core():
    core = open_core(None, options=JournalOptions(volatile_mb=2), retaining=(UPLINK,))
    yield core
    core.abandon()


def stored(core, lane):
    """The numbers that are there, and those in gaps, as a follower at 0 reads them."""
    entries = read_all(core, lane)
    there = [e.seq for e in entries if e.gap_from is None]
    gone = [n for e in entries if e.gap_from is not None for n in range(e.gap_from, e.seq + 1)]
    assert sorted(there + gone) == list(range(1, core.heads()[lane] + 1))
    return there, gone


def fill(core, lane, kib, receipted):
    """Entries of about one KiB each; readings that no compression makes smaller."""
    for _ in range(kib // 16):
        bodies = tuple((lane, noise(core, lane, n)) for n in range(16))
        core.commit([AppendRequest(bodies)])
    if receipted:
        core.positions.advance({UPLINK: {lane: core.heads()[lane]}})


def noise(core, lane, n):
    """A body that no compression makes much smaller."""
    return json.dumps({"n": n, "x": random.Random(n).randbytes(450).hex()})[1:].encode()


@pytest.mark.parametrize(
    ("there", "goes", "with_gap"),
    [
        ("T+ S+ A+ E+", "T", False),
        ("S+ A+ E+ T-", "S", False),
        ("A+ E+ T- S-", "A", False),
        ("E+ T- S- A-", "T", True),
        ("E+ S- A-", "S", True),
        ("E+ A-", "A", True),  # far more than their quarter
    ],
)
def test_the_order_of_giving_way(core, there, goes, with_gap):
    lanes = there.split()
    for lane in lanes:
        fill(core, ROOMY[lane[0]], 1_600 // len(lanes), receipted=lane[1] == "+")
    core._quota.limit(core._db.pages)
    heads = core.heads()
    for n in range(300):
        if any(_oldest(core, lane) != 1 for lane in Lane if heads[lane]):
            break
        assert not isinstance(core.commit([one(Lane.EMERGENCY, n, 600)])[0], JournalFull)
    moved = {name for name, lane in ROOMY.items() if heads[lane] and _oldest(core, lane) != 1}
    assert moved == {goes}
    assert (core.measure().lost > 0) is with_gap


def _oldest(core, lane):
    first = next(core.tables[lane].rows(0), None)
    if first is None:
        return 0
    return first.first if first.form != lane_rows.GAP else first.seq


def test_alarms_within_their_quarter_stay_and_readings_are_refused(core):
    fill(core, Lane.ALARM, 300, receipted=False)
    core._quota.limit(core._db.pages)
    assert isinstance(core.commit([several(Lane.TELEMETRY, 50, 900)])[0], JournalFull)
    assert stored(core, Lane.ALARM)[1] == []


def test_an_emergency_is_never_refused_not_even_by_emergencies(core):
    outcomes = [core.commit([one(Lane.EMERGENCY, n, 3_000)])[0] for n in range(2_000)]
    assert not any(isinstance(outcome, JournalFull) for outcome in outcomes)
    there, gone = stored(core, Lane.EMERGENCY)
    assert there[-1] == 2_000
    assert gone == list(range(1, there[0]))
    assert core.measure().lost == len(gone)


def test_an_unreceipted_emergency_gives_way_to_nothing_less(core):
    fill(core, Lane.EMERGENCY, 1_900, receipted=False)
    core._quota.limit(core._db.pages)
    outcome = core.commit([several(Lane.ALARM, 100, 900)])[0]
    assert isinstance(outcome, JournalFull)
    assert stored(core, Lane.EMERGENCY)[1] == []


def test_gaps_merge_and_are_kept_until_receipted(core):
    for n in range(3_000):
        core.commit([one(Lane.SERVICE, n, 1_500)])
    table = core.tables[Lane.SERVICE]
    gaps = [row for row in table.rows(0) if row.form == lane_rows.GAP]
    assert [row.first for row in gaps] == [1]
    assert core.measure().lost == gaps[0].seq
    core.positions.advance({UPLINK: {Lane.SERVICE: gaps[0].seq}})
    for n in range(1_200):
        core.commit([one(Lane.SERVICE, n, 1_500)])
    assert next(table.rows(0)).form == lane_rows.GAP
    assert next(table.rows(0)).first == gaps[0].seq + 1


def test_a_reader_who_has_part_of_the_range_is_told_of_the_rest(core):
    for n in range(3_000):
        core.commit([one(Lane.SERVICE, n, 1_500)])
    gap = core.read(Lane.SERVICE, 7, 1)[0]
    assert gap.gap_from == 8
    assert json.loads(b"{" + gap.body)["data"]["from"] == 8
    assert json.loads(b"{" + gap.body)["data"]["to"] == gap.seq


def test_what_is_receipted_in_part_is_lost_only_in_the_rest(core):
    fill(core, Lane.TELEMETRY, 1_600, receipted=False)
    core.positions.advance({UPLINK: {Lane.TELEMETRY: 10}})
    core._quota.limit(core._db.pages)
    while not core.measure().lost:
        core.commit([one(Lane.ALARM, 1, 900)])
    gap = next(core.tables[Lane.TELEMETRY].rows(0))
    assert (gap.form, gap.first) == (lane_rows.GAP, 11)
    assert core.measure().lost == gap.seq - 10


def test_an_eviction_takes_the_positions_along(tmp_path):
    """Else a crash would bring back a position from before it, which would then see a hole."""
    path = tmp_path / "journal.db"
    core = open_core(path, options=JournalOptions(quota_mb=16, reserve_mb=0), retaining=(UPLINK,))
    fill(core, Lane.SERVICE, 320, receipted=True)
    core._quota.limit(core._db.pages)
    core.positions._moved = 1  # not yet worth a write of its own
    core._clock.advance(1)
    core.positions.mark_saved(core._clock.now_ns())
    core.positions._moved = 1
    core.commit([one(Lane.ALARM, 1, 30_000)])
    core.abandon()
    core = open_core(path, retaining=(UPLINK,))
    assert core.positions[UPLINK][Lane.SERVICE] == 320
    core.abandon()


def test_a_removed_follower_holds_nothing_any_more(tmp_path):
    path = tmp_path / "journal.db"
    core = open_core(path, retaining=("a", "b"))
    core.commit([several(Lane.SERVICE, 10)])
    core.close({"a": {Lane.SERVICE: 9}, "b": {Lane.SERVICE: 4}})
    core = open_core(path, retaining=("a",))
    assert core.positions.floor(Lane.SERVICE, 10) == 9
    core.commit([one(Lane.SERVICE, 0)])
    core.abandon()
    core = open_core(path)
    assert core.positions.names() == ["a"]
    core.abandon()


@pytest.mark.slow
def test_the_file_stays_within_its_quota(tmp_path):
    path = tmp_path / "journal.db"
    core = open_core(path, options=JournalOptions(quota_mb=16, reserve_mb=1), retaining=(UPLINK,))
    core.chore(idle=True)
    for n in range(24):
        fill(core, Lane.SERVICE, 1_024, receipted=n % 2 == 0)
        while core.chore(idle=True):
            pass
    assert path.stat().st_size <= 16 * MIB
    assert core._db.pages * PAGE_BYTES <= 16 * MIB
    stored(core, Lane.SERVICE)
    core.abandon()


def test_the_alarms_quarter_is_a_quarter(core):
    fill(core, Lane.ALARM, 1_000, receipted=False)
    core._quota.limit(core._db.pages)
    for n in range(1_000):
        core.commit([one(Lane.EMERGENCY, n, 900)])
    kept = core.tables[Lane.ALARM].bytes_stored()
    assert 2 * MIB // 4 - 300 * 1024 < kept <= 2 * MIB // 4
    stored(core, Lane.ALARM)
