"""The clock: its source, age and error."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.event import Trust
from gateway.toml import Phrase

GOOD = frozenset({Trust.NTP, Trust.PLATFORM})

# A time from a meter or a person drifts by half a minute in a week.
OLD_S = 7 * 86_400.0

ERROR_S_MAX = 60.0


def clock(facts: StationFacts) -> Iterator[CheckResult]:
    """Without a trusted clock no schedule runs and no certificate can be checked."""
    if facts.running is None:
        yield unseen("doctor.clock-unseen")
        return
    found = facts.running.vitals.clock
    source = Phrase(f"trust.{found.trust.value}")
    days = round(found.age_s / 86_400, 1)
    if found.trust is Trust.NONE:
        yield bad("doctor.clock-unset")
    elif found.doubt == "floor":
        yield bad("doctor.clock-behind", source=source)
    elif found.doubt == "sources":
        yield warn("doctor.clock-disputed", source=source)
    elif found.error_s > ERROR_S_MAX:
        yield warn("doctor.clock-wide", source=source, seconds=round(found.error_s))
    elif found.age_s > OLD_S:
        yield warn("doctor.clock-old", source=source, days=days)
    elif found.trust not in GOOD:
        yield good("doctor.clock-lesser", source=source, seconds=round(found.error_s, 1))
    else:
        yield good("doctor.clock-good", source=source)


CHECKS = (DoctorCheck("clock", "clock", clock),)
