"""The core: numbers, both or neither, reading without holes, restarts, a new release's file."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import JournalDamaged, JournalFailed, JournalFull, JournalLocked
from gateway.event import Lane
from gateway.journal import StateChange, events
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import SLICE_ENTRIES
from gateway.journal.database import VERSION, Database
from tests.sim.journal import body, one, open_core, read_all, several

FIXTURES = Path(__file__).parent.parent / "fixtures" / "journal"
FIXTURE_EPOCH = "5eed5eed5eed5eed"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def core(path):
    core = open_core(path, retaining=())
    yield core
    core.abandon()


def test_every_lane_counts_by_itself(core):
    outcomes = core.commit([one(Lane.ALARM, 1), one(Lane.EMERGENCY, 2), one(Lane.ALARM, 3)])
    assert [(e.lane, e.seq) for entries in outcomes for e in entries] == [
        (Lane.ALARM, 1),
        (Lane.EMERGENCY, 1),
        (Lane.ALARM, 2),
    ]
    assert core.heads() == {
        Lane.EMERGENCY: 1, Lane.ALARM: 2, Lane.SERVICE: 0, Lane.TELEMETRY: 0,
    }  # fmt: skip


@pytest.mark.parametrize("lane", list(Lane))
def test_what_was_stored_is_read_back_over_a_restart(path, lane):
    core = open_core(path)
    stored = [e for outcome in core.commit([several(lane, 7), one(lane, 8)]) for e in outcome]
    stored += core.commit([several(lane, 5)])[0]
    core.close()
    core = open_core(path)
    assert read_all(core, lane) == stored
    assert read_all(core, lane, after=9) == stored[9:]
    assert core.commit([one(lane, 0)])[0][0].seq == 14
    core.abandon()


def test_one_commit_of_readings_is_one_row(core):
    core.commit([several(Lane.TELEMETRY, 40), several(Lane.TELEMETRY, 60)])
    assert [(row.seq, row.span) for row in core.tables[Lane.TELEMETRY].rows(0)] == [(100, 100)]


def test_state_changes_with_the_entries(core):
    change = StateChange("alarm", "a-1", b"open")
    core.commit([one(Lane.ALARM, 1, state=(change, StateChange("alarm", "a-2", b"x")))])
    core.commit(
        [AppendRequest((), (StateChange("alarm", "a-2", None), StateChange("alarm", "no", None)))]
    )
    assert core.load("alarm") == {"a-1": b"open"}
    assert core.load("other") == {}


def test_state_survives_and_its_last_version_counts(path):
    core = open_core(path)
    for version in range(5):
        core.commit([AppendRequest((), (StateChange("r", "k", b"%d" % version),))])
    core.close()
    core = open_core(path)
    assert core.load("r") == {"k": b"4"}
    core.abandon()


def test_a_slice_has_a_bound(core):
    core.commit([several(Lane.TELEMETRY, 1_000)])
    assert len(core.read(Lane.TELEMETRY, 0)) == SLICE_ENTRIES
    assert [e.seq for e in core.read(Lane.TELEMETRY, 0, 3)] == [1, 2, 3]
    assert core.read(Lane.TELEMETRY, 1_000) == []


def test_a_slow_disk_makes_slices_short(core):
    core.commit([several(Lane.SERVICE, 50)])
    core._clock.kernel.boottime_ns = iter(range(0, 10**12, 4_000_000)).__next__
    assert len(core.read(Lane.SERVICE, 0)) == 2


def test_a_row_that_does_not_hold_is_a_gap(core):
    core.commit([several(Lane.SERVICE, 10)])
    core._db.run("UPDATE service SET body = x'00' WHERE seq IN (4, 5)")
    core._db.run("UPDATE service SET body = x'00' WHERE seq = 10")
    entries = read_all(core, Lane.SERVICE)
    gaps = [(e.gap_from, e.seq) for e in entries if e.gap_from is not None]
    assert gaps == [(4, 5), (10, 10)]
    assert [e.seq for e in entries] == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    told = json.loads(b"{" + entries[3].body)
    assert told["type"] == "cn.yizhan.feed.gap.v1"
    assert told["data"] == {"lane": "service", "from": 4, "to": 5, "why": events.DAMAGED}


def test_a_failed_append_uses_up_no_number(core):
    core.commit([several(Lane.SERVICE, 100, size=900)])
    core._quota.limit(core._db.pages)  # the disk is full
    outcomes = core.commit(
        [
            several(Lane.SERVICE, 400, size=900),
            one(Lane.ALARM, 2, state=(StateChange("r", "k", b"v"),)),
        ]
    )
    assert isinstance(outcomes[0], JournalFull)
    assert outcomes[1][0].seq == 1
    assert core.load("r") == {"k": b"v"}
    assert core.commit([one(Lane.SERVICE, 3)])[0][0].seq == 101


def test_damaged_state_is_noticed_at_the_next_start(path):
    core = open_core(path)
    core.commit([AppendRequest((), (StateChange("r", "k", b"v"),))])
    core._db.run("UPDATE state SET body = x'00'")
    core.close()
    with pytest.raises(JournalDamaged):
        open_core(path)


def test_the_epoch_is_the_file_s(path, tmp_path):
    first, other = open_core(path), open_core(tmp_path / "other.db")
    assert first.epoch != other.epoch
    first.close()
    again = open_core(path)
    assert again.epoch == first.epoch
    again.abandon()
    other.abandon()


def test_in_memory_everything_is_the_same_but_the_promise():
    core = open_core(None)
    core.commit([several(Lane.TELEMETRY, 3), one(Lane.ALARM, 1)])
    assert [e.seq for e in read_all(core, Lane.TELEMETRY)] == [1, 2, 3]
    assert core.volatile
    assert not core.chore(idle=True)
    core.close()


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_every_released_version_opens(tmp_path, version):
    path = tmp_path / "journal.db"
    shutil.copy(FIXTURES / f"{version:04d}.db", path)
    core = open_core(path)
    assert core.epoch == FIXTURE_EPOCH
    assert len(read_all(core, Lane.TELEMETRY)) == 150
    assert [e.body for e in read_all(core, Lane.ALARM)] == [body(Lane.ALARM, n) for n in range(5)]
    assert core.load("alarm") == {"a-1": b'{"since":1}'}
    assert core.positions["district"][Lane.TELEMETRY] == 100
    assert core.commit([one(Lane.EMERGENCY, 1)])[0][0].seq == 3
    core.close()


def test_what_the_next_release_wrote_opens(tmp_path):
    """A migration only adds; so an older release reads what it knows and leaves the rest."""
    path = tmp_path / "journal.db"
    shutil.copy(FIXTURES / f"{VERSION:04d}.db", path)
    newer = Database(path)
    newer.run("CREATE TABLE aggregate (id INTEGER PRIMARY KEY, body BLOB)")
    newer.run("ALTER TABLE telemetry ADD COLUMN codec INTEGER NOT NULL DEFAULT 0")
    newer.run("ALTER TABLE state ADD COLUMN since INTEGER")
    newer.run(f"PRAGMA user_version={VERSION + 1}")
    newer.close()
    core = open_core(path)
    assert core._db.version == VERSION + 1
    assert len(read_all(core, Lane.TELEMETRY)) == 150
    change = StateChange("alarm", "a-2", b"new")
    assert core.commit([several(Lane.TELEMETRY, 2), one(Lane.ALARM, 9, state=(change,))])
    core.close()


def test_the_settings_of_the_file_are_the_decided_ones(path):
    core = open_core(path)
    asked = {
        "page_size": 1024, "locking_mode": "exclusive", "journal_mode": "wal", "synchronous": 2,
        "secure_delete": 0, "wal_autocheckpoint": 0, "auto_vacuum": 0, "mmap_size": 0,
    }  # fmt: skip
    assert {name: core._db.run(f"PRAGMA {name}").fetchone()[0] for name in asked} == asked
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(path, timeout=0).execute("SELECT * FROM meta")
    core.abandon()


def test_a_file_that_another_program_has_open_is_held(path):
    open_core(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalLocked):
        open_core(path)
    other.close()


def test_a_place_that_is_no_file_is_a_failure(path):
    path.mkdir()
    with pytest.raises(JournalFailed):
        open_core(path)


def test_sqlite_s_own_check_finds_nothing(core):
    core.commit([several(Lane.SERVICE, 100)])
    assert core.check() == []


@pytest.mark.parametrize("epoch", ["1234567890123456", "12e4567890123456", "0" * 16])
def test_an_epoch_that_looks_like_a_number_stays_what_it_is(path, monkeypatch, epoch):
    monkeypatch.setattr("gateway.entropy.token_hex", lambda _: epoch)
    core = open_core(path)
    core.commit([one(Lane.ALARM, 1)])
    core.close()
    core = open_core(path)
    assert core.epoch == epoch
    assert read_all(core, Lane.ALARM)[0].gap_from is None
    core.close()
