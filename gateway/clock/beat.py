"""The second that everybody who looks once a second shares, the buses too: one wake for all."""

import asyncio


async def next_beat() -> None:
    """Until the next whole second of the loop's time; who comes late waits for the one after."""
    now_s = asyncio.get_running_loop().time()
    await asyncio.sleep(1.5 - (now_s + 0.5) % 1.0)
