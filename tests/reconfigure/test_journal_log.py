"""The journal hears of every change once, whoever was killed in between."""

import json

import pytest

from gateway.clock import Clock
from gateway.event import Lane, Timestamps, Trust, encode_envelope
from gateway.journal import Journal, JournalOptions
from gateway.reconfigure.events import CHANGED, change_event
from gateway.reconfigure.journal_log import ChangeReporter
from gateway.reconfigure.records import ChangeRecord
from gateway.toml import Phrase
from tests.sim.clock import SimulatedClock

KEPT = ChangeRecord(number=1, digest="a" * 16, state="kept", who="installer:boss", why="加表")
BACK = ChangeRecord(
    number=2,
    digest="b" * 16,
    state="rolled-back",
    who="platform:district",
    ref="0190-command",
    at="2026-11-23T06:05:00.000Z",
    trust=Trust.NTP,
    troubles=(Phrase("appliance.bus-lost", {"bus": "box"}), Phrase("appliance.bus-lost", {})),
)


@pytest.fixture
async def journal(tmp_path):
    opened = await Journal.open(
        tmp_path, station="a", options=JournalOptions(quota_mb=16), clock=Clock.open(tmp_path)
    )
    yield opened
    await opened.close()


async def told(journal: Journal) -> list[int]:
    entries = await journal.read(Lane.SERVICE, 0, 100)
    return [json.loads(encode_envelope(entry, "a"))["data"]["number"] for entry in entries]


async def test_each_change_is_told_once_and_the_missed_ones_by_the_next_start(journal):
    await ChangeReporter(journal, SimulatedClock())([KEPT])
    again = ChangeReporter(journal, SimulatedClock())  # as after a kill between history and journal
    await again([KEPT, BACK])
    await again([KEPT, BACK])
    assert await told(journal) == [1, 2]


async def test_a_journal_that_knows_nothing_hears_of_the_last_one_alone(journal):
    await ChangeReporter(journal, SimulatedClock())([KEPT, BACK])
    assert await told(journal) == [2]


def test_the_event_says_why_it_was_rolled_back_and_for_which_command():
    event = change_event(BACK, Timestamps("0" * 16, 1))
    assert event.kind is CHANGED
    assert event.kind.type == "cn.yizhan.settings.changed.v1"
    assert event.travels is Lane.SERVICE
    assert event.correlation == "0190-command"
    assert event.data.codes == ("appliance.bus-lost",)
    assert event.data.at == BACK.at, "when it ended, not when the journal could hear of it"
