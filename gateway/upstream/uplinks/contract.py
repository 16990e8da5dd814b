"""What an uplink is: a road to a platform, and what comes back along it.

An uplink carries and reports; it never queues, retries or drops. The sender does the first two,
nobody does the third.
"""

from typing import NamedTuple, Protocol

import msgspec

from gateway.errors import BadReceipt
from gateway.event import JournalEntry, Lane, encode_envelope_batch

BATCH_ENTRIES_MAX = 100
BATCH_BYTES_MAX = 262_144

CURSOR_BYTES_MAX = 256

# There was no connection, so nothing was said.
UNREACHABLE = "upstream.unreachable"

TIMEOUT = "upstream.timeout"
# How a connection is lost that was there: silently, or so that it was heard.
BROKEN = "upstream.broken"

NO_RECEIPT = "upstream.no-receipt"


class EventBatch(msgspec.Struct, frozen=True):
    """Entries of one epoch, each lane's in order; an empty batch only asks for a receipt."""

    station: str
    epoch: str
    entries: tuple[JournalEntry, ...] = ()

    @property
    def lanes(self) -> frozenset[Lane]:
        """The lanes that the receipt must speak of."""
        return frozenset(entry.lane for entry in self.entries)

    def body(self) -> bytes:
        """The batch on the wire: `application/cloudevents-batch+json`."""
        return encode_envelope_batch(self.entries, self.station)


class Rejection(msgspec.Struct, frozen=True):
    """The platform has settled event `id` without taking it; `code` is its reason."""

    id: str
    code: str


class DeliveryReceipt(msgspec.Struct, frozen=True):
    """What the platform holds durably, cumulative for each lane of the batch.

    `upto`: every number up to here is stored, rejected or inside a gap. `missing`: holes that the
    platform wants filled. `held`: what it has beyond `upto`; a platform that says so, be it by an
    empty list, takes the newest first. `at` is the platform's time when it wrote this, RFC 3339
    with milliseconds, if it lends us its clock.
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
    """A receipt, and how many bytes the batch was on the wire (without its envelope)."""

    receipt: DeliveryReceipt
    payload: int


class QueryReply(msgspec.Struct, frozen=True):
    """The platform's answer to `ask`."""

    body: bytes


class QueryRefused(msgspec.Struct, frozen=True):
    """Certainly not done: the platform said no, or never heard the question."""

    code: str


class QueryUnanswered(msgspec.Struct, frozen=True):
    """The platform may or may not have acted."""

    code: str


class PollPosition(NamedTuple):
    """Where the next question for commands goes on.

    `cursor` is what the platform's last answer named, if it names any; without it, the id `after`
    of the newest command that came, and all that is not finished where that is empty, too.
    """

    after: str = ""
    cursor: str = ""


class PollAnswer(NamedTuple):
    """An answer to the question for commands; `cursor` is where it ends, if the platform says."""

    commands: list[bytes]
    cursor: str = ""


class Uplink(Protocol):
    """One connection to one platform."""

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        """Hand over a batch; Unreachable, Rejected or BadReceipt if no receipt came back in time.

        Who cancels it gives the batch up: nothing of it goes on being sent.
        """

    async def ask(
        self, message: bytes, deadline_ns: int
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """One question now or never: touches no queue, answers by CLOCK_BOOTTIME `deadline_ns`."""

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """The commands that come next, waiting up to `wait_s` for one; UpstreamError."""

    async def close(self) -> None:
        """Let go of the connection."""
