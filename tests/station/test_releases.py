"""What a station of an earlier release left on disk opens, and the station goes on with it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from gateway.access.fallback_copy import FallbackCopy
from gateway.config.load import load
from gateway.event import Lane
from gateway.journal import Journal, StateChange
from gateway.journal.core import JournalCore
from gateway.journal.personal_store import PersonalStore
from gateway.journal.writer import InlineShell
from gateway.reconfigure.history import SettingsHistory
from gateway.upstream.enrolment.certificates import Enrolment, EnrolmentFiles
from tests.fixtures.release import COMMAND_KEY, FIELDS, FIXTURES, SOUND, URL
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.sim.journal import SMALL, STATION, fact
from tests.sim.loop import run as simulate
from tests.station.state_rows import BOOT
from tests.station.test_state_rows import Started, no_thread

__all__ = ["no_thread"]  # a fixture

RELEASES = ("0.1.0",)


@pytest.fixture(params=RELEASES)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what that release left."""
    shutil.copytree(FIXTURES / request.param, tmp_path, dirs_exist_ok=True)
    for key in (tmp_path / "state" / "keys").iterdir():
        key.chmod(0o600)  # git keeps no such mode
    return tmp_path


async def resumed(state: Path) -> Started:
    """Every room over that journal."""
    loop = asyncio.get_running_loop()
    kernel = SimulatedKernel(boottime=lambda: round(loop.time() * 1e9))
    clock = SimulatedClock(kernel, boot=BOOT)
    core = JournalCore(state / "journal.db", station=STATION, options=SMALL, clock=clock)
    journal = Journal(core, InlineShell(0.0), station=STATION, options=SMALL, clock=clock)
    made = Started(journal, clock, state)
    await made.start()
    return made


def test_the_journal_and_every_rooms_state(left: Path) -> None:
    async def lives() -> tuple[Started, dict[Lane, int]]:
        made = await resumed(left / "state")
        before = made.journal.heads()
        await made.journal.append([fact(Lane.SERVICE)], [StateChange("test", "k", b"1")])
        await made.serves()
        await made.stop()
        return made, before

    made, before = simulate(lives())
    assert made.told == []
    assert all(before[lane] > 0 for lane in Lane)
    assert made.journal.heads()[Lane.SERVICE] > before[Lane.SERVICE]
    assert made.rules.core.alarms.book.open
    assert made.presets.get("water").text == "停水了"
    assert made.access is not None
    assert made.access.claimed


def test_personal_fields(left: Path) -> None:
    state = left / "state"
    token, sound = (state / "tokens").read_text("utf-8").split()
    store = PersonalStore.open(state, state / "keys", SimulatedClock())
    assert store.get(token) == FIELDS
    assert store.get_sound(sound) == SOUND
    assert store.erase(token)
    store.close()


def test_the_settings_and_their_history(left: Path) -> None:
    assert load(left / "config").station.name
    shelf = SettingsHistory(left / "config" / "station.toml", left / "state" / "settings")
    assert shelf.damaged() == []
    assert [record.state for record in shelf.records()] == ["found", "kept", "rolled-back"]
    assert shelf.records()[1].who == "staff:0217"
    assert shelf.text_named(shelf.records()[1].digest) == shelf.text()
    assert shelf.next_number() == 4


def test_the_enrolment(left: Path) -> None:
    papers = EnrolmentFiles(left / "state" / "keys", "district")
    assert papers.enrolment() == Enrolment(URL, COMMAND_KEY)
    begins_ns, ends_ns = papers.lifetime()
    assert begins_ns < ends_ns


def test_the_copy_of_the_accounts(left: Path) -> None:
    assert "account/0217" in FallbackCopy(left / "state" / "keys" / "accounts.json").read()
