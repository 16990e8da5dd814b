"""The kind of event that the inbox makes.

command.receipt    what became of a platform's command (service)

It has its golden JSON in `tests/golden/feed/`.
"""

from typing import Any

import msgspec

from gateway.event import Audience, EventKind, Lane

ROOM = "upstream"


class ReceiptEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command, an order or a request: `of` is its id, `reason_code` says why."""

    of: str
    state: str
    reason_code: str | None = None
    at: str | None = None
    detail: Any = None


COMMAND_RECEIPT = EventKind("command", "receipt", Lane.SERVICE, ReceiptEventData, Audience.STAFF)
KINDS = (COMMAND_RECEIPT,)
