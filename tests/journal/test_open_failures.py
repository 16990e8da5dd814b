"""When the disk is taken for dead, and what the station then has."""

import asyncio
import errno
import itertools
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.errors import JournalFull, JournalLocked
from gateway.event import Lane
from gateway.journal import Journal, core_factory, events, lock, open_or_volatile, startup, wrecks
from gateway.journal import journal as journal_module
from gateway.journal.open_failures import WITHIN_NS, OpenFailures, count_recent
from tests.sim.clock import SimulatedClock
from tests.sim.journal import SMALL, STATION, fact, one, several

BOOT = "0" * 15 + "1"


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        ([f"{BOOT} 100", f"{BOOT} 200"], 2),
        ([f"{BOOT} 100", "ffffffffffffffff 200"], 1),  # before a reboot: another disk, perhaps
        ([f"{BOOT} {10**18}", "garbage", f"{BOOT} x"], 0),
        ([f"{BOOT} 100 opening", f"{BOOT} 200"], 2),
    ],
)
def test_strikes_count_within_a_minute_of_one_boot(lines, count):
    assert count_recent(lines, BOOT, 300) == count
    assert count_recent(lines, BOOT, 10**18 + WITHIN_NS + 1) == 0


def test_an_opening_that_was_killed_is_a_strike_for_ten_minutes(tmp_path):
    clock = SimulatedClock()
    for _ in range(2):
        OpenFailures(tmp_path, clock).begin()
        clock.advance(200)
    assert OpenFailures(tmp_path, clock).out()
    clock.advance(201)
    assert not OpenFailures(tmp_path, clock).out()


def test_an_opening_that_ended_is_none(tmp_path):
    clock = SimulatedClock()
    OpenFailures(tmp_path, clock).note()
    strikes = OpenFailures(tmp_path, clock)
    strikes.begin()
    assert strikes.out()
    strikes.end()
    assert not strikes.out()


@given(st.lists(st.text(), max_size=5))
def test_a_damaged_file_counts_for_nothing(lines):
    assert count_recent(lines, BOOT, 10**12) == 0


def test_two_processes_strike_together(tmp_path):
    clock = SimulatedClock()
    OpenFailures(tmp_path, clock).note()
    assert not OpenFailures(tmp_path, clock).out()
    clock.advance(59)
    OpenFailures(tmp_path, clock).note()
    assert OpenFailures(tmp_path, clock).out()
    clock.advance(2)
    assert not OpenFailures(tmp_path, clock).out()


def test_where_nothing_can_be_written_this_process_remembers(tmp_path):
    (tmp_path / "run").write_text("no directory")
    strikes = OpenFailures(tmp_path / "run", SimulatedClock())
    strikes.note()
    strikes.note()
    assert strikes.out()


async def opened(directory, runtime, **more):
    return await open_or_volatile(
        directory,
        runtime=runtime,
        station=STATION,
        options=SMALL,
        clock=Clock.open(runtime),
        retaining=("district",),
        pause_s=0,
        **more,
    )


async def test_a_sound_disk_gets_the_journal(tmp_path):
    journal = await opened(tmp_path, tmp_path / "run")
    assert not journal.volatile
    with pytest.raises(JournalLocked):
        await opened(tmp_path, tmp_path / "run")
    await journal.close()


async def test_a_dead_disk_gets_a_journal_in_memory_that_says_so(tmp_path):
    (tmp_path / "state").write_text("no directory")
    journal = await opened(tmp_path / "state", tmp_path / "run")
    assert journal.volatile
    assert journal.stats().volatile
    (told,) = await journal.read(Lane.ALARM, 0)
    assert json.loads(b"{" + told.body)["data"] == {
        "former": None, "why": "journal.epoch-volatile",
    }  # fmt: skip
    assert (await journal.append([fact(Lane.EMERGENCY)]))[0].seq == 1
    assert journal.follower("district", retaining=True).waiting()[Lane.EMERGENCY] == 1
    await journal.close()


async def test_two_errors_while_running_within_a_minute_are_enough(tmp_path):
    """Each is a process that ended; the disk opened every time."""
    for _ in range(2):
        journal = await opened(tmp_path, tmp_path / "run")
        assert not journal.volatile
        journal._core._db.close()  # from now on every job fails
        with pytest.raises(Exception, match=r"journal\.unknown"):
            await journal.append([fact(Lane.EMERGENCY)])
        assert journal.fatal.done()
        await asyncio.sleep(0)  # the callback
        await journal.close()
    journal = await opened(tmp_path, tmp_path / "run")
    assert journal.volatile
    assert isinstance(journal, Journal)
    await journal.close()


def damaged(directory):
    """A journal that was closed and then damaged."""
    core = core_factory.open_core(
        directory, station=STATION, options=SMALL, clock=SimulatedClock(), retaining=("district",)
    )
    core.commit([several(Lane.SERVICE, 10), one(Lane.EMERGENCY, 1)])
    core.close()
    with (directory / "journal.db").open("r+b") as file:
        file.write(bytes(100))


async def test_an_opening_that_takes_long_goes_on_behind_a_journal_in_memory(tmp_path, monkeypatch):
    damaged(tmp_path)
    go_on, slowly, told = threading.Event(), core_factory.OpenContext.run, []

    def waits(self, lock):
        go_on.wait()
        return slowly(self, lock)

    monkeypatch.setattr(core_factory.OpenContext, "run", waits)
    journal = await opened(
        tmp_path, tmp_path / "run", opening_s=0.01, on_wait=lambda: told.append(1)
    )
    assert journal.volatile
    assert told
    assert not journal.recovered.done()
    await journal.append([fact(Lane.EMERGENCY, 7)])
    go_on.set()
    await journal.recovered
    await journal.append([fact(Lane.ALARM, 8)])
    await journal.close()
    again = await opened(tmp_path, tmp_path / "run")
    assert not again.volatile
    assert again.stats().recovering > 0
    again._engine._carry_ns = 0
    again._engine.pump()
    while again.stats().recovering:
        await again._engine.sleep()
    of_former = [
        json.loads(b"{" + entry.body)
        for lane in (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
        for entry in await again.read(lane, 0)
    ]
    assert [each["n"] for each in of_former if "n" in each] == [1, *range(10)]
    ours = [each["data"]["n"] for each in of_former if "test.fact" in each.get("type", "")]
    assert ours == [7, 8]
    why = {each["data"]["why"] for each in of_former if "feed.epoch" in each.get("type", "")}
    assert why == {
        events.RECOVERING, events.SALVAGED, events.CARRIED, events.VOLATILE,
    }  # fmt: skip
    await again.close()


def test_a_disk_that_is_dead_for_months_is_tried_as_often_as_before():
    assert startup._doubled(30.0, 0, 3600.0) == 0.0
    assert [startup._doubled(30.0, n, 3600.0) for n in (1, 2, 10_000)] == [60.0, 120.0, 3600.0]


async def test_a_journal_without_room_is_tried_again_behind_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "AGAIN_S", 0.001)
    full = itertools.chain([True, True], itertools.repeat(False))
    run = core_factory.OpenContext.run

    def no_room(self, lock):
        if next(full):
            raise JournalFull("journal.full")
        return run(self, lock)

    monkeypatch.setattr(core_factory.OpenContext, "run", no_room)
    journal = await opened(tmp_path, tmp_path / "run")
    assert journal.volatile
    await journal.recovered
    await journal.close()
    assert not OpenFailures(tmp_path / "run", SimulatedClock()).out()
    assert len(wrecks.find_wrecks(tmp_path)) == 1


async def test_a_stop_does_not_wait_for_an_opening(tmp_path, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(core_factory.OpenContext, "run", lambda *_: go_on.wait())
    journal = await opened(tmp_path, tmp_path / "run", opening_s=0)
    await journal.append([fact(Lane.EMERGENCY)])
    await journal.close()
    assert not journal.recovered.done()
    assert list(wrecks.find_wrecks(tmp_path)) == [journal.epoch], "nor is its memory lost"
    go_on.set()


@pytest.mark.parametrize("more", [0, 1])
async def test_a_stop_without_the_disk_leaves_room_for_the_wrecks_of_damage(
    tmp_path, monkeypatch, more
):
    for n in range(wrecks.WRECKS_MAX - core_factory.DAMAGED_MIN - 1 + more):
        wrecks.wreck_path(tmp_path, f"{n:016x}").touch()
    go_on = threading.Event()
    monkeypatch.setattr(core_factory.OpenContext, "run", lambda *_: go_on.wait())
    journal = await opened(tmp_path, tmp_path / "run", opening_s=0)
    await journal.close()
    assert (journal.epoch in wrecks.find_wrecks(tmp_path)) is not more
    go_on.set()


async def test_a_stop_does_not_wait_for_a_disk_that_takes_nothing(tmp_path, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(core_factory.OpenContext, "run", lambda *_: go_on.wait())
    monkeypatch.setattr(journal_module, "KEPT_WITHIN_S", 0.01)
    monkeypatch.setattr(journal_module, "write_wreck", lambda *_, **__: go_on.wait())
    journal = await opened(tmp_path, tmp_path / "run", opening_s=0)
    await journal.close()
    assert not go_on.is_set()
    go_on.set()


async def test_what_is_in_memory_is_kept_while_a_new_start_is_put_off(tmp_path, monkeypatch):
    damaged(tmp_path)
    runtime = tmp_path / "run"
    OpenFailures(runtime, Clock.open(runtime)).recovered()
    whole, close = asyncio.Event(), Journal.close

    async def closes(journal):
        await close(journal)
        whole.set()

    monkeypatch.setattr(Journal, "close", closes)
    journal = await opened(tmp_path, runtime, opening_s=0)
    await journal.append([fact(Lane.EMERGENCY, 7)])
    await whole.wait()
    await journal.close()
    assert not journal.recovered.done()
    assert journal.epoch in wrecks.find_wrecks(tmp_path)


async def test_a_stop_while_the_journal_opens_is_no_strike(tmp_path, monkeypatch):
    """Two of them would have taken a sound disk for dead."""
    go_on = threading.Event()
    monkeypatch.setattr(core_factory.OpenContext, "run", lambda *_: go_on.wait())
    for _ in range(2):
        starting = asyncio.create_task(opened(tmp_path, tmp_path / "run"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert "opening" in (tmp_path / "run" / "journal-strikes").read_text()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert (tmp_path / "run" / "journal-strikes").read_text() == ""
    go_on.set()


@pytest.mark.parametrize("error", [OSError(errno.EIO, "unreadable"), ValueError("ours")])
async def test_whatever_keeps_the_journal_from_opening_the_station_starts(
    tmp_path, monkeypatch, error
):
    def fails(directory):
        raise error

    monkeypatch.setattr(core_factory, "JournalLock", fails)
    journal = await opened(tmp_path, tmp_path / "run")
    assert journal.volatile
    await journal.close()


async def test_a_lock_file_that_has_no_room_keeps_no_journal_from_opening(tmp_path, monkeypatch):
    await (await opened(tmp_path, tmp_path / "run")).close()
    (tmp_path / lock.NAME).unlink()

    def no_room(*_):
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(lock.os, "pwrite", no_room)
    journal = await opened(tmp_path, tmp_path / "run")
    assert not journal.volatile
    await journal.close()


async def test_a_disk_whose_opening_stays_slow_is_no_reason_to_start_anew(tmp_path, monkeypatch):
    """The new start would only be in memory again; it waits no longer than any other."""
    tries, tried = [], asyncio.Event()

    def slowly(opener, opening, not_before_s):
        tries.append(1)
        if len(tries) == 3:
            tried.set()
        return can_be_had(opener, opening, not_before_s)

    can_be_had = startup._Opener._can_be_had
    monkeypatch.setattr(startup._Opener, "_can_be_had", slowly)
    monkeypatch.setattr(startup, "AGAIN_S", 0.001)
    monkeypatch.setattr(startup, "QUICK_S", 0.0)
    journal = await opened(tmp_path, tmp_path / "run", opening_s=0)
    assert journal.volatile
    await tried.wait()
    assert not journal.recovered.done()
    monkeypatch.setattr(startup, "QUICK_S", 60.0)
    await journal.recovered
    await journal.close()
    again = await opened(tmp_path, tmp_path / "run")
    assert not again.volatile
    await again.close()


async def test_a_disk_that_was_taken_for_dead_is_tried_again_behind_the_station(
    tmp_path, monkeypatch
):
    slept = []

    async def sleep(s):
        clock.advance(s)
        if s:
            slept.append(s)
            if len(slept) == 4:
                (tmp_path / "state").unlink()
        await pause(0)

    clock, pause = SimulatedClock(), asyncio.sleep
    (tmp_path / "state").write_text("no directory")
    monkeypatch.setattr(startup.asyncio, "sleep", sleep)
    journal = await open_or_volatile(
        tmp_path / "state",
        runtime=tmp_path / "run",
        station=STATION,
        options=SMALL,
        clock=clock,
        pause_s=0,
    )
    assert journal.volatile
    await journal.append([fact(Lane.EMERGENCY, 7)])
    await journal.recovered
    assert slept == [60, 120, 240, 480], "in the first of them the strikes expire"
    await journal.close()
    assert list(wrecks.find_wrecks(tmp_path / "state")) == [journal.epoch], "nor is its memory lost"


def test_what_comes_and_goes_is_tried_ever_more_seldom(tmp_path):
    clock = SimulatedClock()
    strikes = OpenFailures(tmp_path, clock)
    assert strikes.recent_counts() == (0, 0)
    for _ in range(3):
        strikes.note()
        strikes.recovered()
        clock.advance(3600)
    assert OpenFailures(tmp_path, clock).recent_counts() == (3, 3)
    clock.advance(22 * 3600)
    assert strikes.recent_counts() == (2, 2)
    rests = [startup._doubled(startup.REST_S / 2, n, startup.REST_S_MAX) for n in range(6)]
    assert rests == [0, 600, 1200, 2400, 3600, 3600]
