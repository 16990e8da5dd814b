"""The platforms and the desk, with their certificates."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.health import LATE, UplinkVitals, certificate_days_left
from gateway.toml import Phrase

# Shorter absences are normal.
AWAY_S = 600

OVER = "over"

# A larger difference means that the platform's clock, or ours, is not kept.
SKEW_S_MAX = 2.0

# By what the platform's receipts are worth.
GOOD = {
    "stored": "doctor.uplink-good",
    "accepted": "doctor.uplink-accepted",
    "transported": "doctor.uplink-transported",
}

DAY_NS = 86_400_000_000_000


def uplinks(facts: StationFacts) -> Iterator[CheckResult]:
    """Each platform: reachable and accepting. Being away is no emergency."""
    if facts.running is None:
        yield unseen("doctor.uplink-unseen")
        return
    vitals = facts.running.vitals
    waiting = sum(lane.waiting for lane in vitals.lanes)
    for uplink in vitals.uplinks:
        yield _uplink(uplink, vitals.at_ns, waiting)
    if not vitals.uplinks:
        yield warn("doctor.uplink-none")


def _uplink(uplink: UplinkVitals, now_ns: int, waiting: int) -> CheckResult:
    name = uplink.name
    away_s = (now_ns - uplink.since_ns) / 1e9
    why = Phrase("doctor.no-reason") if uplink.code is None else Phrase(uplink.code, uplink.data)
    if uplink.state == "refused":
        return bad("doctor.uplink-refused", name, uplink=name, why=why)
    if uplink.state == "down" and away_s >= AWAY_S:
        minutes = round(away_s / 60)
        return warn(
            "doctor.uplink-away", name, uplink=name, why=why, minutes=minutes, waiting=waiting
        )
    if uplink.state == "up":
        return good(GOOD[uplink.worth], name, uplink=name, waiting=waiting)
    return good("doctor.uplink-soon", name, uplink=name)


def clocks(facts: StationFacts) -> Iterator[CheckResult]:
    """Each platform's clock against ours: its commands expire by its own."""
    if facts.running is None:
        return
    for uplink in facts.running.vitals.uplinks:
        if uplink.skew_s is None:
            continue
        named = {"uplink": uplink.name, "seconds": round(uplink.skew_s, 1)}
        if abs(uplink.skew_s) < SKEW_S_MAX:
            yield good("doctor.platform-time", uplink.name, **named)
        else:
            yield warn("doctor.platform-skew", uplink.name, **named)


def platform_certificates(facts: StationFacts) -> Iterator[CheckResult]:
    """Each platform's own certificate; an untrusted clock is no reason to refuse it."""
    for uplink in facts.running.vitals.uplinks if facts.running else ():
        if uplink.dates == OVER:
            yield warn("doctor.platform-certificate-over", uplink.name, uplink=uplink.name)
        elif uplink.dates:
            yield warn("doctor.platform-certificate-early", uplink.name, uplink=uplink.name)


def certificates(facts: StationFacts) -> Iterator[CheckResult]:
    """Ours for each platform: renewed at two thirds of its life."""
    if facts.running is None:
        return
    vitals = facts.running.vitals
    for uplink in vitals.uplinks:
        if uplink.certificate is None:
            continue
        days = certificate_days_left(uplink, vitals.clock)
        name = uplink.name
        if days is None:
            yield good("doctor.certificate-good", name, uplink=name)
        elif days < 0:
            yield bad("doctor.certificate-over", name, uplink=name, days=-days)
        else:
            yield warn("doctor.certificate-late", name, uplink=name, days=days)


def desk(facts: StationFacts) -> Iterator[CheckResult]:
    """Whether desk computers can come in."""
    if facts.running is None:
        yield unseen("doctor.desk-unseen")
    elif not facts.running.claimed:
        yield warn("doctor.desk-unclaimed")
    elif not facts.running.desk_open:
        yield bad("doctor.desk-shut")
    else:
        yield good("doctor.desk-open")


def desk_certificate(facts: StationFacts) -> Iterator[CheckResult]:
    """The certificate that desk computers are shown."""
    found = facts.running.desk_certificate if facts.running else None
    now_ns = facts.running.vitals.clock.wall_ns if facts.running else None
    if found is None or now_ns is None:
        return
    begins_ns, ends_ns = found
    days = (ends_ns - now_ns) // DAY_NS
    if now_ns > ends_ns or now_ns < begins_ns:
        yield bad("doctor.desk-certificate-over")
    elif now_ns > begins_ns + (ends_ns - begins_ns) * LATE:
        yield warn("doctor.desk-certificate-late", days=days)
    else:
        yield good("doctor.desk-certificate-good", days=days)


CHECKS = (
    DoctorCheck("uplink", "platform", uplinks),
    DoctorCheck("certificate", "platform", certificates),
    DoctorCheck("platform-certificate", "platform", platform_certificates),
    DoctorCheck("platform-clock", "platform", clocks),
    DoctorCheck("desk", "desk", desk),
    DoctorCheck("desk-certificate", "desk", desk_certificate),
)
