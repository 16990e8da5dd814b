"""What a check of the doctor is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.appliance.doctor.facts import Facts
from gateway.appliance.doctor.finding import Said

Look = Callable[[Facts], Iterator[Said]]


class Check(NamedTuple):
    """One check: its id, the group that it is shown in, and how it looks."""

    id: str
    group: str
    look: Look
