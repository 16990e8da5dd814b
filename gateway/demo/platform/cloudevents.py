"""One event as a station sends it: CloudEvents 1.0 with our extensions. Pure."""

from typing import Any

import msgspec

LANES = ("emergency", "alarm", "service", "telemetry")
GAP_TYPE = "cn.yizhan.feed.gap.v1"
RECEIPT_TYPE = "cn.yizhan.command.receipt.v1"


class MalformedBatch(Exception):
    """The batch is not what docs/feed.md promises."""


class ReceivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform looks at; everything else is kept as it came."""

    specversion: str
    id: str
    sequence: str
    source: str
    type: str
    lane: str
    time: str | None = None
    place: str = ""
    correlationid: str | None = None
    data: Any = None
    body: bytes = b""

    @property
    def seq(self) -> int:
        """The number in its lane."""
        return int(self.sequence)

    @property
    def station(self) -> str:
        """Who sent it."""
        return self.id.split(":")[0]

    @property
    def epoch(self) -> str:
        """Which journal file it is from."""
        return self.id.split(":")[1]

    @property
    def is_gap(self) -> bool:
        """Whether it stands for numbers that will not come (of this epoch)."""
        return self.type == GAP_TYPE and self.data.get("epoch") is None

    @property
    def settles(self) -> tuple[int, int]:
        """The numbers of its lane that need not be waited for any more."""
        return (int(self.data["from"]) if self.is_gap else self.seq), self.seq


_batch = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(ReceivedEvent)


def parse_batch(body: bytes) -> list[ReceivedEvent]:
    """The events of a batch; Malformed names the first that breaks the contract."""
    try:
        return [_arrival(bytes(raw)) for raw in _batch.decode(body)]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedBatch(str(error)) from error


def _arrival(raw: bytes) -> ReceivedEvent:
    event = msgspec.structs.replace(_event.decode(raw), body=raw)
    parts = event.id.split(":")
    if event.specversion != "1.0" or event.lane not in LANES or len(event.sequence) != 12:  # noqa: PLR2004
        raise MalformedBatch(event.id)
    if len(parts) != 4 or parts[2:] != [event.lane, str(event.seq)] or event.seq < 1:  # noqa: PLR2004
        raise MalformedBatch(event.id)
    if event.settles[0] > event.seq or event.settles[0] < 1:
        raise MalformedBatch(event.id)
    return event
