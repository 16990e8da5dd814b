"""The virtual-time loop jumps, keeps order, and refuses what would live in real time."""

import asyncio
import time

import pytest

from tests.sim.loop import START_S, NothingLeft, SimulatedLoop, run, simulated


@simulated
async def test_a_week_passes_at_once():
    began = time.monotonic()
    await asyncio.sleep(7 * 86_400)
    assert asyncio.get_running_loop().time() == pytest.approx(START_S + 7 * 86_400)
    assert time.monotonic() - began < 60


@pytest.mark.timeout(20)
def test_years_pass_at_once():
    async def years():
        for _ in range(1_000):
            await asyncio.sleep(86_400.1)
            await asyncio.sleep(1e-6)
        return asyncio.get_running_loop().time()

    assert run(years()) == pytest.approx(START_S + 1_000 * 86_400.1)


@simulated
async def test_timers_fire_in_order_of_their_time():
    fired = []
    loop = asyncio.get_running_loop()
    for delay in (3, 1, 2):
        loop.call_later(delay, fired.append, delay)
    await asyncio.sleep(4)
    assert fired == [1, 2, 3]


@simulated
async def test_a_timeout_fires_in_virtual_time():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3_600):
            await asyncio.Event().wait()


def test_a_dead_lock_is_named():
    async def wait_for_nobody():
        await asyncio.Event().wait()

    loop = SimulatedLoop()
    task = loop.create_task(wait_for_nobody())
    with pytest.raises(NothingLeft):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


@simulated
async def test_a_thread_is_refused():
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(time.sleep, 0)


def test_sockets_within_the_process_work():
    async def echo():
        async def answer(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return line

    assert run(echo()) == b"hello\n"
