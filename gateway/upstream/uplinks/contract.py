"""What an uplink is: a connection to a platform, and what comes back over it.

An uplink carries and reports. It never queues or retries, the sender does; nothing ever drops.
"""

from typing import NamedTuple, Protocol

import msgspec

from gateway.errors import BadReceipt
from gateway.event import JournalEntry, Lane, encode_envelope_batch

BATCH_ENTRIES_MAX = 100
BATCH_BYTES_MAX = 262_144

CURSOR_BYTES_MAX = 256

# No connection was made, so that nothing was sent.
UNREACHABLE = "upstream.unreachable"

# A connection was lost: without a sign, or with one.
TIMEOUT = "upstream.timeout"
BROKEN = "upstream.broken"

NO_RECEIPT = "upstream.no-receipt"


class EventBatch(msgspec.Struct, frozen=True):
    """Entries of one epoch, each lane's in order; an empty batch only asks for a receipt."""

    station: str
    epoch: str
    entries: tuple[JournalEntry, ...] = ()

    @property
    def lanes(self) -> frozenset[Lane]:
        """The lanes that the receipt must cover."""
        return frozenset(entry.lane for entry in self.entries)

    def body(self) -> bytes:
        """The batch on the wire: `application/cloudevents-batch+json`."""
        return encode_envelope_batch(self.entries, self.station)


class Rejection(msgspec.Struct, frozen=True):
    """The platform refuses event `id` for good; `code` is its reason."""

    id: str
    code: str


class DeliveryReceipt(msgspec.Struct, frozen=True):
    """What the platform has stored, cumulative for each lane of the batch.

    `upto`: every number up to here is stored, rejected or inside a gap. `missing`: ranges that the
    platform asks for again. `held`: ranges stored beyond `upto`; a platform that sends the field,
    even empty, gets the newest events first. `at`: the platform's time when it wrote the receipt,
    RFC 3339 with milliseconds, where it lends its clock.
    """

    epoch: str
    upto: dict[str, int]
    missing: list[tuple[str, int, int]] = []
    rejected: list[Rejection] = []
    held: list[tuple[str, int, int]] | None = None
    at: str | None = None


_receipts = msgspec.json.Decoder(DeliveryReceipt)


def decode_receipt(body: bytes) -> DeliveryReceipt:
    """The receipt in an answer's body; BadReceipt if there is none."""
    try:
        return _receipts.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReceipt(NO_RECEIPT, reason=str(error)) from error


class Delivery(NamedTuple):
    """A receipt, and the size of the batch on the wire in bytes, headers excluded."""

    receipt: DeliveryReceipt
    payload: int


class QueryReply(msgspec.Struct, frozen=True):
    """The platform's answer to `ask`."""

    body: bytes


class QueryRefused(msgspec.Struct, frozen=True):
    """Certainly not done: the platform refused, or the query never reached it."""

    code: str


class QueryUnanswered(msgspec.Struct, frozen=True):
    """The platform may or may not have acted."""

    code: str


class PollPosition(NamedTuple):
    """Where the next poll for commands continues.

    `cursor`: from the platform's last answer, where it sends one; else `after`, the id of the
    newest command received. With both empty the platform sends every unfinished command.
    """

    after: str = ""
    cursor: str = ""


class PollAnswer(NamedTuple):
    """An answer to a poll; `cursor` is where it ends, where the platform sends one."""

    commands: list[bytes]
    cursor: str = ""


class Uplink(Protocol):
    """One connection to one platform."""

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        """Deliver a batch and return the receipt that comes back within `answer_s`.

        PlatformUnreachable, DeliveryRejected or BadReceipt otherwise. Once cancelled, it sends
        nothing more of the batch.
        """

    async def ask(
        self, message: bytes, deadline_ns: int
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """Send one query, past every queue; returns by `deadline_ns` of CLOCK_BOOTTIME."""

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """Poll for the next commands, waiting up to `wait_s` for one; UpstreamError."""

    async def close(self) -> None:
        """Close the connection."""
