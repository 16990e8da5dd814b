"""A bus as the station runs it, and how a kind of bus is declared."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from drivers.contract import Device, OnFault, OnState, Reading, Sink, Value, log_fault
from drivers.counters import Counters


class FieldBus(Protocol):
    """What the station runs for each `[bus.*]`: a `PolledBus` or the bus of another shape."""

    name: str

    async def run(self) -> None:
        """Serve until cancelled."""

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Write, read back and return the reading; a FieldError says why that failed.

        A point that cannot be read back returns the written value, as `substituted`.
        """

    def restart(self) -> None:
        """Close and reopen, for a watchdog; waiting writes fail because the line is down."""

    def counters(self, device: str) -> Counters | None:
        """The counters of that device; None if it is not on this bus."""

    def accept_counter(self, device: str, point: str) -> None:
        """The meter was replaced: believe the next counts of this point that agree."""


class BuildBus(Protocol):
    """Builds a bus from its name, its options and its devices."""

    def __call__(
        self,
        name: str,
        options: Any,
        devices: Sequence[Device],
        sink: Sink,
        on_state: OnState,
        *,
        on_fault: OnFault = log_fault,
    ) -> FieldBus: ...


class BusKind(msgspec.Struct, frozen=True):
    """A value of `kind` in `[bus.*]`: its options, and what builds the bus."""

    name: str
    options: type[msgspec.Struct]
    build: BuildBus
