"""A check that sees the machine and says so."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, good


def toy(facts: StationFacts) -> Iterator[CheckResult]:
    """Nothing is ever wrong."""
    if facts.machine is not None:
        yield good("toy.found")


CHECKS = (DoctorCheck("toy", "machine", toy),)
