"""Followers, in virtual time over a journal that runs on the event loop."""

import asyncio
import json

import pytest

from gateway.event import JournalEntry, Lane
from gateway.journal import recent_entries
from tests.sim.journal import fact, simulated_journal
from tests.sim.loop import simulated


async def fill(journal, lane, count, padding=""):
    for start in range(0, count, 100):
        events = [fact(lane, n, padding) for n in range(start, min(start + 100, count))]
        await journal.append(events)


@simulated
async def test_the_most_urgent_lane_comes_first():
    journal = simulated_journal()
    follower = journal.follower("district", retaining=True)
    await journal.append([fact(lane) for lane in reversed(Lane) for _ in range(2)])
    batch = await follower.read(limit=5)
    assert [(e.lane, e.seq) for e in batch] == [
        (Lane.EMERGENCY, 1), (Lane.EMERGENCY, 2), (Lane.ALARM, 1), (Lane.ALARM, 2),
        (Lane.SERVICE, 1),
    ]  # fmt: skip
    assert [e.lane for e in await follower.read(lanes=[Lane.TELEMETRY])] == [Lane.TELEMETRY] * 2
    await journal.close()


@simulated
async def test_a_retaining_follower_moves_by_receipts_alone():
    journal = simulated_journal()
    follower = journal.follower("district", retaining=True)
    await fill(journal, Lane.SERVICE, 3)
    first = await follower.read()
    assert await follower.read() == first
    follower.receipt({Lane.SERVICE: 2})
    assert [e.seq for e in await follower.read()] == [3]
    follower.receipt({Lane.SERVICE: 1})
    follower.receipt({Lane.SERVICE: 99})
    assert follower.waiting()[Lane.SERVICE] == 0
    assert journal.follower("district", retaining=True) is follower
    await journal.close()


@simulated
async def test_a_passing_follower_begins_now_and_moves_by_reading():
    journal = simulated_journal()
    await fill(journal, Lane.ALARM, 3)
    follower = journal.follower("desk", retaining=False)
    assert await follower.read() == []
    await fill(journal, Lane.ALARM, 2)
    assert [e.seq for e in await follower.read()] == [4, 5]
    assert await follower.read() == []
    assert [e.seq for e in await follower.read(after={Lane.ALARM: 1})] == [2, 3, 4, 5]
    assert follower.position[Lane.ALARM] == 5
    await journal.close()


@simulated
async def test_a_batch_is_bounded_in_bytes_but_never_empty():
    journal = simulated_journal()
    follower = journal.follower("district", retaining=True)
    await fill(journal, Lane.SERVICE, 10, padding="x" * 1_000)
    assert len(await follower.read(max_bytes=3_700)) == 3
    assert len(await follower.read(max_bytes=1)) == 1
    await journal.close()


@simulated
async def test_wait_returns_when_there_is_something_newer():
    journal = simulated_journal()
    follower = journal.follower("desk", retaining=False)
    waiting = asyncio.create_task(follower.wait([Lane.ALARM]))
    await journal.append([fact(Lane.SERVICE)])
    assert not waiting.done()
    await journal.append([fact(Lane.ALARM)])
    await waiting
    await follower.wait()
    await journal.close()


@simulated
async def test_whoever_waits_is_told_that_the_journal_closes():
    journal = simulated_journal()
    waiting = asyncio.create_task(journal.follower("desk", retaining=False).wait())
    await asyncio.sleep(0)
    await journal.close()
    with pytest.raises(Exception, match=r"journal\.closed"):
        await waiting


@simulated
async def test_a_live_follower_never_touches_the_disk():
    journal = simulated_journal()
    follower = journal.follower("desk", retaining=False)
    reads = []
    journal._core.read = lambda *args: reads.append(args)
    for _ in range(20):
        await fill(journal, Lane.TELEMETRY, 100)
        assert len(await follower.read()) == 100
    assert reads == []
    del journal._core.read
    await journal.close()


@simulated
async def test_a_laggard_reads_the_disk_and_then_the_ring():
    journal = simulated_journal()
    count = 3 * recent_entries.ENTRIES_MAX
    await fill(journal, Lane.TELEMETRY, count)
    entries = await journal.read(Lane.TELEMETRY, 0, count)
    assert [e.seq for e in entries] == list(range(1, count + 1))
    assert [json.loads(b"{" + e.body)["data"]["n"] for e in entries[:100]] == list(range(100))
    await journal.close()


@simulated
async def test_a_laggard_behind_an_eviction_is_told_of_the_gap():
    journal = simulated_journal()
    follower = journal.follower("desk", retaining=False)
    journal._core._quota.limit(2_000)
    await fill(journal, Lane.SERVICE, 4_000, padding="x" * 1_000)
    first = (await follower.read())[0]
    assert first.gap_from == 1
    assert json.loads(b"{" + first.body)["data"]["why"] == "journal.gap-history"
    await journal.close()


@simulated
async def test_positions_survive_a_close_and_most_receipts_cost_no_commit(tmp_path):
    journal = simulated_journal(tmp_path / "journal.db")
    follower = journal.follower("district", retaining=True)
    await fill(journal, Lane.SERVICE, 200)
    commits = journal.stats().commits
    for seq in range(1, 151):
        follower.receipt({Lane.SERVICE: seq})
    await asyncio.sleep(5)
    assert journal.stats().commits == commits
    await journal.close()
    journal = simulated_journal(tmp_path / "journal.db")
    assert journal.follower("district", retaining=True).waiting()[Lane.SERVICE] == 50
    await journal.close()


def test_a_ring_is_bounded_and_contiguous():
    held = recent_entries.RecentEntries()

    for seq in range(1, 3_000):
        held.add([JournalEntry("e", Lane.ALARM, seq, b"x" * 1_000)])
    assert held.read(Lane.ALARM, 0, 10) is None
    kept = held.read(Lane.ALARM, 2_990, 100)
    assert [e.seq for e in kept] == list(range(2_991, 3_000))
    assert held._bytes[Lane.ALARM] <= recent_entries.BYTES_MAX
    assert len(held._entries[Lane.ALARM]) <= recent_entries.ENTRIES_MAX
    assert held.read(Lane.SERVICE, 0, 10) is None
