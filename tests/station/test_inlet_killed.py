"""Confirmed to a sender and then lost at kill -9: never."""

import asyncio
import contextlib
import os
import random
from pathlib import Path

import aiohttp
import msgspec
import pytest

from gateway.clock import Clock
from gateway.event import Lane, encode_envelope
from gateway.journal import Journal
from gateway.journal.options import JournalOptions
from tests.conformance.shapes import WITH_TOYS, conformance_of
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SECRET = "a-secret-of-the-toys"
SENDERS = 8


def settings(web: int, http: int, tcp: int) -> str:
    return first_lines(web) + HALL + (
        f'[inlet.push]\nkind = "http"\nlisten = "127.0.0.1:{http}"\ncredential = "toys"\n'
        f'[inlet.panels]\nkind = "tcp"\nlisten = "127.0.0.1:{tcp}"\n'
        '[device.attic]\nname = "阁楼"\nprofile = "toy-sensor"\ninlet = "push"\n'
        'address = "attic"\nplace = "hall"\n'
        '[device.panel]\nname = "主机"\nprofile = "toy-panel"\ninlet = "panels"\n'
        'address = "p1"\nplace = "hall"\n'
    )  # fmt: skip


class Senders:
    """They send numbers that nobody else sends, and note which were confirmed."""

    def __init__(self, http: int, tcp: int) -> None:
        self.confirmed: set[int] = set()
        self._http = http
        self._tcp = tcp
        self._next = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(SENDERS):
                group.create_task(self._frames() if number % 2 else self._posts())

    def _number(self) -> int:
        self._next += 1
        return self._next

    async def _posts(self) -> None:
        url = f"http://127.0.0.1:{self._http}/in/attic/{SECRET}"
        async with aiohttp.ClientSession() as session:
            while True:
                number = self._number()
                body = msgspec.json.encode({"temperature": number / 1000})
                try:
                    async with session.post(url, data=body) as answer:
                        stored = answer.status == 200 and await answer.read() == b"stored"
                except (aiohttp.ClientError, OSError):
                    return
                if stored:
                    self.confirmed.add(number)
                elif answer.status == 429:
                    await asyncio.sleep(0.05)

    async def _frames(self) -> None:
        frame = conformance_of("toy_panel").frame
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._tcp)
            while True:
                number = self._number()
                body = frame(b"p1=%d" % number)
                writer.write(body)
                if await reader.readexactly(2) == b"+" + body[-1:]:
                    self.confirmed.add(number)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            if writer is not None:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def stored_numbers(state: Path) -> set[int]:
    """Every number in the journal that the killed process has left."""
    journal = await Journal.open(
        state, station="under-test", options=JournalOptions(quota_mb=16), clock=Clock.open(state)
    )
    found: set[int] = set()
    try:
        after = 0
        while entries := await journal.read(Lane.TELEMETRY, after, 500):
            after = entries[-1].seq
            for entry in entries:
                said = msgspec.json.decode(encode_envelope(entry, "under-test"))
                values = said["data"].get("v", {})
                if values.get("temperature") is not None:
                    found.add(round(values["temperature"] * 1000))
                if values.get("level") is not None:
                    found.add(values["level"])
    finally:
        await journal.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills", [2, pytest.param(100, marks=[pytest.mark.proof, pytest.mark.timeout(3600)])]
)
async def test_what_was_confirmed_is_in_the_journal_after_kill_9(tmp_path, kills) -> None:
    web, http, tcp = free_port(), free_port(), free_port()
    (tmp_path / "station.toml").write_text(settings(web, http, tcp), "utf-8")
    station = StationProcess(tmp_path, **WITH_TOYS)
    secret = tmp_path / "state/keys/toys"
    secret.parent.mkdir(parents=True)
    secret.write_text(SECRET)
    secret.chmod(0o600)
    chance = random.Random(SEED)
    senders = Senders(http, tcp)
    for _ in range(kills):
        await station.start()
        sending = asyncio.create_task(senders.run())
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        await station.kill()
        await sending
        assert senders.confirmed - await stored_numbers(tmp_path / "state") == set(), f"seed {SEED}"
    print(f"\n{kills} kills, {len(senders.confirmed)} confirmed, 0 lost")
    assert len(senders.confirmed) > 10 * kills
