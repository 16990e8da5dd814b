"""Orders that are superseded, whether they have come or not.

A platform's messages may overtake each other: an update or a cancel can arrive before the order
that it replaces, which must not sound after it.
"""

import logging
from collections.abc import Iterable

import msgspec

from broadcast.ports import OrderJournal
from gateway.errors import JournalError
from gateway.journal import StateChange, load_state
from gateway.journal.stored_state import json_decoder

_log = logging.getLogger(__name__)

ROOM, KEY = "broadcast-replaced", "ids"
# The newest are kept; what was superseded longer ago will not come any more.
KEPT_MAX = 200


class SupersededOrders:
    """The ids of superseded orders; `load` before use."""

    def __init__(self, journal: OrderJournal) -> None:
        self._journal = journal
        self._ids: dict[str, None] = {}

    async def load(self) -> None:
        """Load the stored ids."""
        kept = await load_state(self._journal, ROOM, json_decoder(list[str]))
        self._ids = dict.fromkeys(kept.get(KEY, [])[-KEPT_MAX:])

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._ids

    async def add(self, ids: Iterable[str]) -> None:
        """Refuse these from now on, even if that cannot be stored."""
        for order_id in ids:
            self._ids.pop(order_id, None)
            self._ids[order_id] = None
        self._ids = dict.fromkeys([*self._ids][-KEPT_MAX:])
        try:
            body = msgspec.json.encode([*self._ids])
            await self._journal.append((), [StateChange(ROOM, KEY, body)])
        except JournalError as error:
            _log.error("what was called off could not be stored: %s", error)  # said whole
