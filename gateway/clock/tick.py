"""The shared second of all periodic checks, buses included: one wake-up for all."""

import asyncio


async def next_tick() -> None:
    """Wait for the next whole second of the loop's time; a late caller waits for the one after."""
    now_s = asyncio.get_running_loop().time()
    await asyncio.sleep(1.5 - (now_s + 0.5) % 1.0)
