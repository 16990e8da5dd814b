"""A check that sees the machine and says so."""

from collections.abc import Iterator

from gateway.appliance.doctor.check import Check
from gateway.appliance.doctor.facts import Facts
from gateway.appliance.doctor.finding import Said, good


def toy(facts: Facts) -> Iterator[Said]:
    """Nothing is ever wrong."""
    if facts.machine is not None:
        yield good("toy.found")


CHECKS = (Check("toy", "machine", toy),)
