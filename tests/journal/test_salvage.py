"""What a damaged file still holds, and how it comes over into a new journal."""

import json
import os
import random
import shutil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import JournalDamaged, JournalFailed
from gateway.event import Lane
from gateway.journal import JournalOptions, StateChange, events, rescue
from gateway.journal.core import Append
from gateway.journal.lock import Lock
from gateway.journal.options import PAGE_BYTES
from gateway.journal.pages import Garbage, Pages
from gateway.journal.salvage import Wreck
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, body, one, open_core, read_all, several

UPLINK = "district"
OPTIONS = JournalOptions(quota_mb=64, reserve_mb=1)


def written(path, count=25_000):
    """A journal of many rows, its last ones only in the log; `numbers` is what it holds."""
    core = open_core(path, options=OPTIONS, retaining=(UPLINK,))
    core.chore(idle=True)
    for start in range(0, count, 500):
        core.commit([Append(tuple((Lane.SERVICE, body(Lane.SERVICE, n, 120)) for n in range(500)))])
        core.commit([several(Lane.TELEMETRY, 60), one(Lane.ALARM, start, 3_000)])
        core.commit([Append((), (StateChange("room", f"k{start // 500}", b"old"),))])
        core.commit([Append((), (StateChange("room", f"k{start // 500}", b"%d" % start),))])
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
    pages = Pages(path)
    for place in pages.places():
        try:
            pages.record(place)
        except Garbage:
            continue
    pages.close()


def reopened(directory, retaining=(UPLINK,)):
    return rescue.open_core(
        directory, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=retaining
    )


def prepared(directory, receipted):
    """A closed journal of ten service entries, `receipted` of them receipted, and one state."""
    core = reopened(directory)
    core.commit([several(Lane.SERVICE, 10, 900), one(Lane.EMERGENCY, 1)])
    core.commit([Append((), (StateChange("alarm", "a-1", b"open"),))])
    core.close({UPLINK: {Lane.SERVICE: receipted}})
    return core.epoch


def test_what_nobody_has_receipted_comes_over_under_a_new_epoch(tmp_path):
    epoch = prepared(tmp_path, receipted=4)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    assert core.epoch != epoch
    assert core.load("alarm") == {"a-1": b"open"}
    entries = [json.loads(b"{" + e.body) for e in read_all(core, Lane.SERVICE)]
    assert [e["formerid"] for e in entries] == [
        f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)
    ]
    assert [e["n"] for e in entries] == list(range(4, 10))
    (told,) = [json.loads(b"{" + e.body) for e in read_all(core, Lane.ALARM)]
    assert told["type"] == "cn.yizhan.feed.epoch.v1"
    assert told["data"] == {
        "former": epoch,
        "why": events.SALVAGED,
        "last": {"emergency": 1, "service": 10},
        "salvaged": 7,
    }
    core.close()
    assert (tmp_path / rescue.ASIDE).exists()
    again = reopened(tmp_path)
    assert again.epoch == core.epoch
    again.close()


def test_numbers_that_are_gone_are_told_as_gaps_of_the_former_epoch(tmp_path):
    epoch = prepared(tmp_path, receipted=2)
    file = (tmp_path / "journal.db").read_bytes()
    at = file.index(body(Lane.SERVICE, 5, 900))
    damage(tmp_path / "journal.db", at, 8, 2)
    damage(tmp_path / "journal.db", 0, 100, 1)
    (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
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
    assert core.heads()[Lane.SERVICE] == 200
    core.close()


def test_only_one_wreck_is_kept(tmp_path):
    for seed in range(3):
        core = reopened(tmp_path)
        core.commit([one(Lane.SERVICE, seed)])
        core.close()
        damage(tmp_path / "journal.db", 0, 100, seed)
        (tmp_path / "journal.db-wal").unlink()
    core = reopened(tmp_path)
    assert len(read_all(core, Lane.SERVICE)) == 3
    core.close()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"journal.db", "journal.db-wal", "journal.lock", "journal.damaged.db"}


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
        ids = [json.loads(b"{" + e.body).get("formerid") for e in read_all(core, Lane.SERVICE)]
        assert ids == [f"{STATION}:{epoch}:service:{n}" for n in range(5, 11)], step
        assert core.load("alarm") == {"a-1": b"open"}
        core.close()
    assert step >= 6


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
        patch.setattr(rescue.Path, name, counted(getattr(rescue.Path, name)))
    patch.setattr(os, "link", counted(os.link))
    try:
        reopened(directory).abandon()
    except PowerCut:
        return True
    return False


def test_a_lock_file_of_garbage_names_no_epoch(tmp_path):
    (tmp_path / "journal.lock").write_bytes(b"\xff\xfe garbage")
    lock = Lock(tmp_path)
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
        patch.setattr(rescue.Transfer, "run", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reopened(tmp_path)
    core = reopened(tmp_path)
    assert core.heads()[Lane.SERVICE] == 10
    core.close()


def test_a_directory_in_the_way_is_a_failure_with_its_reason(tmp_path):
    prepared(tmp_path, receipted=0)
    (tmp_path / rescue.FRESH).mkdir()
    with pytest.raises(JournalFailed):
        reopened(tmp_path)


def test_a_state_that_does_not_hold_is_left_behind(tmp_path):
    core = open_core(tmp_path / "journal.db")
    core.commit([Append((), (StateChange("r", "good", b"1"), StateChange("r", "bad", b"1")))])
    core._db.run("UPDATE state SET body = x'00' WHERE key = 'bad'")
    epoch = core.epoch
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert wreck.states == {("r", "good"): b"1"}
    wreck.close()


def test_a_long_record_is_read_from_its_chain_of_pages(tmp_path):
    core = open_core(tmp_path / "journal.db")
    long = bytes(range(256)) * 400
    core.commit([Append(((Lane.SERVICE, long), (Lane.SERVICE, long[:990])))])
    epoch = core.epoch
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert [row.body for row in wreck.rows(Lane.SERVICE)] == [long, long[:990]]
    wreck.close()


def test_what_is_in_the_free_list_stays_deleted(tmp_path):
    core = open_core(tmp_path / "journal.db", retaining=())
    for _ in range(6):
        core.commit([several(Lane.SERVICE, 500, 900)])
    core._quota.limit(core._db.pages)
    core.commit([several(Lane.ALARM, 100, 900)])
    first = next(core.tables[Lane.SERVICE].rows(0)).seq
    epoch = core.epoch
    assert first > 1
    core.close()
    wreck = Wreck(tmp_path / "journal.db", epoch)
    assert next(wreck.rows(Lane.SERVICE)).seq == first
    wreck.close()
