"""What a check of the doctor is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult

CheckFunction = Callable[[StationFacts], Iterator[CheckResult]]


class DoctorCheck(NamedTuple):
    """One check: its id, the group that it is shown in, and how it looks."""

    id: str
    group: str
    look: CheckFunction
