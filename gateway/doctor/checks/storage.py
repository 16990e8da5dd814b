"""The card and its contents: space, wear, the journal, permissions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import DiskFacts, FileFacts, StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.toml import Phrase

STATE, SETTINGS = "/var/lib/yizhan", "/etc/yizhan"
MIB, DAY_S = 1_048_576, 86_400
FREE_WARN_MB, FREE_BAD_MB = 256, 48

# JESD84-B51, DEVICE_LIFE_TIME_EST: tenths of the life used up; 11 is beyond the estimate.
LIFE_WARN, LIFE_BAD = 10, 11

END_WARN, END_BAD = 2, 3

# How many times the readings' write allowance the whole machine may write.
WRITES_OVER = 3

# Sooner after boot, most of what was written comes from booting.
WRITES_SEEN_S = 6 * 3600.0

# A healthy card commits within 50 ms; beyond half a second emergencies wait to be durable.
COMMIT_MS_WARN = 500.0

# A platform may be away for weeks; less than a week of room is not worth having.
DAYS_WARN, DAYS_BAD = 7, 1


def disk(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether it can be written, and its free space."""
    found = facts.machine.disk if facts.machine else None
    if found is None:
        yield unseen("doctor.disk-unseen")
        return
    free_mb, of_mb = found.free // MIB, found.total // MIB
    if found.read_only:
        yield bad("doctor.disk-read-only", path=found.path, copy=_copy(facts))
    elif free_mb < FREE_BAD_MB:
        yield bad("doctor.disk-full", path=found.path, free_mb=free_mb)
    elif free_mb < max(FREE_WARN_MB, _still_to_come_mb(facts, found)):
        need_mb = max(FREE_WARN_MB, _still_to_come_mb(facts, found))
        yield warn("doctor.disk-low", path=found.path, free_mb=free_mb, need_mb=need_mb)
    else:
        yield good("doctor.disk-good", free_mb=free_mb, of_mb=of_mb)


def _still_to_come_mb(facts: StationFacts, found: DiskFacts) -> int:
    """How much the journal may still grow."""
    quota_mb = facts.written.quota_mb if facts.written else None
    return 0 if quota_mb is None else max(0, quota_mb - found.journal_bytes // MIB)


def wear(facts: StationFacts) -> Iterator[CheckResult]:
    """The card's own estimate of its life, else what is written a day."""
    found = facts.machine.disk if facts.machine else None
    if found is None:
        return
    life, end = found.life or 0, found.end or 0
    if life >= LIFE_BAD or end >= END_BAD:
        yield bad("doctor.wear-over", copy=_copy(facts))
    elif life >= LIFE_WARN or end >= END_WARN:
        percent = min(life, LIFE_WARN) * 10
        yield warn("doctor.wear-late", percent=percent, copy=_copy(facts))
    elif found.written is None:
        yield unseen("doctor.wear-unseen")
    else:
        yield _writes(found.written, found.up_s, facts)


def _copy(facts: StationFacts) -> Phrase:
    """The command that copies the whole state to another card, keys included."""
    return Phrase("doctor.copy", _folders(facts))


def _folders(facts: StationFacts) -> dict[str, Any]:
    found, known = facts.machine.disk if facts.machine else None, facts.written
    state = STATE if found is None else found.path
    settings = str(Path(known.file).parent) if known and known.file else SETTINGS
    return {"settings": settings, "state": state}


def _writes(written: int, up_s: float, facts: StationFacts) -> CheckResult:
    gb_per_day = written / 1e9 * DAY_S / max(up_s, 1.0)
    allowed = facts.written.wear_gb_per_day if facts.written else None
    if up_s < WRITES_SEEN_S:
        return good("doctor.wear-early", mb=written // MIB)
    if allowed is not None and gb_per_day > allowed * WRITES_OVER:
        return warn("doctor.wear-much", gb=round(gb_per_day, 1), allowed=allowed)
    return good("doctor.wear-good", gb=round(gb_per_day, 1))


def journal(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether it is on disk, how fast it commits, and whether data was dropped."""
    if facts.running is None:
        yield unseen("doctor.journal-unseen")
        return
    found = facts.running.vitals.journal
    used_mb, quota_mb = found.used_bytes // MIB, found.quota_bytes // MIB
    if found.volatile:
        yield bad("doctor.journal-lost", **_folders(facts))
    elif found.commit_ms > COMMIT_MS_WARN:
        yield warn("doctor.journal-slow", ms=round(found.commit_ms))
    elif found.recovering:
        wreck_mb = found.wreck_bytes // MIB
        yield warn("doctor.journal-recovering", count=found.recovering, wreck_mb=wreck_mb)
    elif found.evicted:
        yield warn("doctor.journal-evicted", count=found.evicted, quota_mb=quota_mb)
    else:
        yield good("doctor.journal-good", used_mb=used_mb, quota_mb=quota_mb)


def outage(facts: StationFacts) -> Iterator[CheckResult]:
    """How many days without a platform the journal can hold."""
    days = facts.written.outage_days if facts.written else None
    quota_mb = facts.written.quota_mb if facts.written else None
    if days is None or quota_mb is None:
        return
    say = bad if days < DAYS_BAD else warn if days < DAYS_WARN else good
    short = days < DAYS_WARN
    code = "doctor.outage-short" if short else "doctor.outage-good"
    yield say(code, days=round(days, 1) if short else round(days), quota_mb=quota_mb)


def private(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether personal fields survive a restart."""
    if facts.running is None:
        return
    lost = facts.running.private_lost
    yield bad("doctor.private-lost") if lost else good("doctor.private-good")


def permissions(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether the station can write its files, and nobody else read its keys."""
    found = facts.machine.held if facts.machine else ()
    wrong = list(filter(None, map(_wrong, found)))
    yield from wrong
    if found and not wrong:
        yield good("doctor.permissions-good")


def _wrong(held: FileFacts) -> CheckResult | None:
    mode = f"{held.mode:04o}"
    if not held.writable:
        return bad("doctor.not-ours", held.path, path=held.path)
    if held.secret and held.mode & 0o077:
        return bad("doctor.too-open", held.path, path=held.path, mode=mode)
    if not held.secret and held.mode & 0o007:
        return warn("doctor.open-settings", held.path, path=held.path, mode=mode)
    return None


CHECKS = (
    DoctorCheck("disk", "storage", disk),
    DoctorCheck("wear", "storage", wear),
    DoctorCheck("journal", "storage", journal),
    DoctorCheck("outage", "storage", outage),
    DoctorCheck("private", "storage", private),
    DoctorCheck("permissions", "storage", permissions),
)
