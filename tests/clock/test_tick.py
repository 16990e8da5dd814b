import asyncio

from gateway.clock import next_tick
from tests.sim.loop import simulated


@simulated
async def test_everybody_who_looks_once_a_second_wakes_at_one_instant():
    loop, woken = asyncio.get_running_loop(), []

    async def look(after_s: float, takes_s: float) -> None:
        await asyncio.sleep(after_s)
        for _ in range(20):
            await next_tick()
            woken.append(loop.time())
            await asyncio.sleep(takes_s)

    await asyncio.gather(look(0.0, 0.0), look(0.3, 0.1), look(0.7, 0.2))
    assert {round(at_s % 1, 6) for at_s in woken} <= {0.0, 1.0}
    assert len({round(at_s) for at_s in woken}) <= 22


@simulated
async def test_a_wake_a_hair_too_early_is_no_second_beat():
    loop = asyncio.get_running_loop()
    await next_tick()
    began_s = loop.time()
    await asyncio.sleep(0.999999)
    await next_tick()
    assert round(loop.time() - began_s, 3) == 2.0
