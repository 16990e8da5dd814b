"""The settings, and whether a station runs on them."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.toml import Phrase

SHOWN_MAX = 8
SUBJECT_MAX = 60

# Remarks of `yizhan check` for which a check of the doctor knows more, from the machine.
SAID_ELSEWHERE = frozenset({"check.no-port", "check.small-disk", "check.no-uplink"})


def station(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether the station runs."""
    if facts.mute is not None:
        yield bad("doctor.station-mute", why=facts.mute)
        return
    if facts.running is None:
        yield bad("doctor.station-stopped")
        return
    vitals = facts.running.vitals
    hours = round((vitals.at_ns - vitals.started_ns) / 3.6e12, 1)
    yield good("doctor.station-runs", station=vitals.station, version=vitals.version, hours=hours)


def mistakes(facts: StationFacts) -> Iterator[CheckResult]:
    """The mistakes in station.toml, as `yizhan check` reports them."""
    if facts.written is None:
        yield unseen("doctor.settings-unseen")
        return
    found = facts.written.mistakes
    for each in found[:SHOWN_MAX]:
        why = Phrase(each.code, each.data)
        if each.line:
            where, subject = f"{each.file}:{each.line}", each.path or str(each.line)
            yield bad("doctor.settings-wrong", subject, where=where, key=each.path, why=why)
        else:
            yield bad("doctor.settings-unread", each.path, file=each.file, why=why)
    if len(found) > SHOWN_MAX:
        yield bad("doctor.settings-more", "more", count=len(found) - SHOWN_MAX)
    if not found:
        yield good("doctor.settings-good", file=facts.written.file)


def remarks(facts: StationFacts) -> Iterator[CheckResult]:
    """The remarks of `yizhan check`, except those that other checks make."""
    for each in facts.written.remarks if facts.written else ():
        if each.code not in SAID_ELSEWHERE:
            about = [each.code.partition(".")[2], *map(str, each.data.values())]
            yield warn("doctor.settings-remark", " ".join(about)[:SUBJECT_MAX], why=each)


def in_force(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether the station runs on the present file."""
    if facts.running is None:
        return
    if facts.running.edited:
        yield warn("doctor.settings-edited")
    if facts.running.rolled_back is not None:
        yield warn("doctor.settings-rolled-back", number=facts.running.rolled_back)


CHECKS = (
    DoctorCheck("station", "station", station),
    DoctorCheck("settings", "station", mistakes),
    DoctorCheck("remarks", "station", remarks),
    DoctorCheck("in-force", "station", in_force),
)
