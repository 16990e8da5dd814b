"""The shells: one job at a time, results on the event loop, nothing left behind."""

import asyncio
import threading

import pytest

from gateway.errors import JournalDamaged, JournalFailed
from gateway.event import Lane
from gateway.journal.options import WAL_FRAMES
from gateway.journal.writer import ThreadShell, run_job
from tests.sim.journal import fact, simulated_journal
from tests.sim.loop import simulated


async def test_work_is_done_in_the_thread_and_answers_on_the_loop():
    shell = ThreadShell()
    assert await run_job(shell, threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await run_job(shell, lambda: 1 / 0)
    await shell.stop()
    assert not shell._thread.is_alive()


async def test_who_has_gone_away_is_not_told():
    shell, started, go_on = ThreadShell(), threading.Event(), threading.Event()
    asked = asyncio.create_task(run_job(shell, lambda: (started.set(), go_on.wait())))
    await asyncio.sleep(0)
    started.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go_on.set()
    assert await run_job(shell, int) == 0
    await shell.stop()


def test_a_loop_that_has_ended_is_left_alone():
    go_on = threading.Event()

    async def leave():
        shell = ThreadShell()
        shell.start(go_on.wait, lambda *_: None)
        return shell

    shell = asyncio.run(leave())
    go_on.set()
    shell._thread.join(5)
    assert not shell._thread.is_alive()


@simulated
async def test_a_long_log_is_copied_between_the_commits():
    journal = simulated_journal()
    journal._engine.measures = journal._engine.measures._replace(log_frames=WAL_FRAMES)
    chores = []
    journal._core.chore = lambda *, idle: bool(chores.append(idle))
    journal._engine.pump()
    await asyncio.sleep(0.1)
    assert chores == [False]
    await journal.close()


@simulated
async def test_damage_met_by_a_read_ends_the_journal():
    journal = simulated_journal()

    def load(_):
        raise JournalDamaged("journal.damaged", reason="SQLITE_CORRUPT")

    journal._core.load = load
    with pytest.raises(JournalDamaged):
        await journal.load("r")
    assert isinstance(journal.fatal.result(), JournalFailed)
    with pytest.raises(JournalFailed):
        await journal.append([fact(Lane.ALARM)])
    await journal.close()
