"""Blocks on the disk: counted frames, allocation ahead, the log kept over a close."""

import errno
import os
import sqlite3

import pytest

from gateway.errors import JournalFailed
from gateway.event import Lane
from gateway.journal import JournalOptions, preallocation
from gateway.journal.core import AHEAD_PAGES
from gateway.journal.options import MIB, PAGE_BYTES, WAL_BYTES, WAL_FRAMES
from tests.sim.journal import one, open_core, several


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def core(path):
    core = open_core(path, options=JournalOptions(quota_mb=64, reserve_mb=1))
    yield core
    core.abandon()


def frames_by_sqlite(core):
    return core._db.run("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]


def test_frames_are_counted_as_sqlite_counts_them(core):
    for count in (1, 10, 200):
        core.commit([several(Lane.SERVICE, count, 300)])
        counted = core._blocks.frames()
        assert counted == frames_by_sqlite(core)
        core._checkpoint()
        assert core._blocks.frames() == 0
    core.commit([one(Lane.SERVICE, 1)])
    assert 0 < core._blocks.frames() < 20


def test_the_log_never_outgrows_its_blocks(core, path):
    for n in range(60):
        core.commit([several(Lane.SERVICE, 100, 3_000)])
        while core.chore(idle=n % 2 == 0):
            pass
        assert core._blocks.frames() <= WAL_FRAMES
    assert preallocation.wal_path(path).stat().st_size == WAL_BYTES


def test_growth_stays_within_what_is_allocated(core):
    most = core._quota.limit_pages
    for _ in range(200):
        core.commit([several(Lane.SERVICE, 20, 1_000)])
        assert core._db.pages <= core._quota.limit_pages
        core.chore(idle=False)
    assert core._quota.limit_pages > most
    assert core._quota.limit_pages - core._db.pages <= AHEAD_PAGES


def test_the_reserve_is_taken_back_after_it_was_broken(core):
    while core.chore(idle=True):
        pass
    assert core._db.run("SELECT count(*) FROM reserve").fetchone() == (1,)
    free = core._db.free_pages
    core._quota._break_reserve()
    assert core._db.free_pages - free >= MIB // PAGE_BYTES
    assert core.chore(idle=True)
    assert core._db.run("SELECT count(*) FROM reserve").fetchone() == (1,)


def test_a_clean_close_keeps_the_log_s_blocks_and_nothing_is_read_twice(path):
    core = open_core(path)
    core.commit([several(Lane.SERVICE, 50, 500)])
    core.close()
    assert preallocation.wal_path(path).stat().st_size == WAL_BYTES
    assert not path.with_name("journal.db-wal-kept").exists()
    core = open_core(path)
    assert core.heads()[Lane.SERVICE] == 50
    assert core.commit([one(Lane.SERVICE, 1)])[0][0].seq == 51
    core.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_an_answer_and_not_an_error(core, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    os.ftruncate(core._blocks._log, 0)
    assert not core._blocks.own_log()
    monkeypatch.setattr(core._blocks, "_fallocate", failing(code))
    assert not core._blocks.own_ahead(0, 10)
    assert core._blocks.own_ahead(0, 0)


def failing(code):
    def fallocate(*_):
        preallocation.ctypes.set_errno(code)
        return -1

    return fallocate


def test_a_file_system_that_cannot_allocate_is_asked_for_free_space(core, monkeypatch):
    monkeypatch.setattr(core._blocks, "_fallocate", failing(errno.EOPNOTSUPP))
    assert core._blocks.own_ahead(0, 10)
    assert not core._blocks.own_ahead(0, 1 << 40)


def test_any_other_refusal_is_a_failure(core, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    os.ftruncate(core._blocks._log, 0)
    with pytest.raises(JournalFailed):
        core._blocks.own_log()
    monkeypatch.setattr(core._blocks, "_fallocate", failing(errno.EIO))
    with pytest.raises(JournalFailed):
        core._blocks.own_ahead(0, 10)
