"""The settings, and whether there is a station that follows them."""

from collections.abc import Iterator

from gateway.appliance.doctor.check import Check
from gateway.appliance.doctor.facts import Facts
from gateway.appliance.doctor.finding import Said, bad, good, unseen, warn
from gateway.settings import Phrase

SHOWN_MAX = 8
SUBJECT_MAX = 60

# Remarks of `yizhan check` for which a check of the doctor knows more, from the machine.
SAID_ELSEWHERE = frozenset({"check.no-port", "check.small-disk", "check.no-uplink"})


def station(facts: Facts) -> Iterator[Said]:
    """Whether it runs."""
    if facts.mute is not None:
        yield bad("doctor.station-mute", why=facts.mute)
        return
    if facts.running is None:
        yield bad("doctor.station-stopped")
        return
    vitals = facts.running.vitals
    hours = round((vitals.at_ns - vitals.started_ns) / 3.6e12, 1)
    yield good("doctor.station-runs", station=vitals.station, version=vitals.version, hours=hours)


def mistakes(facts: Facts) -> Iterator[Said]:
    """Every mistake in station.toml, as `yizhan check` finds them."""
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


def remarks(facts: Facts) -> Iterator[Said]:
    """What is no mistake but worth knowing. What a check of its own says is not said twice."""
    for each in facts.written.remarks if facts.written else ():
        if each.code not in SAID_ELSEWHERE:
            about = [each.code.partition(".")[2], *map(str, each.data.values())]
            yield warn("doctor.settings-remark", " ".join(about)[:SUBJECT_MAX], why=each)


def in_force(facts: Facts) -> Iterator[Said]:
    """Whether the station runs by the file that lies there."""
    if facts.running is None:
        return
    if facts.running.edited:
        yield warn("doctor.settings-edited")
    if facts.running.rolled_back is not None:
        yield warn("doctor.settings-rolled-back", number=facts.running.rolled_back)


CHECKS = (
    Check("station", "station", station),
    Check("settings", "station", mistakes),
    Check("remarks", "station", remarks),
    Check("in-force", "station", in_force),
)
