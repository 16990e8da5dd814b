"""What an uplink is: a road to a platform, and what comes back along it.

An uplink carries and reports; it never queues, retries or drops. The sender does the first two,
nobody does the third.
"""

from typing import Protocol

import msgspec

from gateway.event import Entry, Lane, envelope_batch

BATCH_ENTRIES_MAX = 100
BATCH_BYTES_MAX = 262_144


class Batch(msgspec.Struct, frozen=True):
    """Entries of one epoch, each lane's in order; an empty batch only asks for a receipt."""

    station: str
    epoch: str
    entries: tuple[Entry, ...] = ()

    @property
    def lanes(self) -> frozenset[Lane]:
        """The lanes that the receipt must speak of."""
        return frozenset(entry.lane for entry in self.entries)

    def body(self) -> bytes:
        """The batch on the wire: `application/cloudevents-batch+json`."""
        return envelope_batch(self.entries, self.station)


class Rejection(msgspec.Struct, frozen=True):
    """The platform has settled event `id` without taking it; `code` is its reason."""

    id: str
    code: str


class Receipt(msgspec.Struct, frozen=True):
    """What the platform holds durably, cumulative for each lane of the batch.

    `upto`: every number up to here is stored, rejected or inside a gap. `missing`: holes that the
    platform wants filled. `at` is the platform's time when it wrote this, RFC 3339 with
    milliseconds, if it lends us its clock.
    """

    epoch: str
    upto: dict[str, int]
    missing: list[tuple[str, int, int]] = []
    rejected: list[Rejection] = []
    at: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """The platform's answer to `ask`."""

    body: bytes


class Refused(msgspec.Struct, frozen=True):
    """Certainly not done: the platform said no, or never heard the question."""

    code: str


class Unknown(msgspec.Struct, frozen=True):
    """The platform may or may not have acted."""

    code: str


class Uplink(Protocol):
    """One connection to one platform."""

    async def deliver(self, batch: Batch) -> Receipt:
        """Hand over a batch; Unreachable, Rejected or BadReceipt if no receipt came back."""

    async def ask(self, message: bytes, deadline_ns: int) -> Reply | Refused | Unknown:
        """One question now or never: touches no queue, answers by CLOCK_BOOTTIME `deadline_ns`."""

    async def commands(self, after: str, wait_s: float) -> list[bytes]:
        """Commands issued after command `after`, waiting up to `wait_s` for one; UpstreamError."""

    async def close(self) -> None:
        """Let go of the connection."""
