"""The platform hears once of a loss and once of a return, whoever was killed in between."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doctor.checks import examine
from gateway.doctor.events import KINDS
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import Finding, FindingLevel
from gateway.doctor.service import DoctorService
from gateway.doctor.transitions import FindingReporter, findings_after, unreported_changes
from gateway.event import Lane, encode_envelope
from gateway.journal import Journal
from tests.doctor.faults import HEALTHY, seeded
from tests.doctor.golden import FOLDER, TOLD, event_of, wire
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, simulated_journal

BROKEN = seeded(HEALTHY, {"running.sound.speakers.1.code": "speaker.silent"})
BLIND = seeded(HEALTHY, {"running.sound.connected": False})
WELL, LOST, UNHEARD = examine(HEALTHY), examine(BROKEN), examine(BLIND)
KEY = "speaker.horn-b3"


async def told(journal: Journal) -> list[tuple[str, str, str, str]]:
    entries = await journal.read(Lane.SERVICE, 0, 100)
    said = [json.loads(encode_envelope(entry, STATION))["data"] for entry in entries]
    return [(d["check"], d.get("subject", ""), d["was"], d["level"]) for d in said]


async def looks(teller: FindingReporter, *all_findings: tuple[Finding, ...]) -> None:
    for findings in all_findings:
        await teller(findings)


@pytest.mark.parametrize("name", sorted(wire()))
def test_what_we_send_is_byte_for_byte_the_golden_file(name):
    assert wire()[name] == (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")


def test_every_file_is_checked_and_every_kind_has_one():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(wire())
    assert {event_of(health).kind for health in TOLD.values()} == set(KINDS)


async def test_a_loss_is_told_once_and_a_return_once():
    journal = simulated_journal()
    teller = FindingReporter(journal, SimulatedClock())
    await looks(teller, WELL, WELL, LOST, LOST, LOST, LOST, WELL, WELL, WELL)
    assert await told(journal) == [
        ("speaker", "horn-b3", "good", "bad"),
        ("speaker", "horn-b3", "bad", "good"),
    ]


async def test_what_passes_by_itself_is_not_told():
    journal = simulated_journal()
    await looks(FindingReporter(journal, SimulatedClock()), WELL, LOST, WELL, LOST, WELL)
    assert await told(journal) == []


async def test_what_cannot_be_looked_at_is_not_said_to_have_returned():
    journal = simulated_journal()
    await looks(FindingReporter(journal, SimulatedClock()), LOST, LOST, UNHEARD, UNHEARD, UNHEARD)
    assert await told(journal) == [
        ("speaker", "horn-b3", "good", "bad"),
        ("audio", "", "good", "bad"),
    ]


async def test_a_restart_neither_repeats_nor_forgets():
    journal = simulated_journal()
    await looks(FindingReporter(journal, SimulatedClock()), LOST, LOST)
    await looks(FindingReporter(journal, SimulatedClock()), LOST, LOST, WELL, WELL)
    assert [level for *_, level in await told(journal)] == ["bad", "good"]


async def test_the_doctor_looks_twice_a_minute_and_remembers_since_when():
    seen = [HEALTHY, BROKEN, BROKEN, BROKEN, HEALTHY]
    heard: list[int] = []

    async def look() -> StationFacts:
        return seen.pop(0)

    async def tell(findings) -> None:
        heard.append(sum(f.level is FindingLevel.BAD for f in findings))

    clock = SimulatedClock()
    doctor = DoctorService(look, tell, clock.now_ns)
    await doctor.look()
    clock.kernel.advance(30)
    await doctor.look()
    (lost,) = [finding for finding in doctor.findings if finding.level is FindingLevel.BAD]
    began_ns = doctor.since_ns(lost)
    assert began_ns == clock.now_ns()
    for _ in range(2):
        clock.kernel.advance(30)
        await doctor.look()
    assert doctor.since_ns(lost) == began_ns
    await doctor.look()
    assert doctor.since_ns(lost) is None
    assert heard == [0, 1, 1, 1, 0]


LEVELS = st.sampled_from(list(FindingLevel))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), LEVELS), max_size=8))
def test_whatever_happens_the_platform_ends_up_with_what_was_last_seen(story):
    known: dict = {}
    truth: dict[str, FindingLevel] = {}
    for step in story:
        findings = [
            Finding(check=key, group="field", level=level, code="doctor.x")
            for key, level in step.items()
        ]
        truth = {k: v for k, v in truth.items() if step.get(k) is FindingLevel.UNSEEN}
        truth |= {k: v for k, v in step.items() if v in (FindingLevel.WARN, FindingLevel.BAD)}
        known = findings_after(known, unreported_changes(known, findings))
        assert {key: fault.level for key, fault in known.items()} == truth
        assert unreported_changes(known, findings) == {}, "told once"


def test_the_document_shows_what_is_really_sent():
    document = (Path(__file__).parents[2] / "docs" / "feed.md").read_text("utf-8")
    assert wire()["health-lost"].decode() in document
