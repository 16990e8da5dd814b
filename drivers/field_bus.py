"""A bus as the station runs it, and how a kind of bus is declared."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from drivers.contract import Device, OnFault, OnState, Reading, Sink, Value, log_fault
from drivers.counters import Counters


class FieldBus(Protocol):
    """What the station runs, one a `[bus.*]`: a `PolledBus` or the bus of another shape."""

    name: str

    async def run(self) -> None:
        """Serve until cancelled."""

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Write, read back, and give what was read; a FieldError says why not.

        Of a point that cannot be read back it gives what was wanted, as `substituted`.
        """

    def restart(self) -> None:
        """Close and open again, for a watchdog; writes that wait are told that the line is down."""

    def counters(self, device: str) -> Counters | None:
        """The counters of that device; None if it is not on this bus."""

    def accept_counter(self, device: str, point: str) -> None:
        """The meter was replaced: believe the next counts of this point that agree."""


class BuildBus(Protocol):
    """How a bus is made of its name, its options and its devices."""

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
    """A value of `kind` in `[bus.*]`: its `Options`, and what builds the bus.

    `build` takes `on_fault` by name, too; it only logs without.
    """

    name: str
    options: type[msgspec.Struct]
    build: BuildBus
