"""What a damaged file still holds, and how it comes over into a new journal."""

import contextlib
import json
import os
import random
import shutil
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import JournalDamaged, JournalFailed, JournalFull
from gateway.event import Lane
from gateway.journal import (
    Journal,
    JournalOptions,
    StateChange,
    core_factory,
    events,
    has_stored_row,
    salvage,
    wrecks,
)
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.inspection import JournalAtRest
from gateway.journal.lane_rows import GAP
from gateway.journal.lock import JournalLock
from gateway.journal.options import PAGE_BYTES
from gateway.journal.preallocation import wal_path
from gateway.journal.salvage import Wreck, _row
from gateway.journal.sqlite_pages import SqlitePages
from gateway.journal.stored_state import (
    SET_ASIDE_MAX,
    list_set_aside,
    report_spoilt,
    set_aside_spoilt,
)
from gateway.journal.wal_frames import FRAME_BYTES, WalFrames
from gateway.journal.wreck_import import FULL_NS, WreckImporter
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, body, bring_over, one, open_core, read_all, several

UPLINK = "district"
OPTIONS = JournalOptions(quota_mb=64, reserve_mb=1)


def written(path, count=25_000):
    """A journal of many rows, its last ones only in the log; `numbers` is what it holds."""
    core = open_core(path, options=OPTIONS, retaining=(UPLINK,))
    core.chore(idle=True)
    for start in range(0, count, 500):
        core.commit(
            [AppendRequest(tuple((Lane.SERVICE, body(Lane.SERVICE, n, 120)) for n in range(500)))]
        )
        core.commit([several(Lane.TELEMETRY, 60), one(Lane.ALARM, start, 3_000)])
        core.commit([AppendRequest((), (StateChange("room", f"k{start // 500}", b"old"),))])
        core.commit([AppendRequest((), (StateChange("room", f"k{start // 500}", b"%d" % start),))])
        core.chore(idle=False)
    return core


def rows_of(path, epoch):
    wreck = Wreck(path, epoch)
    found = {(lane, row.seq) for lane in Lane for row in wreck.rows(lane)}
    wreck.close()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A journal as a crash left it: file and log."""
    directory = tmp_path_factory.mktemp("whole")
    core = written(directory / "journal.db")
    copy = directory / "copy"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(directory / name, copy / name)
    rows = {(lane, row.seq) for lane in Lane for row in core.tables[lane].rows(0)}
    epoch = core.epoch
    core.abandon()
    return copy, epoch, rows


@pytest.fixture
def wreck(whole, tmp_path):
    directory, epoch, rows = whole
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(directory / name, tmp_path / name)
    return tmp_path / "journal.db", epoch, rows


def damage(path, at, length, seed):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(seed).randbytes(length))


def test_an_undamaged_file_gives_everything(wreck):
    path, epoch, rows = wreck
    assert rows_of(path, epoch) == rows
    found = Wreck(path, epoch)
    assert found.states[("room", "k3")] == b"1500"
    found.close()


def test_without_the_first_pages_the_lock_file_s_epoch_serves(wreck):
    path, epoch, rows = wreck
    damage(path, 0, 4_096, 1)
    assert len(rows_of(path, epoch)) >= 0.999 * len(rows)


def test_without_the_lock_file_the_table_of_the_epoch_serves(wreck):
    path, _, rows = wreck
    assert rows_of(path, None) == rows


def test_with_neither_nothing_is_believed(wreck):
    path, _, _ = wreck
    damage(path, 0, 64 * PAGE_BYTES, 1)
    path.with_name("journal.db-wal").unlink()
    assert rows_of(path, None) == set()


@pytest.mark.parametrize("seed", range(6))
def test_of_the_rows_behind_four_kib_of_damage_999_in_1000_are_saved(wreck, seed):
    path, epoch, rows = wreck
    size = path.stat().st_size
    damage(path, random.Random(seed).randrange(0, size - 4_096), 4_096, seed)
    found = rows_of(path, epoch)
    assert found <= rows
    assert len(found) >= 0.999 * len(rows)


FRAME_OF_A_PAGE_THAT_CANNOT_BE = b"\0" * 32 + b"\xff" * 4 + b"\0\0\0\1" + b"\0" * (16 + PAGE_BYTES)


@given(st.binary(max_size=4 * PAGE_BYTES), st.binary(max_size=2 * PAGE_BYTES))
@example(b"", FRAME_OF_A_PAGE_THAT_CANNOT_BE)
def test_garbage_never_raises(tmp_path_factory, file, log):
    path = tmp_path_factory.mktemp("garbage") / "journal.db"
    path.write_bytes(file)
    path.with_name("journal.db-wal").write_bytes(log)
    assert rows_of(path, "0123456789abcdef") == set()


@given(st.data())
def test_a_page_of_garbage_cells_never_raises(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cells") / "journal.db"
    cells = data.draw(st.lists(st.integers(0, 2_000), min_size=1, max_size=20))
    head = b"\x0d\0\0" + len(cells).to_bytes(2) + b"\0\0\0"
    page = head + b"".join(cell.to_bytes(2) for cell in cells)
    page += data.draw(st.binary(min_size=900, max_size=900))
    path.write_bytes(b"\0" * PAGE_BYTES + page[:PAGE_BYTES].ljust(PAGE_BYTES, b"\xff"))
    pages = SqlitePages(path)
    for _, leaf in pages.leaves(1, pages.sheets):
        list(pages.records(leaf))
    pages.close()


def reopened(directory, retaining=(UPLINK,)):
    return core_factory.open_core(
        directory, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=retaining
    )


def prepared(directory, receipted):
    """A closed journal of ten service entries, `receipted` of them receipted, and one state."""
    core = reopened(directory)
    core.commit([several(Lane.SERVICE, 10, 900), one(Lane.EMERGENCY, 1)])
    core.commit([AppendRequest((), (StateChange("alarm", "a-1", b"open"),))])
    core.close({UPLINK: {Lane.SERVICE: receipted}})
    return core.epoch


def test_what_nobody_has_receipted_comes_over_under_a_new_epoch(tmp_path):
    epoch = prepared(tmp_path, receipted=4)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    assert core.epoch != epoch
    assert core.load("alarm") == {"a-1": b"open"}
    assert core.carrier.remains.entries == 7
    bring_over(core)
    assert core.carrier.remains.entries == 0
    entries = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert [e["formerid"] for e in entries] == [
        f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)
    ]
    assert [e["n"] for e in entries] == list(range(4, 10))
    told = [json.loads(b"{" + e.body) for e in read_all(core, Lane.ALARM)]
    assert [each["type"] for each in told] == 2 * ["cn.yizhan.feed.epoch.v1"]
    assert [each["data"] for each in told] == [
        {"former": epoch, "why": events.RECOVERING},
        {
            "former": epoch,
            "why": events.SALVAGED,
            "last": {"emergency": 1, "service": 10},
            "salvaged": 7,
        },
    ]
    core.close()
    again = reopened(tmp_path)
    assert again.epoch == core.epoch
    assert bring_over(again) == []
    again.close()


def test_the_wreck_is_kept_until_what_came_over_is_receipted(tmp_path):
    epoch = prepared(tmp_path, receipted=4)
    damage(tmp_path / "journal.db", 0, 100, 1)
    core = reopened(tmp_path)
    wreck = wrecks.wreck_path(tmp_path, epoch)
    bring_over(core)
    assert wreck.exists()
    almost = {**core.heads(), Lane.SERVICE: core.heads()[Lane.SERVICE] - 1}
    bring_over(core, {UPLINK: almost})
    assert wreck.exists()
    bring_over(core, {UPLINK: core.heads()})
    assert not wreck.exists()
    assert not wal_path(wreck).exists()
    assert core.carrier.remains == (0, 0)
    assert core.carrier.step({}).pause_ns is None
    core.close()
    core = reopened(tmp_path)
    assert wrecks.decode_progress(core.load(wrecks.ROOM)) == {}
    assert core.carrier.step({}).pause_ns is None
    core.close()


def test_numbers_that_are_gone_are_told_as_gaps_of_the_former_epoch(tmp_path):
    epoch = prepared(tmp_path, receipted=2)
    file = (tmp_path / "journal.db").read_bytes()
    at = file.index(body(Lane.SERVICE, 5, 900))
    damage(tmp_path / "journal.db", at, 8, 2)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    bring_over(core)
    entries = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    gaps = [e["data"] for e in entries if e.get("type") == "cn.yizhan.feed.gap.v1"]
    assert gaps == [{"lane": "service", "from": 6, "to": 6, "why": events.DAMAGED, "epoch": epoch}]
    core.close()


def test_damage_met_while_running_is_salvaged_at_the_next_start(tmp_path):
    core = reopened(tmp_path)
    core.commit([several(Lane.SERVICE, 200, 500)])
    core.close()
    core = reopened(tmp_path)
    root = core._db.run("SELECT rootpage FROM sqlite_schema WHERE name='service'").fetchone()[0]
    core.close()
    damage(tmp_path / "journal.db", (root - 1) * PAGE_BYTES, PAGE_BYTES, 3)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    bring_over(core)
    assert core.heads()[Lane.SERVICE] == 200
    core.close()


@pytest.mark.parametrize("brought", [0, 1, 3])
def test_damage_again_before_all_has_come_over_loses_and_repeats_nothing(tmp_path, brought):
    """`brought` steps take place between one damage and the next."""
    written = []
    for seed in range(5):
        core = reopened(tmp_path)
        for _ in range(brought):
            core.carrier.step({})
        core.commit([one(Lane.SERVICE, seed), one(Lane.EMERGENCY, seed)])
        written.append(seed)
        core.close()
        damage(tmp_path / "journal.db", 0, 100, seed)
    core = reopened(tmp_path)
    bring_over(core)
    for lane in (Lane.SERVICE, Lane.EMERGENCY):
        assert sorted(json.loads(b"{" + e.body)["n"] for e in read_all(core, lane)) == written
    bring_over(core, {UPLINK: core.heads()})
    core.close()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"journal.db", "journal.db-wal", "journal.lock"}


def test_ever_more_wrecks_are_a_card_that_is_dying(tmp_path):
    for seed in range(wrecks.WRECKS_MAX + 1):
        core = reopened(tmp_path)
        core.commit([one(Lane.SERVICE, seed)])
        core.close()
        damage(tmp_path / "journal.db", 0, 100, seed)
    with pytest.raises(JournalFailed, match="8 damaged journals"):
        reopened(tmp_path)
    assert len(wrecks.find_wrecks(tmp_path)) == wrecks.WRECKS_MAX


def test_who_moves_twice_says_where_it_was_first():
    moved = events.renumber_event(
        events.renumber_event(b'"a":1}', "s:a:service:1"), "s:b:service:2"
    )
    assert json.loads(b"{" + moved) == {
        "a": 1, "formerid": "s:b:service:2", "originid": "s:a:service:1",
    }  # fmt: skip
    again = events.renumber_event(moved, "s:c:service:3")
    assert json.loads(b"{" + again)["originid"] == "s:a:service:1"
    assert again.count(b"formerid") == again.count(b"originid") == 1


def test_a_salvage_cut_off_at_any_step_loses_nothing(tmp_path, monkeypatch):
    """Every rename and unlink of the exchange is one step; the power fails before each."""
    for step in range(20):
        directory = tmp_path / f"{step}"
        directory.mkdir()
        epoch = prepared(directory, receipted=4)
        damage(directory / "journal.db", 0, 100, 1)
        (directory / "journal.db-wal").unlink()
        with monkeypatch.context() as patch:
            if not _cut_off(patch, step, directory):
                break
        core = reopened(directory)
        bring_over(core)
        ids = [json.loads(b"{" + e.body).get("formerid") for e in read_all(core, Lane.SERVICE)]
        assert ids == [f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)], step
        assert core.load("alarm") == {"a-1": b"open"}
        core.close()
    assert step >= 6


def test_a_kill_between_any_two_steps_repeats_and_forgets_nothing(tmp_path):
    epoch = prepared(tmp_path, receipted=4)
    damage(tmp_path / "journal.db", 0, 100, 1)
    steps, more = 0, True
    while more:
        core = reopened(tmp_path)
        more = core.carrier.step({}).pause_ns < FULL_NS or core.carrier.remains.entries > 0
        steps += 1
        core.abandon()  # as a kill does
    assert steps > 3
    core = reopened(tmp_path)
    ids = [json.loads(b"{" + e.body).get("formerid") for e in read_all(core, Lane.SERVICE)]
    assert ids == [f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)]
    core.close()


def test_where_there_is_no_room_the_rest_waits_for_receipts(tmp_path):
    core = reopened(tmp_path)
    for n in range(1_000):
        core.commit([one(Lane.SERVICE, n, 2_000)])
        core.chore(idle=False)
    core.close()
    damage(tmp_path / "journal.db", 0, 100, 1)
    core = reopened(tmp_path)
    core._owned = lambda blocks, pages, wanted: 0  # the disk gives no more
    core._checkpoint()
    core._quota.limit(600)
    told = []
    for _ in range(40):
        bring_over(core)
        for entry in read_all(core, Lane.SERVICE, after=len(told)):
            assert entry.gap_from is None
            told.append(json.loads(b"{" + entry.body)["n"])
        assert core._db.pages <= 600
        if not core.carrier.remains.entries:
            break
        bring_over(core, {UPLINK: core.heads()})
    assert told == list(range(1_000))
    assert core.measure().lost == 0
    core.close()


class PowerCut(BaseException):
    pass


def _cut_off(patch, step, directory):
    """Run the salvage until the step; False if it has fewer steps."""
    left = [step]

    def counted(real):
        def call(*args, **kwargs):
            if left[0] == 0:
                raise PowerCut
            left[0] -= 1
            return real(*args, **kwargs)

        return call

    for name in ("rename", "unlink"):
        patch.setattr(core_factory.Path, name, counted(getattr(core_factory.Path, name)))
    patch.setattr(os, "link", counted(os.link))
    try:
        reopened(directory).abandon()
    except PowerCut:
        return True
    return False


def test_a_lock_file_of_garbage_names_no_epoch(tmp_path):
    (tmp_path / "journal.lock").write_bytes(b"\xff\xfe garbage")
    lock = JournalLock(tmp_path)
    assert lock.epoch is None
    lock.close()


def test_damage_deep_in_the_tree_stops_the_run_and_is_salvaged_at_the_next(tmp_path):
    core = reopened(tmp_path)
    core.commit([several(Lane.SERVICE, 1_000, 500)])
    core.close()
    core = reopened(tmp_path)
    root = core._db.run("SELECT rootpage FROM sqlite_schema WHERE name='service'").fetchone()[0]
    core.close()
    (tmp_path / "journal.db-wal").unlink()
    path = tmp_path / "journal.db"
    with path.open("rb") as file:
        file.seek((root - 1) * PAGE_BYTES)
        children = file.read(PAGE_BYTES)
    assert children[0] == 5  # an interior page; its second cell's child is a leaf in the middle
    cell = int.from_bytes(children[14:16])
    child = int.from_bytes(children[cell : cell + 4])
    damage(path, (child - 1) * PAGE_BYTES, 16, 9)
    core = reopened(tmp_path)
    with pytest.raises(JournalDamaged):
        read_all(core, Lane.SERVICE)
    core.abandon()
    assert (tmp_path / "journal.db-damaged").exists()
    core = reopened(tmp_path)
    assert not (tmp_path / "journal.db-damaged").exists()
    bring_over(core)
    assert core.heads()[Lane.SERVICE] >= 990
    core.close()


def test_what_was_a_gap_before_is_one_again_and_much_comes_over(tmp_path):
    core = reopened(tmp_path)
    core._quota.limit(1_500)
    for n in range(1_200):
        core.commit([one(Lane.SERVICE, n, 2_000)])
    lost, epoch = core.measure().lost, core.epoch
    assert lost
    core.close()
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    bring_over(core)
    entries = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert entries[0]["data"] == {
        "lane": "service", "from": 1, "to": lost, "why": events.QUOTA, "epoch": epoch,
    }  # fmt: skip
    assert [e["n"] for e in entries[1:]] == list(range(lost, 1_200))
    core.close()


def test_a_salvage_that_fails_leaves_the_wreck_where_it_is(tmp_path, monkeypatch):
    prepared(tmp_path, receipted=0)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(core_factory, "_fill_states", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reopened(tmp_path)
    core = reopened(tmp_path)
    bring_over(core)
    assert core.heads()[Lane.SERVICE] == 10
    core.close()


def test_a_directory_in_the_way_is_a_failure_with_its_reason(tmp_path):
    prepared(tmp_path, receipted=0)
    (tmp_path / core_factory.NEXT).mkdir()
    with pytest.raises(JournalFailed):
        reopened(tmp_path)


def test_a_state_that_does_not_hold_is_left_behind(tmp_path):
    core = open_core(tmp_path / "journal.db")
    core.commit(
        [AppendRequest((), (StateChange("r", "good", b"1"), StateChange("r", "bad", b"1")))]
    )
    core._db.run("UPDATE state SET body = x'00' WHERE key = 'bad'")
    epoch = core.epoch
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert wreck.states == {("r", "good"): b"1"}
    wreck.close()


def test_a_long_record_is_read_from_its_chain_of_pages(tmp_path):
    core = open_core(tmp_path / "journal.db")
    long = bytes(range(256)) * 400
    core.commit([AppendRequest(((Lane.SERVICE, long), (Lane.SERVICE, long[:990])))])
    epoch = core.epoch
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert [row.body for row in wreck.rows(Lane.SERVICE)] == [long, long[:990]]
    wreck.close()


def test_what_gave_way_to_a_gap_does_not_come_back_from_its_pages(tmp_path):
    core = open_core(tmp_path / "journal.db", retaining=(UPLINK,))
    for _ in range(6):
        core.commit([several(Lane.SERVICE, 500, 900)])
    core._quota.limit(core._db.pages)
    core.commit([several(Lane.EMERGENCY, 100, 900)])
    first = next(core.tables[Lane.SERVICE].rows(0))
    assert first.form == GAP
    epoch = core.epoch
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    found = list(wreck.rows(Lane.SERVICE))
    assert found[0] == first
    assert [row.seq for row in found[1:]] == list(range(first.seq + 1, 3_001))
    wreck.close()


def test_state_that_was_deleted_does_not_come_back_from_its_pages(tmp_path):
    core = open_core(tmp_path / "journal.db")
    core.commit(
        [AppendRequest((), tuple(StateChange("r", f"k{n}", bytes(300)) for n in range(200)))]
    )
    core._checkpoint()
    core.commit([AppendRequest((), tuple(StateChange("r", f"k{n}", None) for n in range(1, 200)))])
    epoch = core.epoch
    core.close()
    for damaged in (False, True):
        if damaged:  # the tree does not serve any more: the pages are looked over
            root = _root_of(tmp_path / "journal.db", "state")
            damage(tmp_path / "journal.db", (root - 1) * PAGE_BYTES, 8, 1)
        wreck = Wreck(tmp_path / "journal.db", epoch)
        assert set(wreck.states) <= {("r", "k0")}
        wreck.close()


def _root_of(path, table):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
        return found.fetchone()[0]


def test_state_comes_whole_where_its_tree_is_damaged(tmp_path):
    core = open_core(tmp_path / "journal.db")
    states = {("r", f"k{n}"): b"%d" % n * 50 for n in range(500)}
    core.commit(
        [AppendRequest((), tuple(StateChange(*name, body) for name, body in states.items()))]
    )
    epoch = core.epoch
    core.close()
    root = _root_of(tmp_path / "journal.db", "state")
    damage(tmp_path / "journal.db", (root - 1) * PAGE_BYTES, PAGE_BYTES, 1)
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert wreck._states_by_tree(epoch) is None
    assert wreck.states == states
    wreck.close()


def killed(core, directory, target):
    """What a kill leaves of the journal in `directory`, as `target`."""
    target.mkdir()
    for name in ("journal.db", "journal.db-wal", "journal.lock"):
        shutil.copy(directory / name, target / name)
    core.abandon()


def _last_page(path, epoch, lane):
    pages = SqlitePages(path)
    found = {}
    for number, leaf in pages.leaves(1, pages.count):
        rows = filter(None, map(_row, pages.records(leaf)))
        found |= {row.seq: number for row in rows if row.holds(epoch, lane)}
    pages.close()
    return found[max(found)]


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
def test_a_lane_s_end_that_is_gone_is_in_a_gap(tmp_path, lane, closed):
    home = tmp_path / "home"
    core = reopened(home)
    for n in range(60):
        core.commit([one(lane, n, 300), one(Lane.SERVICE, n, 300)])
    core._checkpoint()
    core.commit(
        [AppendRequest((), (StateChange("r", "k", b"v"),))]
    )  # the log has nothing of the lane
    if closed:
        core.close()
    else:
        killed(core, home, tmp_path / "killed")
        home = tmp_path / "killed"
    path = home / "journal.db"
    damage(path, (_last_page(path, core.epoch, lane) - 1) * PAGE_BYTES, PAGE_BYTES, 1)
    core = reopened(home)
    bring_over(core)
    issued = 120 if lane is Lane.SERVICE else 60
    (told,) = (
        json.loads(b"{" + e.body)["data"]
        for e in read_all(core, Lane.ALARM)
        if events.SALVAGED.encode() in e.body
    )
    assert told["last"] == {"service": 60, lane.wire: issued}
    numbers = []
    for entry in read_all(core, lane):
        told = json.loads(b"{" + entry.body)
        if told.get("type") == "cn.yizhan.feed.gap.v1":
            assert told["data"]["why"] == events.DAMAGED
            numbers += range(told["data"]["from"], told["data"]["to"] + 1)
        elif "formerid" in told:
            numbers.append(int(told["formerid"].rsplit(":", 1)[1]))
    assert numbers == list(range(1, issued + 1))
    core.close()


def _in_log(directory):
    """300 entries that only the log has, as a kill leaves it; the epoch."""
    core = reopened(directory)
    core._checkpoint()
    for n in range(300):
        core.commit([one(Lane.SERVICE, n, 300)])
    core.abandon()
    return core.epoch


@pytest.mark.parametrize("part", ["head", "middle"])
def test_damage_of_the_log_takes_no_commit_behind_it(tmp_path, part):
    """SQLite would take the log up to there, and issue the numbers of the rest again."""
    epoch = _in_log(tmp_path)
    log = tmp_path / "journal.db-wal"
    damage(log, 8 if part == "head" else FRAME_BYTES * 150, 40, 1)
    core = reopened(tmp_path)
    assert core.epoch != epoch
    bring_over(core)
    whole, gone = [], []
    for entry in read_all(core, Lane.SERVICE):
        told = json.loads(b"{" + entry.body)
        if "formerid" in told:
            whole.append(told["n"] + 1)
        else:
            gone += range(told["data"]["from"], told["data"]["to"] + 1)
    assert sorted(whole + gone)[:300] == list(range(1, 301))
    assert len(whole) >= 299
    core.close()


def test_a_torn_end_of_the_log_is_no_damage(tmp_path):
    """What a power cut leaves of a transaction that nobody was told of."""
    epoch = _in_log(tmp_path)
    frames = WalFrames(tmp_path / "journal.db-wal")
    assert not frames.broken
    last = len(frames.pages)
    frames.close()
    damage(tmp_path / "journal.db-wal", 32 + (last - 1) * FRAME_BYTES + 200, 40, 1)
    core = reopened(tmp_path)
    assert core.epoch == epoch
    core.close()


def test_a_second_torn_end_is_no_damage_either(tmp_path):
    """What is left of a long one lies behind the next, with its commit."""
    core = reopened(tmp_path)
    epoch = core.epoch
    while core.chore(idle=True):
        pass
    core.commit([one(Lane.SERVICE, 0)])
    core.abandon()
    before, size = tmp_path, 60
    for n in range(3):
        core = reopened(before)
        assert core.epoch == epoch
        core.chore(idle=True)
        frames = WalFrames(before / "journal.db-wal")
        first = frames.sound  # none behind a copied log
        frames.close()
        core.commit([several(Lane.SERVICE, size, 3_000)])
        home, size = tmp_path / f"cut{n}", 1
        killed(core, before, home)
        damage(home / "journal.db-wal", 32 + first * FRAME_BYTES + 16, 8, 1)
        before = home
    core = reopened(before)
    assert core.epoch == epoch
    assert core.heads()[Lane.SERVICE] == 1 + 60 + 2
    core.close()


def test_who_looks_at_a_torn_log_hides_no_number_of_it(tmp_path):
    epoch = _in_log(tmp_path)
    frames = WalFrames(tmp_path / "journal.db-wal")
    last = len(frames.pages)
    frames.close()
    damage(tmp_path / "journal.db-wal", 32 + (last - 1) * FRAME_BYTES + 200, 40, 1)
    JournalAtRest(tmp_path).close()
    core = reopened(tmp_path)
    assert core.epoch != epoch
    bring_over(core)
    *told, gap = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert [each["n"] for each in told] == list(range(299))
    assert (gap["data"]["from"], gap["data"]["to"]) == (300, 300)
    core.close()


@pytest.mark.parametrize("size", [300, 9_000])
def test_numbers_that_a_torn_end_of_the_log_shows_are_in_a_gap(tmp_path, size):
    """If the disk has lost what it had taken, its number may be known: no other entry gets it."""
    epoch = _in_log(tmp_path)
    core = reopened(tmp_path)
    frames = WalFrames(tmp_path / "journal.db-wal")
    first = len(frames.pages)
    frames.close()
    core.commit([one(Lane.SERVICE, 300, size), one(Lane.EMERGENCY, 7)])
    home = tmp_path / "killed"
    killed(core, tmp_path, home)
    damage(home / "journal.db-wal", 32 + first * FRAME_BYTES + 8, 16, 1)
    for _ in range(2):
        core = reopened(home)
        assert core.epoch == epoch
        assert core.heads() | {Lane.ALARM: 1} == {
            Lane.EMERGENCY: 1, Lane.ALARM: 1, Lane.SERVICE: 301, Lane.TELEMETRY: 0,
        }  # fmt: skip
        for lane, seq in ((Lane.EMERGENCY, 1), (Lane.SERVICE, 301)):
            last = read_all(core, lane)[-1]
            assert (last.gap_from, last.seq) == (seq, seq)
            assert events.gap_reason(last.body) == events.DAMAGED
        core.abandon()
    core = reopened(home)
    core.commit([one(Lane.SERVICE, 301)])
    core.close()
    damage(home / "journal.db", 0, 100, 1)
    core = reopened(home)
    bring_over(core)
    told = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert [each.get("n") for each in told] == [*range(300), None, 301]
    assert told[-2]["data"] == {
        "lane": "service", "from": 301, "to": 301, "why": events.DAMAGED, "epoch": epoch,
    }  # fmt: skip
    core.close()


@pytest.mark.parametrize("by", ["start", "look"])
def test_a_number_of_a_torn_end_outlives_a_cut_while_the_file_opens(tmp_path, monkeypatch, by):
    """What opening commits lies over the only frame of it: no log shows it after that."""
    core = reopened(tmp_path)
    epoch = core.epoch
    frames = WalFrames(tmp_path / "journal.db-wal")
    first = frames.sound
    frames.close()
    core.commit([one(Lane.EMERGENCY, 7, 300)])
    home, cut = tmp_path / "killed", tmp_path / "cut"
    killed(core, tmp_path, home)
    damage(home / "journal.db-wal", 32 + first * FRAME_BYTES + 16, 8, 1)

    class Cut(BaseException):
        pass

    def cut_off(core, *_):
        killed(core, home, cut)
        raise Cut

    opening, last = (reopened, "skip") if by == "start" else (JournalAtRest, "adopt_lock")
    with monkeypatch.context() as patched:
        patched.setattr(JournalCore, last, cut_off)
        with pytest.raises(Cut):
            opening(home)
    core = reopened(cut)
    bring_over(core)
    told = [json.loads(b"{" + entry.body) for entry in read_all(core, Lane.EMERGENCY)]
    (gap,) = [each["data"] for each in told if each.get("type") == "cn.yizhan.feed.gap.v1"]
    assert (gap["from"], gap["to"], gap["epoch"]) == (1, 1, epoch)
    core.close()


def test_a_torn_end_of_the_log_hides_no_older_page_of_a_lane(tmp_path):
    """Its numbers are beyond those the lock's file asks for; the lane's end is judged before."""
    home = tmp_path / "running"
    core = reopened(home)
    epoch = core.epoch
    page = core._db.run("SELECT rootpage FROM sqlite_master WHERE name = 'service'").fetchone()[0]
    at = (page - 1) * PAGE_BYTES
    older = b""
    for _ in range(2):
        core.commit([several(Lane.SERVICE, 300, 300)])
        core._checkpoint()
        older = older or (home / "journal.db").read_bytes()[at : at + PAGE_BYTES]
    core.commit([AppendRequest((), (StateChange("room", "k", b"v"),))])
    frames = WalFrames(home / "journal.db-wal")
    first = frames.sound
    frames.close()
    core.commit([one(Lane.ALARM, 7, 300), one(Lane.SERVICE, 600, 300)])
    left = tmp_path / "left"
    killed(core, home, left)
    with (left / "journal.db").open("r+b") as file:
        file.seek(at)
        file.write(older)
    damage(left / "journal.db-wal", 32 + first * FRAME_BYTES + 16, 8, 1)
    core = reopened(left)
    assert core.epoch != epoch
    bring_over(core)
    *told, gap = [json.loads(b"{" + entry.body) for entry in read_all(core, Lane.SERVICE)]
    assert [each["n"] for each in told] == [*range(300)] * 2
    assert (gap["data"]["from"], gap["data"]["to"]) == (601, 601)
    core.close()


def test_the_log_of_a_closed_journal_is_never_read_again(tmp_path):
    """Its first frames are former versions of pages."""
    epoch = _in_log(tmp_path)
    reopened(tmp_path).close()
    damage(tmp_path / "journal.db-wal", 32 + FRAME_BYTES * 10, FRAME_BYTES * 50, 1)
    core = reopened(tmp_path)
    assert core.epoch == epoch
    assert [e.seq for e in read_all(core, Lane.SERVICE)] == list(range(1, 301))
    core.close()


def test_an_older_copy_of_the_file_issues_no_number_twice(tmp_path):
    core = reopened(tmp_path)
    core.commit([several(Lane.SERVICE, 5)])
    core.close()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy")
    core = reopened(tmp_path)
    core.commit([several(Lane.SERVICE, 5)])
    core.close()
    (tmp_path / "copy").rename(tmp_path / "journal.db")
    (tmp_path / "journal.db-wal").unlink()
    again = reopened(tmp_path)
    assert again.epoch != core.epoch
    bring_over(again)
    told = [json.loads(b"{" + e.body) for e in read_all(again, Lane.SERVICE)]
    assert [each["data"]["from"] for each in told if "data" in each] == [6]
    again.close()


def test_a_tree_that_lost_rows_is_damage_not_history(tmp_path):
    core = reopened(tmp_path)
    core.commit([several(Lane.SERVICE, 50, 300)])
    core._db.run("DELETE FROM service WHERE seq BETWEEN 20 AND 24")
    with pytest.raises(JournalDamaged):
        read_all(core, Lane.SERVICE)
    core.abandon()
    core = reopened(tmp_path)
    bring_over(core)
    told = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert sum("formerid" in each for each in told) >= 45
    core.close()


def test_a_wreck_larger_than_the_index_is_looked_over_again(tmp_path, monkeypatch):
    monkeypatch.setattr(salvage, "KEYS_MAX", 40)
    monkeypatch.setattr(salvage, "_RUN_KEYS", 8)
    epoch = prepared(tmp_path, receipted=0)
    core = reopened(tmp_path)
    for lane in (Lane.SERVICE, Lane.TELEMETRY):
        for n in range(150):
            core.commit([one(lane, n, 900)])
    core.close()
    damage(tmp_path / "journal.db", 0, 100, 1)
    core = reopened(tmp_path)
    bring_over(core)
    for lane, count in ((Lane.SERVICE, 160), (Lane.TELEMETRY, 150), (Lane.EMERGENCY, 1)):
        ids = [json.loads(b"{" + e.body).get("formerid") for e in read_all(core, lane)]
        assert ids == [f"{STATION}:{epoch}:{lane.wire}:{n}" for n in range(1, count + 1)]
    core.close()


def test_who_looks_at_a_damaged_file_takes_no_evidence_away(tmp_path):
    core = reopened(tmp_path)
    for n in range(60):
        core.commit([one(Lane.SERVICE, n, 300)])
    core.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("DELETE FROM service WHERE seq > 55")
        connection.commit()
    source = JournalAtRest(tmp_path)
    assert source.figures()["lanes"]["service"] == 55
    source.close()
    again = reopened(tmp_path)
    assert again.epoch != core.epoch
    bring_over(again)
    told = [json.loads(b"{" + e.body) for e in read_all(again, Lane.SERVICE)]
    assert sum("formerid" in each for each in told) >= 55
    again.close()


def test_what_an_older_release_left_half_done_is_begun_anew(tmp_path):
    """Its salvage may have lost most of the entries; nobody was ever told of it."""
    epoch = prepared(tmp_path, receipted=4)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db").rename(tmp_path / "journal.damaged.db")
    (tmp_path / "journal.db-wal").unlink()
    open_core(tmp_path / "journal.fresh.db").close()
    (tmp_path / "journal.fresh.db.unfinished").write_bytes(b"x")
    core = reopened(tmp_path)
    bring_over(core)
    ids = [json.loads(b"{" + e.body).get("formerid") for e in read_all(core, Lane.SERVICE)]
    assert ids == [f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)]
    assert core.load("alarm") == {"a-1": b"open"}
    core.close()
    assert not list(tmp_path.glob("journal.fresh*"))


@pytest.mark.parametrize("left", ["nothing", "no bytes"])
def test_a_journal_that_is_gone_is_told_with_all_that_it_may_have_held(tmp_path, left):
    epoch = prepared(tmp_path, receipted=4)
    (tmp_path / "journal.db").unlink()
    (tmp_path / "journal.db-wal").unlink()
    if left == "no bytes":
        (tmp_path / "journal.db").touch()
    core = reopened(tmp_path)
    (told,) = (json.loads(b"{" + e.body)["data"] for e in read_all(core, Lane.ALARM))
    last = {"emergency": 1, "service": 10}
    assert told == {"former": epoch, "why": events.GONE, "last": last}
    (gap,) = (json.loads(b"{" + e.body)["data"] for e in read_all(core, Lane.SERVICE))
    assert gap == {
        "lane": "service", "from": 1, "to": 10, "why": events.DAMAGED, "epoch": epoch,
    }  # fmt: skip
    heads = core.heads()
    core.close()
    core = reopened(tmp_path)
    assert core.heads() == heads
    core.close()


def test_who_looks_at_a_damaged_log_leaves_it_to_the_salvage(tmp_path):
    epoch = _in_log(tmp_path)
    damage(tmp_path / "journal.db-wal", FRAME_BYTES * 150, 40, 1)
    with pytest.raises(JournalDamaged):
        JournalAtRest(tmp_path)
    core = reopened(tmp_path)
    assert core.epoch != epoch
    bring_over(core)
    assert sum(b"formerid" in e.body for e in read_all(core, Lane.SERVICE)) >= 299
    core.close()


@pytest.mark.parametrize("known", [False, True])
def test_a_wreck_that_cannot_be_opened_holds_up_no_other(tmp_path, known):
    for seed in range(2):
        core = reopened(tmp_path)
        core.commit([one(Lane.EMERGENCY, seed)])
        core.close()
        damage(tmp_path / "journal.db", 0, 100, seed)
    core = reopened(tmp_path)
    first = next(iter(wrecks.find_wrecks(tmp_path).values()))
    if not known:  # laid beside by hand
        noted = wrecks.decode_progress(core.load("journal"))
        core.state.apply([wrecks.progress_change(epoch, None) for epoch in noted])
        core.carrier = WreckImporter(core, tmp_path, STATION, SimulatedClock())
    first.unlink()
    with pytest.raises(FileNotFoundError):  # the engine tells it, and tries again later
        bring_over(core)
    with contextlib.suppress(FileNotFoundError):
        bring_over(core)
    assert [json.loads(b"{" + e.body)["n"] for e in read_all(core, Lane.EMERGENCY)] == [1]
    core.close()


def test_who_looks_at_another_file_does_not_hide_that_ours_is_gone(tmp_path):
    """Only a start tells of what was lost with it."""
    core = reopened(tmp_path / "other")
    core.close()
    core = reopened(tmp_path)
    core.commit([one(Lane.EMERGENCY, 1)])
    core.close()
    gone = core.epoch
    (tmp_path / "other" / "journal.db").replace(tmp_path / "journal.db")
    (tmp_path / "journal.db-wal").unlink()
    JournalAtRest(tmp_path).close()
    core = reopened(tmp_path)
    told = [json.loads(b"{" + e.body) for e in read_all(core, Lane.EMERGENCY)]
    assert [each["data"]["epoch"] for each in told] == [gone]
    core.close()


def test_a_salvage_without_room_keeps_none_of_it(tmp_path, monkeypatch):
    reopened(tmp_path).close()
    damage(tmp_path / "journal.db", 0, 100, 1)

    def full(*_):
        raise JournalFull("journal.full")

    before = {path.name for path in tmp_path.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(core_factory, "_fill_states", full)
        with pytest.raises(JournalFull):
            reopened(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == before
    reopened(tmp_path).close()


@pytest.mark.parametrize("by", ["tree", "scan"])
async def test_a_state_whose_checksum_fails_is_set_aside_and_told_once(tmp_path, by):
    core = reopened(tmp_path)
    states = {f"k{n}": b"%d" % n * 50 for n in range(8)}
    core.commit([AppendRequest((), tuple(StateChange("lift", *each) for each in states.items()))])
    core.close()
    path = tmp_path / "journal.db"
    damage(path, path.read_bytes().index(states["k5"]) + 4, 8, 1)
    if by == "scan":
        damage(path, 0, 100, 1)
    told = []
    for _ in range(2):
        clock = SimulatedClock()
        journal = await Journal.open(tmp_path, station=STATION, options=OPTIONS, clock=clock)
        journal.on_set_aside = lambda *each: told.append(each)
        await report_spoilt(journal)
        assert await has_stored_row(journal, "lift", "k5")
        whole = await journal.load("lift")
        (aside,) = await list_set_aside(journal)
        await journal.close()
    assert whole == {key: body for key, body in states.items() if key != "k5"}
    assert (aside.room, aside.key, aside.body, aside.why) == ("lift", "", "", "checksum")
    assert told == [("state.lift", "checksum")]


async def test_a_row_whose_room_is_spoilt_says_nothing_of_people(tmp_path):
    """One bit of `access`, and no list of rooms that know people has it."""
    core = reopened(tmp_path)
    person = StateChange("access", "person/li", b'{"name":"Li Wei"}')
    core.commit([AppendRequest((), (person,))])
    core.close()
    path = tmp_path / "journal.db"
    found = path.read_bytes()
    path.write_bytes(found.replace(b"accessperson", b"accdssperson"))
    path.with_name("journal.db-damaged").touch()
    journal = await Journal.open(tmp_path, station=STATION, options=OPTIONS, clock=SimulatedClock())
    (aside,) = await list_set_aside(journal)
    await journal.close()
    assert (aside.room, aside.key, aside.body, aside.cut) == ("accdss", "", "", True)


async def test_a_room_that_has_run_into_its_key_is_not_told(tmp_path):
    """A column's length can be what is spoilt; a fault's name is logged and sent on."""
    told = []
    core = reopened(tmp_path)
    core.commit(
        [AppendRequest((), set_aside_spoilt({("accessperson/li", '{"name":"Li'): b" Wei"}, []))]
    )
    core.close()
    journal = await Journal.open(tmp_path, station=STATION, options=OPTIONS, clock=SimulatedClock())
    journal.on_set_aside = lambda *each: told.append(each)
    await report_spoilt(journal)
    (aside,) = await list_set_aside(journal)
    await journal.close()
    assert told == [("state.unknown", "checksum")]
    assert (aside.room, aside.key, aside.body) == ("unknown", "", "")


def test_rows_that_a_salvage_sets_aside_are_bounded():
    spoilt_rows = {("lift", f"k{n:03}"): b"x" for n in range(2 * SET_ASIDE_MAX)}
    changes = set_aside_spoilt(spoilt_rows, [f"lift/k{n:03}" for n in range(100, 140)] + ["old"])
    gone = [each.key for each in changes if each.body is None]
    assert gone == [*(f"lift/k{n:03}" for n in range(128, 140)), "old"]
    kept = [each.key for each in changes if each.body is not None]
    assert kept == [f"lift/k{n:03}" for n in range(SET_ASIDE_MAX, 2 * SET_ASIDE_MAX)]
