"""The daily test of loudspeakers: by day, once a day, over restarts; faults told once, at once."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from broadcast.audio_protocol import messages
from broadcast.policy.quiet_hours import QuietHours, S
from broadcast.speaker_status.events import SpeakerTestResult
from broadcast.speaker_status.self_tests import DailySelfTests
from gateway.calendar import Calendar
from gateway.event import Lane, Trust
from tests.broadcast.playback.fake_audio import World
from tests.sim.loop import simulated

NOON_NS = 1_790_049_600 * S
NIGHT_NS = NOON_NS + 11 * 3600 * S
QUIET = QuietHours("21:30-07:00", Calendar("Asia/Shanghai", {}))
HOURS = QuietHours("10:00-18:00", Calendar("Asia/Shanghai", {}))
HORNS = ("horn-b3", "lift-b3")


class Engine:
    """Answers a test as told: by a fault for what is broken."""

    def __init__(self) -> None:
        self.tests: list[tuple[Sequence[str], Path | None]] = []
        self.broken: set[str] = set()
        self.tell = lambda _: None

    def add_listener(self, listener) -> None:
        self.tell = listener

    async def self_test(self, speakers: Sequence[str], chime: Path | None = None) -> None:
        self.tests.append((speakers, chime))
        for each in speakers:
            broken = messages.SpeakerFailed(each, "speaker.no-answer")
            self.tell(broken if each in self.broken else messages.SpeakerWorks(each, "sent"))


async def chime() -> Path:
    return Path("notice.wav")


async def no_time(_seconds: float) -> None:
    """The answers have come."""


def around(true_ns: int) -> World:
    world = World(true_ns)
    world.clock.learn(Trust.PLATFORM, true_ns, S)
    return world


async def room_of(world: World, engine: Engine) -> DailySelfTests:
    made = DailySelfTests(world.journal, world.clock, engine, QUIET, HORNS, hours=HOURS)
    await made.load()
    return made


async def told(world: World) -> list[tuple[str, dict]]:
    entries = await world.journal.read(Lane.SERVICE, 0)
    bodies = [msgspec.json.decode(b"{" + entry.body) for entry in entries]
    return [(body["type"].split(".")[3], body["data"]) for body in bodies]


@simulated
async def test_it_is_done_once_a_day_over_restarts_and_told():
    world, engine = around(NOON_NS), Engine()
    engine.broken = {"lift-b3"}
    for _ in range(3):
        await (await room_of(world, engine)).check(chime, no_time)
    assert engine.tests == [(HORNS, Path("notice.wav"))]
    (fault, report) = await told(world)
    assert fault[0] == "fault"
    assert fault[1]["speaker"] == "lift-b3"
    assert report == (
        "tested",
        {
            "speakers": {"horn-b3": {"rung": "sent"}, "lift-b3": {"code": "speaker.no-answer"}},
            "faults": 1,
        },
    )
    world.clock.learn(Trust.NTP, NOON_NS + 25 * 3600 * S, S)
    await (await room_of(world, engine)).check(chime, no_time)
    assert len(engine.tests) == 2


@simulated
async def test_one_that_a_wrong_clock_dated_keeps_off_none():
    world, engine = around(NOON_NS + 400 * 86_400 * S), Engine()
    await (await room_of(world, engine)).check(chime, no_time)
    world.clock.learn(Trust.NTP, NOON_NS, S)
    for _ in range(3):
        await (await room_of(world, engine)).check(chime, no_time)
    assert len(engine.tests) == 2


@simulated
async def test_nobody_is_woken_by_it_nor_while_the_hour_is_unknown():
    early_ns, late_ns = NOON_NS - 4 * 3600 * S, NOON_NS + 7 * 3600 * S
    for world in (around(NIGHT_NS), World(NOON_NS), around(early_ns), around(late_ns)):
        engine = Engine()
        await (await room_of(world, engine)).check(chime, no_time)
        assert engine.tests == []


@simulated
async def test_a_fault_is_told_once_and_its_end_too():
    world, engine = around(NIGHT_NS), Engine()
    room = await room_of(world, engine)
    for event in (
        messages.SpeakerWorks("horn-b3", "sent"),
        messages.SpeakerFailed("horn-b3", "speaker.no-card"),
        messages.SpeakerFailed("horn-b3", "speaker.no-card"),
        messages.SpeakerFailed("somebody-elses", "speaker.no-card"),
    ):
        engine.tell(event)
    await room.check(chime, no_time)
    assert [what for what, _ in await told(world)] == ["fault"]
    assert room.found == {"horn-b3": SpeakerTestResult("sent", "speaker.no-card")}
    room.reconcile([messages.SpeakerState("horn-b3", "sent")])
    await room.check(chime, no_time)
    await room.check(chime, no_time)
    assert [what for what, _ in await told(world)] == ["fault", "well"]


@simulated
async def test_somebody_may_ask_at_any_time_and_at_night_it_makes_no_sound():
    for true_ns, sounds in ((NOON_NS, True), (NIGHT_NS, False)):
        world, engine = around(true_ns), Engine()
        tests = await room_of(world, engine)
        tests.request()
        assert tests.testing
        await tests.check(chime, no_time)
        ((_, played),) = engine.tests
        assert (played is not None) is sounds
        assert not tests.testing
        assert [what for what, _ in await told(world)] == ["tested"]
        assert tests.last_ns is not None
        await world.journal.close()


@simulated
async def test_nothing_is_tested_while_something_sounds():
    world, engine = around(NOON_NS), Engine()
    sounds = True
    tests = DailySelfTests(
        world.journal, world.clock, engine, QUIET, HORNS, hours=HOURS, busy=lambda: sounds
    )
    await tests.load()
    tests.request()
    await tests.check(chime, no_time)
    assert engine.tests == []
    sounds = False
    await tests.check(chime, no_time)
    assert len(engine.tests) == 1
    await world.journal.close()
