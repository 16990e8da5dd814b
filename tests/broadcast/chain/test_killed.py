"""kill -9 of the real station around a signed emergency: heard once, and the platform is told."""

import asyncio
import os
import random
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.demo.platform.command_issuer import CommandForm
from tests.broadcast.chain.end_to_end import STATION, Packet, Street, now_ns

pytestmark = [pytest.mark.slow, pytest.mark.proof]

EMERGENCY = 8
FRAME_S = 0.02
# What a command is before it is answered; a busy machine may be killed before it has fetched it.
WAITING = frozenset({"issued", "sent", "accepted"})
KILLS = max(2, round(12 * float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))))
SEED = int(os.environ.get("YIZHAN_SEED", "20261129"))


class Heard(NamedTuple):
    """What came to the horn: sessions, each with a source of its own (RFC 3550), and how much.

    By packets and not by when they were read: whoever listens late has heard nothing twice.
    """

    sessions: int
    share: float

    @classmethod
    def of(cls, packets: list[Packet], seconds: float) -> "Heard":
        """Of a sound that lasts so long."""
        sources = {packet.data[8:12] for packet in packets}
        return cls(len(sources), round(len(packets) * FRAME_S / seconds, 2))


async def round_of(street: Street, delay_s: float) -> Heard:
    """Order, kill so long after, start again; what was heard of it."""
    since = now_ns()
    data = {"zones": ["b3"], "preset": "smoke", "class": "emergency", "repeat": 1}
    form = CommandForm(STATION, "broadcast.play", data, manner="signed", ttl_s=60)
    issued = street.platform.orders.issue(form)
    await asyncio.sleep(delay_s)
    await street.station.kill()
    await street.station.start()

    async def answered() -> str:
        found = street.platform.store.find(issued)
        return "" if found is None or found.state in WAITING else found.state

    assert await street.until(answered) == "done"
    await street.ears["horn-b3"].first(EMERGENCY, since)
    assert await street.ends(issued) == "finished"
    states = [step.state for step in street.platform.store.life(issued)]
    assert states.count("done") == 1
    order = await street.get(f"/api/v1/orders/{issued}")
    return Heard.of(
        street.ears["horn-b3"].since(since, EMERGENCY), order["receipt"]["detail"]["seconds"]
    )


async def test_killed_while_it_is_taken_made_and_sounded(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    delays = [rng.uniform(0, 0.4) for _ in range(KILLS)]
    async with Street(tmp_path).playing() as street:
        await street.open()
        heard = [await round_of(street, delay_s) for delay_s in delays]
    print(f"killed {KILLS} times within 0.4 s of the order (seed {SEED}); heard: {heard}")
    assert [each.sessions for each in heard] == [1] * KILLS
    # heard whole and once; a siren may have sounded for some tenths until the words were there
    assert all(0.98 <= each.share <= 1.10 for each in heard)
