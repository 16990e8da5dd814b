"""What the desk is told: the ladder, volumes, the order of keys, what comes and what is skipped."""

from typing import Any

import pytest

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.speaker_options import UnicastOptions
from broadcast.material.presets import Presets
from broadcast.options import PresetOptions
from broadcast.orders.schedules import Schedule, Schedules
from broadcast.speaker_status.monitor import SpeakerMonitor
from broadcast.speaker_status.zone_volume import ZoneVolumes
from gateway.audit.events import Actor
from gateway.config.rules import calendar
from gateway.errors import UsageError
from gateway.event import Trust
from tests.access.harness import MovedClock
from tests.web.station import WALL_NS, S

STAFF = Actor("staff", "zhang")


class Kept:
    """A journal that is a dictionary."""

    epoch = "0" * 16

    def __init__(self) -> None:
        self.state: dict[str, dict[str, bytes]] = {}

    async def append(self, _events: Any, state: Any = ()) -> tuple[()]:
        for change in state:
            room = self.state.setdefault(change.room, {})
            room.pop(change.key, None)
            if change.body is not None:
                room[change.key] = change.body
        return ()

    async def load(self, room: str) -> dict[str, bytes]:
        return dict(self.state.get(room, {}))


def test_the_ladder_counts_only_what_each_loudspeaker_has_shown():
    monitor = SpeakerMonitor(["a", "b", "c"])
    monitor.handle_event(messages.SpeakerWorks("a", "heard"))
    monitor.handle_event(messages.SpeakerWorks("b", "reachable"))
    assert monitor.reached("order-1") == ()
    monitor.handle_event(messages.ProgrammeStarted("order-1", 1, speakers=("a", "b", "listen-all")))
    assert monitor.reached("order-1") == (2, 2, 1, 0), "a test of yesterday is no ear of today"
    monitor.handle_event(messages.ProgrammeHeard("order-1", "a"))
    monitor.handle_event(messages.ProgrammeHeard("order-1", "c"))  # it never left to that one
    assert monitor.reached("order-1") == (2, 2, 1, 1)
    monitor.handle_event(messages.SpeakerFailed("a", "speaker.no-answer"))
    assert monitor.reached("order-1") == (2, 1, 0, 1), "what was heard was heard"
    assert set(monitor.faults) == {"a"}
    monitor.handle_event(messages.SpeakerWorks("a", "sent"))
    assert monitor.faults == {}


def test_what_was_known_of_another_process_is_forgotten():
    monitor = SpeakerMonitor(["a"])
    monitor.handle_event(messages.SpeakerFailed("a", "speaker.no-answer"))
    monitor.handle_event(messages.ZoneMeter("all", -12.0))
    monitor.reconcile(messages.AudioState(1, "p", "b", realtime=False))
    assert (monitor.faults, monitor.level("all")) == ({}, -60.0)


async def test_a_loudspeaker_is_lowered_by_every_zone_that_it_is_in():
    volumes = ZoneVolumes(Kept())
    horn = messages.SpeakerSetting(
        "horn", UnicastOptions(zones=("all", "b3"), to=("127.0.0.1:5004",), volume_db=-6)
    )
    assert volumes.apply_to([horn]) == (horn,)
    await volumes.step_by("all", -2)
    await volumes.step_by("b3", -1)
    assert volumes.apply_to([horn])[0].options.volume_db == -15
    assert await volumes.step_by("all", -100) == 0
    assert volumes.apply_to([horn])[0].options.volume_db == -39
    assert await volumes.step_by("all", 100) == 10


async def test_volumes_and_the_order_of_keys_outlive_a_restart():
    journal = Kept()
    ready = {name: PresetOptions(name=name, text="x") for name in ("a", "b", "c")}
    presets, volumes = Presets(journal, ready), ZoneVolumes(journal)
    await presets.arrange(["c", "gone", "a"])
    await volumes.step_by("hall", -4)
    presets, volumes = Presets(journal, ready), ZoneVolumes(journal)
    await presets.load()
    await volumes.load()
    assert list(presets.all()) == ["c", "a", "b"]
    assert volumes.step("hall") == 6


async def test_a_schedule_is_skipped_once_and_only_once():
    journal, clock = Kept(), MovedClock()
    clock.learn(Trust.NTP, WALL_NS, 1_000_000)
    zone = "Asia/Shanghai"
    schedules = Schedules(journal, clock, zone, calendar(zone))
    daily = Schedule(name="x", cron="10 14 * * *", preset="a", zones=("all",))
    await schedules.put("plan", daily, STAFF)
    await schedules.due()  # 14:05: nothing yet
    first, second = schedules.next_instants(daily, WALL_NS, 2)
    assert (second - first) == 86_400 * S
    await schedules.skip("plan", first)
    clock.advance(305)
    assert await schedules.due() == []
    clock.advance(86_400)
    assert [due.now for due in await schedules.due()] == [True]
    with pytest.raises(UsageError):
        await schedules.skip("none", first)


async def test_a_skip_outlives_a_restart():
    journal, clock = Kept(), MovedClock()
    zone = "Asia/Shanghai"
    schedules = Schedules(journal, clock, zone, calendar(zone))
    daily = Schedule(name="x", cron="10 14 * * *", preset="a", zones=("all",))
    await schedules.put("plan", daily, STAFF)
    await schedules.skip("plan", 5)
    schedules = Schedules(journal, clock, zone, calendar(zone))
    await schedules.load()
    assert (schedules.skipped("plan"), list(schedules.all())) == (5, ["plan"])
    await schedules.skip("plan", None)
    assert schedules.skipped("plan") is None


def test_workdays_follow_the_decreed_swaps():
    zone = "Asia/Shanghai"
    schedules = Schedules(Kept(), MovedClock(), zone, calendar(zone))
    spring_ns = 1_771_027_200 * S  # 2026-02-14 08:00, a Saturday that is worked for the festival
    works = Schedule(name="x", cron="0 9 * * *", preset="a", zones=("all",), days="workdays")
    first, second = schedules.next_instants(works, spring_ns, 2)
    assert (first - spring_ns) == 3600 * S
    assert (second - first) == 10 * 86_400 * S, "nothing from the 15th to the 23rd"
