"""The journal as rooms use it: group commit, cancelling, back-pressure, failing, real thread."""

import asyncio
import json

import pytest

from gateway.clock import Clock
from gateway.errors import JournalFailed, JournalFull, JournalLocked, OutcomeUnknown, UsageError
from gateway.event import Lane, Timestamps
from gateway.journal import Journal, JournalOptions, StateChange
from gateway.journal import core as core_module
from gateway.journal import job_runner as engine_module
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.options import (
    BODY_BYTES_MAX,
    COMMIT_BYTES_MAX,
    STATE_BYTES_MAX,
    WAITING_BYTES_MAX,
)
from gateway.journal.wreck_port import ImportBacklog, ImportStep
from gateway.journal.writer import InlineShell
from tests.sim.journal import (
    SMALL,
    STATION,
    fact,
    loop_clock,
    one,
    open_core,
    several,
    simulated_journal,
)
from tests.sim.loop import simulated


def now_s():
    return asyncio.get_running_loop().time()


@simulated
async def test_an_append_answers_after_its_commit():
    journal = simulated_journal(disk_s=0.5)
    began = now_s()
    (entry,) = await journal.append([fact(Lane.EMERGENCY)])
    assert now_s() - began == pytest.approx(0.5)
    assert (entry.epoch, entry.lane, entry.seq) == (journal.epoch, Lane.EMERGENCY, 1)
    assert journal.heads()[Lane.EMERGENCY] == 1
    await journal.close()


@simulated
async def test_what_comes_together_is_committed_together():
    journal = simulated_journal()
    entries = await asyncio.gather(*(journal.append([fact(Lane.TELEMETRY, n)]) for n in range(50)))
    assert [entry.seq for (entry,) in entries] == list(range(1, 51))
    assert journal.stats().commits == 1
    await journal.close()


@simulated
async def test_an_emergency_flushes_what_waits():
    journal = simulated_journal()
    journal._agenda._wear.spend(10**9, 0)
    began = now_s()
    reading = asyncio.create_task(journal.append([fact(Lane.TELEMETRY)]))
    await asyncio.sleep(0)
    await journal.append([fact(Lane.EMERGENCY)])
    await reading
    assert now_s() - began < 0.01
    assert journal.stats().commits == 1
    await journal.close()


@simulated
async def test_who_is_cancelled_knows_nothing_and_the_entry_may_be_stored():
    journal = simulated_journal(disk_s=1.0)
    append = asyncio.create_task(journal.append([fact(Lane.ALARM)]))
    await asyncio.sleep(0.5)
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    await asyncio.sleep(1)
    assert journal.heads()[Lane.ALARM] == 1
    await journal.close()


@simulated
async def test_too_much_at_once_makes_callers_wait_but_never_an_emergency():
    journal = simulated_journal(disk_s=1.0)
    padding = "x" * 200_000
    appends = [
        asyncio.create_task(journal.append([fact(Lane.SERVICE, n, padding)])) for n in range(100)
    ]
    await asyncio.sleep(0.06)
    least = WAITING_BYTES_MAX - COMMIT_BYTES_MAX  # one commit is under way
    assert least <= journal.stats().waiting_bytes < WAITING_BYTES_MAX + 10**6
    began = now_s()
    await journal.append([fact(Lane.EMERGENCY)])
    assert now_s() - began <= 2.0  # the commit under way, and its own
    entries = await asyncio.gather(*appends)
    assert sorted(entry.seq for (entry,) in entries) == list(range(1, 101))
    await journal.close()


@simulated
async def test_an_append_behind_a_long_read_waits_for_one_slice():
    journal = simulated_journal(disk_s=0.005)
    for _ in range(50):
        await journal.append([fact(Lane.TELEMETRY, n) for n in range(200)])
    scan = asyncio.create_task(journal.read(Lane.TELEMETRY, 0, 9_000))
    await asyncio.sleep(0.012)
    began = now_s()
    await journal.append([fact(Lane.EMERGENCY)])
    assert now_s() - began <= 0.011
    assert not scan.done()
    assert len(await scan) == 9_000
    await journal.close()


@simulated
async def test_what_is_too_large_is_the_caller_s_mistake():
    journal = simulated_journal()
    with pytest.raises(UsageError, match="too-large"):
        await journal.append([fact(Lane.SERVICE, padding="x" * BODY_BYTES_MAX)])
    change = StateChange("r", "k", b"x" * (STATE_BYTES_MAX + 1))
    with pytest.raises(UsageError, match="too-large"):
        await journal.append([], [change])
    with pytest.raises(UsageError, match="too-large"):
        await journal.append([fact(Lane.SERVICE, padding="x" * 200_000)] * 6)
    assert journal.stats().commits == 0
    await journal.close()


@simulated
async def test_a_fact_that_comes_late_says_when_it_was_recorded():
    journal = simulated_journal()
    late = fact(Lane.SERVICE)
    now = fact(Lane.SERVICE)
    now = type(now)(
        kind=now.kind,
        source=now.source,
        lane=now.lane,
        data=now.data,
        stamps=journal._clock.stamp(),
    )
    other_boot = Timestamps("f" * 16, journal._clock.now_ns())
    earlier = type(now)(
        kind=now.kind, source=now.source, lane=now.lane, data=now.data, stamps=other_boot
    )
    journal._clock.kernel.hold()
    journal._clock.poll()
    bodies = [json.loads(b"{" + e.body) for e in await journal.append([late, now, earlier])]
    assert ["recordedtime" in body for body in bodies] == [True, False, True]
    await journal.close()


@simulated
async def test_after_an_error_of_the_disk_nothing_is_tried_again():
    journal = simulated_journal(disk_s=1.0)
    calls = []

    def commit(*_):
        calls.append(1)
        raise JournalFailed("journal.failed", reason="EIO")

    journal._core.commit = commit
    under_way = asyncio.create_task(journal.append([fact(Lane.EMERGENCY)]))
    await asyncio.sleep(0.5)
    waiting = asyncio.create_task(journal.append([fact(Lane.SERVICE)]))
    reading = asyncio.create_task(journal.load("r"))
    with pytest.raises(OutcomeUnknown):
        await under_way
    for task in (waiting, reading):
        with pytest.raises(JournalFailed):
            await task
    with pytest.raises(JournalFailed):
        await journal.append([fact(Lane.EMERGENCY)])
    assert journal.fatal.result().data["reason"] == "EIO"
    assert len(calls) == 1
    await journal.close()


@simulated
async def test_a_mistake_in_a_read_is_its_caller_s_alone():
    journal = simulated_journal()
    journal._core.load = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await journal.load("r")
    assert not journal.fatal.done()
    await journal.append([fact(Lane.ALARM)])
    await journal.close()


@simulated
async def test_a_failing_chore_is_fatal():
    journal = simulated_journal()

    def chore(*, idle):
        raise JournalFailed("journal.failed", reason="EIO")

    journal._core.chore = chore
    await asyncio.sleep(5)
    assert journal.fatal.done()
    await journal.close()


@simulated
async def test_a_stuck_disk_shows_in_the_figures():
    journal = simulated_journal(disk_s=60.0)
    append = asyncio.create_task(journal.append([fact(Lane.ALARM)]))
    await asyncio.sleep(30)
    assert journal.stats().stuck_s == pytest.approx(30, abs=0.1)
    await append
    assert journal.stats().stuck_s == 0
    await journal.close()


@simulated
async def test_closing_commits_what_waits_and_refuses_what_comes():
    journal = simulated_journal()
    append = asyncio.create_task(journal.append([fact(Lane.TELEMETRY)]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(journal.close())
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match=r"journal\.closed"):
        await journal.append([fact(Lane.ALARM)])
    await closing
    assert (await append)[0].seq == 1
    await journal.close()


@simulated
async def test_nothing_is_done_when_there_is_nothing_to_do():
    """No timer, no job: an idle station costs nothing."""
    journal = simulated_journal()
    await asyncio.sleep(5)
    jobs = []
    start = journal._shell.start
    journal._shell.start = lambda *job: (jobs.append(job), start(*job))
    await asyncio.sleep(86_400)
    assert jobs == []
    await journal.close()


async def opened(directory, **more):
    clock = Clock.open(directory)
    return await Journal.open(directory, station=STATION, options=SMALL, clock=clock, **more)


async def test_with_the_real_thread_everything_is_there_after_a_restart(tmp_path):
    journal = await opened(tmp_path)
    change = StateChange("alarm", "a-1", b"open")
    await asyncio.gather(
        *(journal.append([fact(lane, n)], [change]) for n in range(50) for lane in Lane)
    )
    written = {lane: await journal.read(lane, 0) for lane in Lane}
    await journal.close()
    journal = await opened(tmp_path)
    assert {lane: await journal.read(lane, 0) for lane in Lane} == written
    assert await journal.load("alarm") == {"a-1": b"open"}
    assert {lane: len(entries) for lane, entries in written.items()} == dict.fromkeys(Lane, 50)
    await journal.close()


async def test_a_journal_has_one_holder(tmp_path):
    journal = await opened(tmp_path)
    with pytest.raises(JournalLocked) as refused:
        await opened(tmp_path)
    assert refused.value.data["pid"].isdecimal()
    await journal.append([fact(Lane.ALARM)])
    await journal.close()
    await (await opened(tmp_path)).close()


async def test_a_place_that_cannot_be_written_is_a_failure_with_its_reason(tmp_path):
    (tmp_path / "state").write_text("a file where the directory should be")
    with pytest.raises(JournalFailed) as failure:
        await Journal.open(
            tmp_path / "state", station=STATION, options=SMALL, clock=Clock.open(tmp_path)
        )
    assert "state" in failure.value.data["reason"]


async def test_the_reserve_and_the_log_are_there_once_it_is_quiet(tmp_path):
    options = JournalOptions(quota_mb=16, reserve_mb=4)
    journal = await Journal.open(
        tmp_path, station=STATION, options=options, clock=Clock.open(tmp_path)
    )
    journal._engine._upkeep_ns = 0  # do not wait for the quiet
    journal._engine.pump()
    await asyncio.sleep(0)
    while journal._engine.job_since_ns is not None:
        await journal._engine.sleep()
    blocks = {path.name: path.stat().st_blocks * 512 for path in tmp_path.iterdir()}
    assert blocks["journal.db"] >= 4 << 20
    assert blocks["journal.db-wal"] >= 5 << 20
    await journal.close()
    assert (tmp_path / "journal.db-wal").stat().st_blocks * 512 >= 5 << 20


@simulated
async def test_the_log_is_copied_though_something_is_always_due(tmp_path, monkeypatch):
    """Alarms come faster than the disk commits: nothing is ever not due."""
    monkeypatch.setattr(core_module, "WAL_FRAMES", 40)
    monkeypatch.setattr(engine_module, "LOG_FRAMES_MAX", 50)
    journal = simulated_journal(tmp_path / "journal.db", disk_s=0.06)
    most, waiting = 0, []
    for n in range(400):
        waiting.append(asyncio.create_task(journal.append([fact(Lane.ALARM, n, "." * 200)])))
        await asyncio.sleep(0.03)
        most = max(most, journal._engine.measures.log_frames)
    await asyncio.gather(*waiting)
    await journal.close()
    assert 50 <= most < 70  # without copies: some 800


@simulated
async def test_no_copy_of_the_log_comes_before_an_emergency(tmp_path, monkeypatch):
    monkeypatch.setattr(core_module, "WAL_FRAMES", 4)
    monkeypatch.setattr(engine_module, "LOG_FRAMES_MAX", 5)
    journal = simulated_journal(tmp_path / "journal.db", disk_s=1)
    held = asyncio.create_task(journal.append([fact(Lane.ALARM, n) for n in range(20)]))
    await asyncio.sleep(0.5)
    began = now_s()
    await journal.append([fact(Lane.EMERGENCY)])
    assert now_s() - began == pytest.approx(1.5)  # what was under way, and its own commit
    await held
    await journal.close()


@simulated
async def test_what_was_stored_one_by_one_is_told_in_order_of_number(tmp_path):
    journal = simulated_journal(tmp_path / "journal.db")
    commit, full = journal._core._commit, []

    def full_once(appends, generous=1):
        if len(appends) > 1:
            full.append(len(appends))
            raise JournalFull("journal.full")
        return commit(appends, generous)

    journal._core._commit = full_once
    live = journal.follower("desk", retaining=False)
    first = asyncio.create_task(journal.append([fact(Lane.SERVICE, 1)]))
    await asyncio.sleep(0)
    mixed = await journal.append([fact(Lane.ALARM, 2), fact(Lane.SERVICE, 2)])
    ((alone,),) = (await first,)
    assert full == [2]
    assert [e.seq for e in mixed] == [1, 1]
    assert alone.seq == 2  # the more urgent append went first
    assert journal.heads()[Lane.SERVICE] == 2
    assert [e.seq for e in await live.read(lanes=(Lane.SERVICE,))] == [1, 2]
    assert [e.seq for e in await journal.read(Lane.SERVICE, 0)] == [1, 2]
    await journal.close()


class Carrying:
    """A carrier whose steps are what the test says: entries of the alarm lane, or an error."""

    def __init__(self, core, steps):
        self.remains = ImportBacklog(1, 1)
        self.at_s = []
        self._core = core
        self._steps = list(steps)

    def step(self, receipts):
        self.at_s.append(now_s())
        outcome = self._steps.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        entries = self._core.import_entries(one(Lane.ALARM, outcome)) if outcome else ()
        return ImportStep(entries, 20_000_000 if self._steps else None)

    def close(self):
        pass


def carrying(steps):
    """A journal with something to bring over, each job taking a millisecond."""
    clock = loop_clock()
    core = JournalCore(None, station=STATION, options=SMALL, clock=clock)
    core.carrier = Carrying(core, steps)
    shell = InlineShell(0.001)
    return Journal(core, shell, station=STATION, options=SMALL, clock=clock), core.carrier


@simulated
async def test_what_comes_over_reaches_followers_in_order_among_the_rest():
    journal, carrier = carrying(range(1, 6))
    live = journal.follower("desk", retaining=False)
    began = now_s()
    while now_s() - began < 3:
        await journal.append([fact(Lane.ALARM)])
        await asyncio.sleep(0.01)
    assert len(carrier.at_s) == 5
    assert carrier.at_s[0] - began >= 2  # the station starts first
    found = await live.read(lanes=(Lane.ALARM,), limit=1_000)
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    assert journal.heads()[Lane.ALARM] == len(found)
    assert journal.stats().recovering == 1
    await journal.close()


@simulated
async def test_nothing_comes_over_while_something_is_due():
    journal, carrier = carrying([0] * 50)
    for _ in range(8_000):  # for four seconds something always waits
        journal.offer([fact(Lane.ALARM)])
        await asyncio.sleep(0.0005)
    assert carrier.at_s == []
    await asyncio.sleep(2)
    assert len(carrier.at_s) == 50
    await journal.close()


@simulated
async def test_a_fault_of_a_wreck_is_told_and_tried_again_later():
    journal, carrier = carrying([ZeroDivisionError("x"), 1])
    faults = []
    journal.on_fault = lambda where, error: faults.append((where, type(error)))
    await asyncio.sleep(5)
    assert faults == [("journal.wreck", ZeroDivisionError)]
    await journal.append([fact(Lane.ALARM)])
    await asyncio.sleep(600)
    assert len(carrier.at_s) == 2
    assert journal.heads()[Lane.ALARM] == 2
    await journal.close()


@simulated
async def test_an_error_of_the_journal_s_own_disk_ends_it_while_something_comes_over():
    journal, _ = carrying([JournalFailed("journal.failed", reason="EIO")])
    assert (await journal.fatal).data["reason"] == "EIO"
    await journal.close()


def test_of_a_state_the_last_append_holds_though_an_urgent_one_went_before(tmp_path):
    core = open_core(tmp_path / "journal.db", retaining=("district",))
    large = several(Lane.TELEMETRY, 200, 4000)
    while core._quota.room() > large.pages // 2:
        core.commit([several(Lane.EMERGENCY, 10, 4000)])
        while core.chore(idle=False):
            pass
    older = AppendRequest(
        (), (StateChange("rules", "k", b"older"), StateChange("rules", "own", b"1"))
    )
    newer = one(Lane.ALARM, 1, 0, (StateChange("rules", "k", b"newer"),))
    outcomes = core.commit([older, newer, large])
    assert [isinstance(each, JournalFull) for each in outcomes] == [False, False, True]
    assert core.load("rules") == {"k": b"newer", "own": b"1"}
    core.close()
