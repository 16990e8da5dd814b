"""The program's own faults, tasks that keep failing, and refused records."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, warn
from gateway.faults import DYING, FaultRecord, dying_tasks
from gateway.health import RefusalVitals
from gateway.toml import Phrase

SHOWN_MAX = 3

# A fault that has not occurred for a day is no longer reported.
LATELY_NS = 86_400_000_000_000

PARTS = frozenset({"web", "desk", "intake", "rules", "field", "bus", "uplink", "inbox", "audio"})
# What an edge's name begins with, as people call it (`doctor.part-…`).
PARTS |= {"broadcast", "speaker", "kiosk", "task", "state", "journal", "start", "settings"}


def tasks(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether a task of the station keeps failing."""
    if facts.running is None:
        return
    vitals = facts.running.vitals
    found = dying_tasks(vitals.faults, vitals.at_ns)
    for fault in found[:SHOWN_MAX]:
        task = fault.where.removeprefix(DYING)
        yield bad("doctor.task-dying", task, task=task, what=fault.what)
    if not found:
        yield good("doctor.tasks-good")


def faults(facts: StationFacts) -> Iterator[CheckResult]:
    """Which parts had contained faults, and how often."""
    if facts.running is None:
        return
    vitals = facts.running.vitals
    found = [fault for fault in vitals.faults if not fault.where.startswith(DYING)]
    parts: dict[str, list[FaultRecord]] = {}
    for fault in found:
        if vitals.at_ns - fault.last_ns < LATELY_NS:
            parts.setdefault(_part(fault), []).append(fault)
    for part, of_part in parts.items():
        yield warn(
            "doctor.fault",
            part,
            part=Phrase(f"doctor.part-{part}"),
            count=sum(fault.count for fault in of_part),
            where=of_part[0].where,
            what=of_part[0].what,
        )
    if not parts:
        total = sum(fault.count for fault in found)
        yield good("doctor.faults-past", count=total) if found else good("doctor.faults-good")


def refusals(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether the journal accepts the records of every room."""
    if facts.running is None:
        return
    vitals = facts.running.vitals
    said = [each for one in vitals.refusals if (each := _refused(one, vitals.at_ns)) is not None]
    yield from said or [good("doctor.refused-good")]


def _refused(one: RefusalVitals, now_ns: int) -> CheckResult | None:
    part = Phrase(f"doctor.part-{one.room}")
    if one.held:
        return bad("doctor.refused-held", one.room, part=part, count=one.held)
    if one.last_ns is None or now_ns - one.last_ns >= LATELY_NS:
        return None
    if one.lost:
        return warn("doctor.refused-lost", one.room, part=part, count=one.lost)
    return warn("doctor.refused", one.room, part=part, count=one.refused)


def _part(fault: FaultRecord) -> str:
    head = fault.where.partition(".")[0]
    return head if head in PARTS else "other"


CHECKS = (
    DoctorCheck("tasks", "station", tasks),
    DoctorCheck("faults", "station", faults),
    DoctorCheck("refusals", "storage", refusals),
)
