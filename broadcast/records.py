"""Writes what becomes of orders, each move with the state that it leads to.

An order's moves keep to one lane, and the journal keeps the order of a lane; so moves that follow
each other closely share a commit, and a press does not wait for three of them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from broadcast.ports import Ledger
from gateway.errors import JournalError
from gateway.event import Event
from gateway.faults import OnFault, log_fault
from gateway.journal import StateChange

_log = logging.getLogger(__name__)


class Records:
    """`lost` counts moves that the journal would not take; sound goes on all the same."""

    def __init__(
        self, journal: Ledger, now_ns: Callable[[], int], on_fault: OnFault = log_fault
    ) -> None:
        """Into that journal."""
        self.lost = 0
        self.lost_ns: int | None = None
        self._now_ns = now_ns
        self._on_fault = on_fault
        self._journal = journal
        self._last: dict[str, asyncio.Task[bool]] = {}

    def write(self, order_id: str, event: Event, states: Sequence[StateChange]) -> None:
        """Begin to write it; what is waited for is asked of `written`."""
        task = asyncio.get_running_loop().create_task(self._write(event, states))
        self._last[order_id] = task
        task.add_done_callback(lambda done: self._forget(order_id, done))

    async def written(self, order_id: str) -> bool:
        """Wait for all that was begun of this order; False if the last could not be stored."""
        last = self._last.get(order_id)
        return True if last is None else await asyncio.shield(last)

    async def drain(self) -> None:
        """Wait for everything."""
        while self._last:
            await asyncio.wait(set(self._last.values()))

    async def _write(self, event: Event, states: Sequence[StateChange]) -> bool:
        try:
            await self._journal.append([event], states)
        except JournalError as error:
            # An I/O error has already told the station through `journal.fatal`.
            self._lose()
            _log.error("what became of an order could not be stored: %s", error)  # said whole
            return False
        except Exception as error:  # noqa: BLE001  # the edge: one record's mistake costs that record
            self._lose()
            self._on_fault("broadcast.record", error)
            return False
        return True

    def _lose(self) -> None:
        self.lost += 1
        self.lost_ns = self._now_ns()

    def _forget(self, order_id: str, done: asyncio.Task[bool]) -> None:
        if self._last.get(order_id) is done:
            del self._last[order_id]
