import asyncio
import itertools
import logging
import os
import socket

import pytest

from gateway import systemd
from gateway.tasks import RUN_S_MIN, TaskSet, keep_running, stop_tasks
from tests.sim.loop import run as simulate


def test_a_failing_task_is_started_again_but_never_in_a_tight_loop(caplog):
    starts: list[float] = []

    async def fail() -> None:
        starts.append(asyncio.get_running_loop().time())
        raise ValueError("broken")

    async def story() -> None:
        task = asyncio.create_task(keep_running("bus", fail), name="bus")
        await asyncio.sleep(RUN_S_MIN * 10 + 0.5)
        await stop_tasks([task], 1)

    with caplog.at_level(logging.ERROR):
        simulate(story())
    assert len(starts) == 11
    assert all(later - earlier >= RUN_S_MIN for earlier, later in itertools.pairwise(starts))
    assert "bus failed" in caplog.text


def test_a_task_that_will_not_stop_is_left_behind_and_named(caplog):
    async def stubborn() -> None:
        try:
            await asyncio.sleep(1e9)
        except asyncio.CancelledError:
            await asyncio.sleep(5)

    async def story() -> float:
        task = asyncio.create_task(stubborn(), name="deaf")
        await asyncio.sleep(0)
        began_s = asyncio.get_running_loop().time()
        await stop_tasks([task], 2)
        took_s = asyncio.get_running_loop().time() - began_s
        await task
        return took_s

    assert simulate(story()) == pytest.approx(2)
    assert "deaf did not stop" in caplog.text


@pytest.fixture
def service_manager(monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield manager


def test_the_watchdog_is_fed_only_while_the_writer_moves(service_manager):
    moves = iter([True, True, False, True])

    async def story() -> None:
        feeding = asyncio.create_task(systemd.feed_watchdog(10, lambda: next(moves)))
        await asyncio.sleep(35)
        await stop_tasks([feeding], 1)

    simulate(story())
    heard = [service_manager.recv(100) for _ in range(3)]
    assert heard == [b"WATCHDOG=1"] * 3
    with pytest.raises(BlockingIOError):
        service_manager.recv(100)


def test_a_service_manager_that_went_away_ends_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.notify("STOPPING=1")


def test_without_a_service_manager_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_how_often_systemd_wants_to_hear_of_us(monkeypatch, environment, every_s):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert os.getpid() != 1
    assert systemd.watchdog_period_s() == every_s


def test_a_task_set_keeps_what_runs_and_drops_what_has_ended() -> None:
    async def story() -> None:
        tasks, gate = TaskSet(), asyncio.Event()
        first = tasks.start(gate.wait(), name="first")
        broken = tasks.start(asyncio.wait_for(asyncio.Event().wait(), 1))
        assert {task.get_name() for task in tasks} >= {"first"}
        gate.set()
        await tasks.wait()
        assert await first is True
        assert isinstance(broken.exception(), TimeoutError)
        assert len(tasks) == 0
        hung = tasks.start(asyncio.Event().wait())
        tasks.cancel()
        await tasks.wait()
        assert hung.cancelled()

    simulate(story())
