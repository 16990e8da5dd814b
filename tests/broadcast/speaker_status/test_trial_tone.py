"""The test tone: on one loudspeaker alone, and never at night."""

from pathlib import Path
from typing import Any, cast

import pytest

from broadcast.audio_protocol.messages import Programme
from broadcast.audio_protocol.speaker_options import SoundCardOptions
from broadcast.clips.store import ClipStore
from broadcast.policy.guard import SoundZone, ZoneMap
from broadcast.policy.quiet_hours import QuietHours
from broadcast.ports import AudioPort
from broadcast.speaker_status.trial_tone import TIMES, TrialTone
from gateway.audit.events import Actor
from gateway.config.rules import calendar
from gateway.errors import CommandRefused, UsageError
from gateway.event import Trust
from tests.access.harness import MovedClock

BOSS = Actor("installer", "boss")
DAY_S, NOON_S = 86_400, 4 * 3600
# Midnight UTC of a day in November 2026: eight in the morning in Shanghai.
DAY_BEGINS_NS = 1_793_750_400 * 1_000_000_000


class FakeEngine:
    """Notes what it was to play."""

    def __init__(self) -> None:
        self.prepared: list[Programme] = []
        self.played: list[str] = []

    async def prepare(self, programme: Programme) -> int:
        self.prepared.append(programme)
        return 1

    async def play(self, id_: str, start: int = 0) -> None:
        self.played.append(id_)


def made(folder: Path, hour_s: int) -> tuple[TrialTone, FakeEngine]:
    clock, engine = MovedClock(), FakeEngine()
    clock.learn(Trust.NTP, DAY_BEGINS_NS + hour_s * 1_000_000_000, 1_000_000)
    zones = {
        "all": SoundZone("all", "全小区", "community", frozenset(), frozenset({"horn"})),
        "lift": SoundZone("lift", "电梯", "near", frozenset(), frozenset({"lift"})),
    }
    speakers: dict[str, Any] = {
        "horn": SoundCardOptions(zones=("all",)),
        "lift": SoundCardOptions(zones=("lift",)),
    }
    house = ZoneMap(zones, QuietHours("21:30-07:00", calendar("Asia/Shanghai")))
    tone = TrialTone(speakers, house, clock, cast(AudioPort, engine), ClipStore(folder / "media"))
    return tone, engine


async def test_it_sounds_on_that_speaker_alone(tmp_path: Path) -> None:
    tone, engine = made(tmp_path, NOON_S)
    await tone.beep("horn", BOSS)
    await tone.beep("lift", BOSS)
    horn, lift = engine.prepared
    assert engine.played == [horn.id, lift.id]
    assert (horn.zones, lift.zones) == (("speaker:horn",), ("speaker:lift",))
    assert horn.repeat == TIMES
    assert len(horn.files) == 1
    assert lift.gain_db < horn.gain_db, "what is next to somebody's ear is capped"


async def test_nobody_is_woken_by_a_test(tmp_path: Path) -> None:
    tone, engine = made(tmp_path, 15 * 3600)  # 23:00 in Shanghai
    with pytest.raises(CommandRefused):
        await tone.beep("horn", BOSS)
    await tone.beep("lift", BOSS)
    assert [each.zones for each in engine.prepared] == [("speaker:lift",)]


async def test_a_horn_of_the_street_is_not_tested_by_night_because_it_is_near_somebody_too(
    tmp_path: Path,
) -> None:
    tone, engine = made(tmp_path, 15 * 3600)
    zones = {
        "all": SoundZone("all", "全小区", "community", frozenset(), frozenset({"lift"})),
        "lift": SoundZone("lift", "电梯", "near", frozenset(), frozenset({"lift"})),
    }
    tone._house = tone._house._replace(zones=zones)
    tone._speakers["lift"] = SoundCardOptions(zones=("all", "lift"))
    with pytest.raises(CommandRefused):
        await tone.beep("lift", BOSS)
    assert engine.prepared == []


async def test_a_speaker_that_is_not_there_is_named(tmp_path: Path) -> None:
    tone, _ = made(tmp_path, NOON_S)
    with pytest.raises(UsageError):
        await tone.beep("horn-b9", BOSS)
