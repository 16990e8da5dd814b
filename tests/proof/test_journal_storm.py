"""A storm of alarms on a slow card: the log stays short, and a full disk stops no emergency."""

import asyncio
import os
from collections import Counter

import pytest

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import Journal, JournalOptions
from gateway.journal.job_runner import LOG_FRAMES_MAX
from tests.proof.small_disk import KINDS, fill, may_mount, small_disk
from tests.sim.journal import fact, simulated_journal
from tests.sim.loop import run

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))

CARD_S = 0.06
ALARMS_PER_S = 33
EMERGENCY_EVERY = 10
OPTIONS = JournalOptions(quota_mb=64, reserve_mb=4)
needs_root = pytest.mark.skipif(not may_mount(), reason="mounting a small disk needs root")


class Storm:
    """So many alarms at `ALARMS_PER_S`; with `emergencies` so many of these between."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.outcomes: Counter = Counter()
        self.frames_max = 0
        self._under_way: set[asyncio.Task[None]] = set()

    async def blow(self, alarms: int, emergencies: int = 0) -> None:
        for n in range(alarms):
            self._send(Lane.ALARM, n)
            if n % EMERGENCY_EVERY == 0 and n // EMERGENCY_EVERY < emergencies:
                self._send(Lane.EMERGENCY, n)
            await asyncio.sleep(1 / ALARMS_PER_S)
            self.frames_max = max(self.frames_max, self.journal._engine.measures.log_frames)
        await asyncio.gather(*self._under_way)

    def _send(self, lane: Lane, n: int) -> None:
        task = asyncio.create_task(self._append(lane, n))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _append(self, lane: Lane, n: int) -> None:
        try:
            await self.journal.append([fact(lane, n, "." * 200)])
        except JournalFull:
            self.outcomes[f"{lane.wire} refused"] += 1
        else:
            self.outcomes[f"{lane.wire} kept"] += 1


@pytest.mark.proof
def test_an_hour_of_alarms_on_a_slow_card_leaves_the_log_short(memory_path):
    alarms = int(3_600 * ALARMS_PER_S * SHARE)

    async def hour() -> Storm:
        journal = simulated_journal(
            memory_path / "journal.db", options=OPTIONS, retaining=("district",), disk_s=CARD_S
        )
        storm = Storm(journal)
        await storm.blow(alarms)
        await journal.close()
        return storm

    storm = run(hour())
    print(f"storm: {dict(storm.outcomes)}, at most {storm.frames_max} frames in the log")
    assert storm.outcomes == {"alarm kept": alarms}
    assert storm.frames_max <= LOG_FRAMES_MAX + 100


@needs_root
@pytest.mark.proof
@pytest.mark.parametrize("kind", KINDS)
def test_a_storm_on_a_full_disk_refuses_no_emergency(tmp_path, kind):
    emergencies = max(100, int(800 * SHARE))

    async def storm_on(disk) -> Storm:
        journal = simulated_journal(
            disk / "journal.db", options=OPTIONS, retaining=("district",), disk_s=CARD_S
        )
        await journal.append([fact(Lane.SERVICE, n) for n in range(500)])
        await asyncio.sleep(10)  # the reserve is kept back
        fill(disk)
        storm = Storm(journal)
        await storm.blow(emergencies * EMERGENCY_EVERY, emergencies)
        await journal.close()
        return storm

    with small_disk(tmp_path, kind, 24) as disk:
        storm = run(storm_on(disk))
    print(f"storm on a full disk, {kind}: {dict(storm.outcomes)}, {storm.frames_max} frames")
    assert storm.outcomes["emergency kept"] == emergencies
