"""The live stream: resumable, bounded, never ahead, ended when the station stops."""

import asyncio
import socket

import pytest

from gateway.event import Lane
from gateway.web.server import DEFAULT_BOUNDS, HUB, STOP_STEP_S, ServerLimits
from gateway.web.stream import StreamLimits
from tests.web.reader import Reader, reading, until
from tests.web.station import EPOCH, NORMAL, NOW_NS, Station, replace, station

QUICK = ServerLimits(streams=StreamLimits(pulse_s=0.02))
PATIENCE_S = 60


async def test_it_starts_with_a_snapshot_at_the_heads_and_goes_on_with_pulses() -> None:
    async with station(bounds=QUICK) as made:
        made.journal.add(Lane.ALARM, 3)
        async with reading(made) as stream:
            first = await stream.next()
            assert first.name == "snapshot"
            assert first.id == f"{EPOCH}:0.3.0.0"
            assert first.body["missed"] == 0
            assert first.body["at"] == NOW_NS // 1_000_000
            assert first.body["set"]["em-b3.power"]["value"] == 18.42
            assert stream.retry_ms == 1000
            pulse = await stream.next()
            assert (pulse.name, pulse.id) == ("pulse", None)
            assert "set" not in pulse.body, "nothing has changed"


async def test_entries_come_most_urgent_lane_first_each_with_its_cursor() -> None:
    async with station(bounds=QUICK) as made, reading(made) as stream:
        await stream.until("snapshot")
        made.journal.add(Lane.TELEMETRY, 2)
        made.journal.add(Lane.EMERGENCY, 1)
        told = await stream.entries(3)
        assert [t.id for t in told] == [
            f"{EPOCH}:1.0.0.0",
            f"{EPOCH}:1.0.0.1",
            f"{EPOCH}:1.0.0.2",
        ]
        assert told[0].body["id"] == f"wangjing-07:{EPOCH}:emergency:1"
        assert told[0].body["sequence"] == "000000000001"


async def test_a_pulse_tells_only_what_changed() -> None:
    async with station(bounds=QUICK) as made, reading(made, "?lanes=") as stream:
        await stream.until("snapshot")
        bus = replace(NORMAL.buses[1], load=0.5)
        made.vitals = replace(
            NORMAL, at_ns=NOW_NS + 10**9, buses=(NORMAL.buses[0], bus, NORMAL.buses[2])
        )
        while "set" not in (pulse := await stream.until("pulse")).body:
            pass
        assert pulse.body == {
            "at": NOW_NS // 1_000_000 + 1000,
            "set": {"bus.plant": {"state": "up", "load": 0.5}},
        }
        made.vitals = replace(made.vitals, buses=NORMAL.buses[:2])
        while "gone" not in (pulse := await stream.until("pulse")).body:
            pass
        assert pulse.body["gone"] == ["bus.tcp"]


async def test_a_reader_resumes_behind_its_cursor_without_hole_or_double() -> None:
    async with station(bounds=QUICK) as made:
        seen = []
        made.journal.add(Lane.SERVICE, 40)
        cursor = f"{EPOCH}:0.0.0.0"
        for taken in (1, 7, 12, 20):
            async with reading(made, resume=cursor) as stream:
                told = await stream.entries(taken)
                seen += [t.body["sequence"] for t in told]
                cursor = told[-1].id or ""
        assert seen == [f"{n:012d}" for n in range(1, 41)]


async def test_after_says_the_same_as_the_header() -> None:
    async with station(bounds=QUICK) as made:
        made.journal.add(Lane.ALARM, 2)
        async with reading(made, f"?after={EPOCH}:0.1.0.0") as stream:
            assert (await stream.until("entry")).id == f"{EPOCH}:0.2.0.0"


@pytest.mark.parametrize(
    "resume", ["fedcba9876543210:0.0.0.0", f"{EPOCH}:0.0.9.0", "nonsense", f"{EPOCH}:1.2.3", "🚲"]
)
async def test_a_cursor_that_is_not_this_journals_gets_a_snapshot_that_says_so(
    resume: str,
) -> None:
    async with station(bounds=QUICK) as made:
        made.journal.add(Lane.SERVICE, 3)
        async with reading(made, resume=resume.encode().decode("latin-1")) as stream:
            first = await stream.next()
            assert first.name == "snapshot"
            assert first.id == f"{EPOCH}:0.0.3.0"
            assert first.body["missed"] is None


async def test_too_far_behind_gets_a_snapshot_instead_of_the_entries() -> None:
    async with station(bounds=QUICK) as made:
        made.journal.add(Lane.TELEMETRY, 501)
        async with reading(made, resume=f"{EPOCH}:0.0.0.0") as stream:
            first = await stream.next()
            assert (first.name, first.id) == ("snapshot", f"{EPOCH}:0.0.0.501")
            assert first.body["missed"] == 501
        async with reading(made, resume=f"{EPOCH}:0.0.0.1") as stream:
            told = await stream.entries(500)
            assert told[-1].id == f"{EPOCH}:0.0.0.501"


async def test_only_the_lanes_asked_for() -> None:
    async with station(bounds=QUICK) as made, reading(made, "?lanes=alarm,emergency") as stream:
        await stream.until("snapshot")
        made.journal.add(Lane.TELEMETRY, 600)
        made.journal.add(Lane.ALARM)
        assert (await stream.until("entry")).id == f"{EPOCH}:0.1.0.0"


@pytest.mark.parametrize(
    ("query", "code"),
    [("?lanes=express", "web.no-such-lane"), ("?pulse=kitchen", "web.no-such-pulse")],
)
async def test_a_wish_that_cannot_be_met_is_refused(query: str, code: str) -> None:
    async with station() as made, made.client.get(f"/api/v1/events{query}") as response:
        assert response.status == 400
        assert (await response.json())["code"] == code


async def test_the_seventeenth_is_told_that_the_station_is_full() -> None:
    async with station(bounds=QUICK) as made:
        responses = [await made.client.get("/api/v1/events") for _ in range(16)]
        try:
            for response in responses:
                await Reader(response).until("snapshot")
            async with made.client.get("/api/v1/events") as refused:
                assert refused.status == 503
                problem = await refused.json()
                assert problem["code"] == "web.streams-full"
                assert problem["title"] == "同时看的人太多（最多 16 个）"
        finally:
            for response in responses:
                response.close()
        await until(lambda: made.app[HUB].readers == 0)
        async with reading(made) as stream:
            assert (await stream.next()).name == "snapshot"


async def test_a_reader_that_takes_nothing_is_dropped_and_others_are_not_kept_waiting() -> None:
    """Its socket fills; what it would be sent is never held in memory."""
    bounds = ServerLimits(
        streams=StreamLimits(pulse_s=0.02, write_within_s=0.4, write_buffer_bytes=4096,
                       snapshot_after=10**9)
    )  # fmt: skip
    async with station(bounds=bounds) as made:
        with socket.create_connection(("127.0.0.1", made.server.port)) as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with reading(made, "?lanes=alarm") as stream:
                await stream.until("snapshot")
                await until(lambda: made.app[HUB].readers == 2)
                made.journal.add(Lane.SERVICE, 2000, text="y" * 1000)
                made.journal.add(Lane.ALARM)
                assert (await stream.until("entry")).id == f"{EPOCH}:0.1.0.0"
                while made.app[HUB].readers > 1:
                    await stream.until("pulse")
        assert made.app[HUB].dropped == 1


async def test_a_stop_ends_all_streams_and_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.server.STOP_STEP_S", PATIENCE_S)
    async with station() as made:
        streams = [await made.client.get("/api/v1/events") for _ in range(16)]
        for response in streams:
            await Reader(response).until("snapshot")
        async with asyncio.timeout(PATIENCE_S / 2):
            await made.server.stop()
        for response in streams:
            assert await Reader(response).rest() >= 0


async def test_a_stop_does_not_wait_for_a_reader_that_takes_nothing() -> None:
    bounds = ServerLimits(
        streams=StreamLimits(pulse_s=0.02, write_buffer_bytes=4096, snapshot_after=10**9)
    )
    async with station(bounds=bounds) as made:
        with socket.create_connection(("127.0.0.1", made.server.port)) as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: made.app[HUB].readers)
            made.journal.add(Lane.SERVICE, 2000, text="y" * 1000)
            await asyncio.sleep(0.1)
            async with asyncio.timeout(PATIENCE_S):
                await made.server.stop()
        assert 2 * STOP_STEP_S < 3, "such a reader costs both of aiohttp's waits"


async def test_nobody_reading_costs_nothing() -> None:
    looks = 0

    class Counted(Station):
        def look(self):
            nonlocal looks
            looks += 1
            return super().look()

    async with station(bounds=QUICK, kind=Counted) as made:
        async with reading(made) as stream:
            await stream.until("pulse")
        await until(lambda: made.app[HUB].readers == 0)
        await asyncio.sleep(0.05)
        before = looks
        made.journal.add(Lane.ALARM, 5)
        await asyncio.sleep(0.2)
        assert looks == before


async def test_one_look_that_fails_does_not_end_the_pulses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Station):
        fails = 0

        def look(self):
            if self.fails:
                self.fails -= 1
                raise ZeroDivisionError
            return super().look()

    async with station(bounds=QUICK, kind=Failing) as made, reading(made) as stream:
        await stream.until("pulse")
        assert isinstance(made, Failing)
        made.fails = 2
        await until(lambda: made.fails == 0)
        await stream.until("pulse")
        made.journal.add(Lane.ALARM)
        await stream.until("entry")
    assert "ZeroDivisionError" in caplog.text


def test_more_streams_than_connections_make_no_sense() -> None:
    assert StreamLimits().streams_max < DEFAULT_BOUNDS.here_max
