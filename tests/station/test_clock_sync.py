"""Timekeeping tells steps, keeps the floor sparingly, and knows whom the settings let tell time."""

import asyncio
from pathlib import Path

import pytest

from gateway.clock import Clock, UplinkTimeSource, floor_file, rtc
from gateway.errors import JournalFull
from gateway.event import Event, Lane, Trust, rfc3339
from gateway.station.clock_sync import ClockSync
from gateway.upstream.connections import lenders
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.sim.clock import SimulatedClock
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import run as simulate
from tests.sim.loop import simulated

S = 1_000_000_000
NOON_NS = 1_790_000_000 * S
HTTPS = "https://iot.example.cn/yizhan"


def test_required_uplinks_come_first_then_as_the_file_has_them() -> None:
    options = {
        "side": HttpOptions(url="https://side.example/x", required=False),
        "main": HttpOptions(url="https://IOT.example.cn:8443/a"),
        "twin": HttpOptions(url=HTTPS, clock=False),
        "wire": HttpOptions(url="http://10.0.0.9/", plain=True, required=False),
        "near": HttpOptions(url="http://127.0.0.1:9080/"),
        "asked": HttpOptions(url="http://10.0.0.8/", plain=True, required=False, clock=True),
        "only": HttpOptions(url="http://10.0.0.7/", plain=True),
    }
    assert lenders(options) == [
        UplinkTimeSource("main", "iot.example.cn", lends=True, alone=True, secure=True),
        UplinkTimeSource("twin", "iot.example.cn", lends=False, alone=True, secure=True),
        UplinkTimeSource("near", "127.0.0.1", lends=True, alone=True, secure=True),
        UplinkTimeSource("only", "10.0.0.7", lends=True, alone=True, secure=False),
        UplinkTimeSource(
            "side", "side.example", lends=True, alone=True, secure=True, required=False
        ),
        UplinkTimeSource(
            "wire", "10.0.0.9", lends=False, alone=False, secure=False, required=False
        ),
        UplinkTimeSource(
            "asked", "10.0.0.8", lends=True, alone=False, secure=False, required=False
        ),
    ]


async def living(
    clock: SimulatedClock, state: Path, journal=None
) -> tuple[ClockSync, list, asyncio.Task]:
    stirred: list[int] = []
    time = ClockSync(
        clock, journal or simulated_journal(), state, lambda: stirred.append(clock.now_ns())
    )
    task = asyncio.create_task(time.run())
    await asyncio.sleep(1)
    return time, stirred, task


@simulated
async def test_steps_are_told_once_a_minute_and_stir_at_once(tmp_path: Path) -> None:
    clock, journal = loop_clock(), simulated_journal()
    clock.lend([UplinkTimeSource("district", "a"), UplinkTimeSource("police", "b")])
    time, stirred, task = await living(clock, tmp_path, journal)
    for turn in range(600):  # ten minutes of NTP that is beside itself
        clock.kernel.set_wall(NOON_NS + clock.now_ns() + turn % 2 * 3600 * S)
        clock.kernel.ntp_error_ns = 1_000_000
        time.handle_step(clock.poll())
        time.learn_platform_time("police", rfc3339(NOON_NS + clock.now_ns()), 1000)
        await asyncio.sleep(1)
    told = await journal.read(Lane.SERVICE, 0)
    assert len(stirred) == 600
    assert 2 <= len(told) <= 11
    task.cancel()
    await journal.close()


class Full:
    """A journal that takes nothing for a while."""

    def __init__(self) -> None:
        self.full = True
        self.kept: list[Event] = []

    async def append(self, events: list[Event]) -> None:
        if self.full:
            raise JournalFull("journal.full")
        self.kept += events


@simulated
async def test_a_full_journal_ends_nothing_and_hears_of_the_step_later(tmp_path: Path) -> None:
    clock, journal = loop_clock(), Full()
    time, stirred, task = await living(clock, tmp_path, journal)
    time.learn_platform_time("district", rfc3339(NOON_NS), 1000)
    await asyncio.sleep(300)
    assert len(stirred) == 1
    assert not task.done()
    journal.full = False
    await asyncio.sleep(120)
    (event,) = journal.kept
    assert event.data.source == "platform"  # type: ignore[attr-defined]  # a ClockMoved
    task.cancel()


@simulated
async def test_the_floor_is_written_at_once_where_it_leaps_then_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = floor_file.write_floor

    def write(state: Path, floor_ns: int) -> None:
        written.append(floor_ns)
        real(state, floor_ns)

    monkeypatch.setattr(floor_file, "write_floor", write)
    clock = loop_clock()
    _, _, task = await living(clock, tmp_path)
    await asyncio.sleep(1800)
    assert written == []
    clock.kernel.hold()
    await asyncio.sleep(60)
    assert len(written) == 1
    await asyncio.sleep(10 * 3600)
    assert 10 <= len(written) <= 11
    assert floor_file.read_floor(tmp_path) == written[-1]
    task.cancel()


@simulated
async def test_a_kill_at_any_instant_loses_nothing_of_the_floor(tmp_path: Path) -> None:
    kernel = loop_clock().kernel
    clock = Clock("0" * 16, kernel, kept=tmp_path / "clock")
    time, _, task = await living(clock, tmp_path)  # type: ignore[arg-type]  # as simulated as need be
    time.learn_platform_time("district", rfc3339(NOON_NS), 1000)
    time.handle_step(clock.learn(Trust.METER, NOON_NS, S, "em-b3"))  # the second witness: no step
    task.cancel()
    assert clock.floor_ns > NOON_NS - 2 * S
    assert Clock("0" * 16, kernel, kept=tmp_path / "clock").floor_ns >= clock.floor_ns - S // 100


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\x00", b"soon", b"-5", b"9" * 400, b"4102444800000000001"]
)
def test_a_damaged_floor_is_no_floor(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / floor_file.NAME).write_bytes(garbage)
    assert floor_file.read_floor(tmp_path) == floor_file.EARLIEST_NS
    floor_file.write_floor(tmp_path, NOON_NS)
    assert floor_file.read_floor(tmp_path) == NOON_NS
    floor_file.write_floor(tmp_path / "gone", NOON_NS)  # a disk that refuses costs nothing


@simulated
async def test_the_clock_chip_is_asked_at_the_start_and_once_an_hour(
    tmp_path: Path,
) -> None:
    asked: list[int] = []
    clock = loop_clock()

    def read() -> int:
        asked.append(clock.now_ns())
        return NOON_NS + clock.now_ns()

    clock.kernel.chip = read
    time, _, task = await living(clock, tmp_path)
    assert clock.status().trust is Trust.RTC
    time.learn_platform_time("district", rfc3339(NOON_NS + clock.now_ns() + 5 * S), 1000)
    assert clock.vouched() is not None  # each seconds the other
    await asyncio.sleep(10 * 3600)
    assert 10 <= len(asked) <= 11
    task.cancel()


def test_a_chip_is_read_where_there_is_one_that_tells_utc(tmp_path: Path) -> None:
    adjtime = tmp_path / "adjtime"
    assert rtc.read_rtc(tmp_path, adjtime) is None
    for name, text in (("rtc0", None), ("rtc1", "soon\n"), ("rtc2", f"{NOON_NS // S}\n")):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "since_epoch").write_text(text, "ascii")
    assert rtc.read_rtc(tmp_path, adjtime) == NOON_NS + S // 2
    adjtime.write_text("0.0 0 0.0\n0\nUTC\n", "ascii")
    assert rtc.read_rtc(tmp_path, adjtime) == NOON_NS + S // 2
    adjtime.write_text("0.0 0 0.0\n0\nLOCAL\n", "ascii")
    assert rtc.read_rtc(tmp_path, adjtime) is None


@simulated
async def test_a_platform_that_says_nothing_readable_is_not_heard(tmp_path: Path) -> None:
    clock = loop_clock()
    time, stirred, task = await living(clock, tmp_path)
    for year in ("0001", "1970", "2099", "9999"):
        time.learn_platform_time("district", f"{year}-12-31T23:59:59.999Z", 2**62)
    assert clock.learn(Trust.PLATFORM, 2**63, 0, "district") is None
    assert len(stirred) <= 1
    task.cancel()


def test_what_a_person_said_survives_the_restarts_of_the_same_boot(tmp_path: Path) -> None:
    """The setup pages make the station start anew; nobody is asked twice what time it is."""
    environ = {"RUNTIME_DIRECTORY": str(tmp_path / "run")}
    clock = Clock.open(tmp_path, environ=environ)
    said_ns = max(NOON_NS, clock.floor_ns) + S

    async def told() -> None:
        time = ClockSync(clock, simulated_journal(), tmp_path, lambda: None)
        time.handle_step(clock.learn(Trust.PERSON, said_ns, 60 * S))

    simulate(told())
    for _ in range(2):  # killed, and started anew
        again = Clock.open(tmp_path, floor_ns=floor_file.read_floor(tmp_path), environ=environ)
        assert again.status().trust is Trust.PERSON
        assert abs((again.status().wall_ns or 0) - said_ns) < 60 * S
