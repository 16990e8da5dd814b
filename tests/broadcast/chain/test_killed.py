"""kill -9 of the real station around a signed emergency: heard once, and the platform is told."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from gateway.demo.platform.orders import OrderForm
from tests.broadcast.chain.street import STATION, Packet, Street, now_ns

pytestmark = [pytest.mark.slow, pytest.mark.proof]

EMERGENCY = 8
PAUSE_NS = 500_000_000
KILLS = max(2, round(12 * float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))))
SEED = int(os.environ.get("YIZHAN_SEED", "20261129"))


def begun(packets: list[Packet]) -> int:
    """How often a sound began: stretches of packets with silence between them."""
    return sum(
        1
        for before, packet in zip([None, *packets], packets, strict=False)
        if before is None or packet.at_ns - before.at_ns > PAUSE_NS
    )


async def round_of(street: Street, delay_s: float) -> int:
    """Order, kill so long after, start again; how often it was heard."""
    since = now_ns()
    data = {"zones": ["b3"], "preset": "smoke", "class": "emergency", "repeat": 1}
    form = OrderForm(STATION, "broadcast.play", data, manner="signed", ttl_s=60)
    issued = street.platform.orders.issue(form)
    await asyncio.sleep(delay_s)
    await street.station.kill()
    await street.station.start()

    async def answered() -> str:
        found = street.platform.store.find(issued)
        return "" if found is None or found.state in {"sent", "accepted"} else found.state

    assert await street.until(answered, within_s=30) == "done"
    await street.ears["horn-b3"].first(EMERGENCY, since, within_s=20)
    assert await street.ends(issued, within_s=40) == "finished"
    states = [step.state for step in street.platform.store.life(issued)]
    assert states.count("done") == 1
    return begun(street.ears["horn-b3"].since(since, EMERGENCY))


async def test_killed_while_it_is_taken_made_and_sounded(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    delays = [rng.uniform(0, 0.4) for _ in range(KILLS)]
    async with Street(tmp_path).playing() as street:
        await street.open()
        heard = [await round_of(street, delay_s) for delay_s in delays]
    print(f"killed {KILLS} times within 0.4 s of the order (seed {SEED}); heard: {heard}")
    assert heard == [1] * KILLS
