"""An uplink that opens as soon as it can, and refuses with the reason until then.

A credential or certificate file that is missing, damaged or readable by others closes this uplink
alone; the station and its other uplinks go on. Each call tries again, so that the uplink works
once the file is in place.
"""

import asyncio
import contextlib
from collections.abc import Callable

from gateway.errors import DeliveryRejected, StationError
from gateway.faults import OnFault, log_fault
from gateway.upstream.uplinks.contract import (
    Delivery,
    EventBatch,
    PollAnswer,
    PollPosition,
    QueryRefused,
    QueryReply,
    QueryUnanswered,
    Uplink,
)

UNOPENED = "upstream.unopened"


class LateUplink:
    """Wraps the uplink that `opened` makes; tried again with every call until it succeeds."""

    def __init__(
        self, name: str, opened: Callable[[], Uplink], on_fault: OnFault = log_fault
    ) -> None:
        """Try once. Calls raise what `opened` raises; an unforeseen exception is also a fault."""
        self.opened = asyncio.Event()
        self._name = name
        self._open = opened
        self._on_fault = on_fault
        self._uplink: Uplink | None = None
        self._closed = False
        self._told = ""
        self.trouble: DeliveryRejected | None = None
        with contextlib.suppress(DeliveryRejected):  # the first delivery is refused with it
            self._opened()

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        """Deliver a batch; DeliveryRejected while the uplink cannot be opened."""
        return await self._opened().deliver(batch, answer_s)

    async def ask(
        self, message: bytes, deadline_ns: int
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """Send one query; QueryRefused while the uplink cannot be opened."""
        try:
            uplink = self._opened()
        except DeliveryRejected as error:
            return QueryRefused(error.code)
        return await uplink.ask(message, deadline_ns)

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """Poll for commands; DeliveryRejected while the uplink cannot be opened."""
        return await self._opened().commands(since, wait_s)

    async def close(self) -> None:
        """Close the connection, and open none any more."""
        self._closed = True
        if self._uplink is not None:
            await self._uplink.close()

    def _opened(self) -> Uplink:
        if self._uplink is None:
            if self._closed:
                raise DeliveryRejected(UNOPENED, reason="closed")
            try:
                self._uplink = self._made()
            except DeliveryRejected as error:
                self.trouble = error
                raise
            self.trouble = None
            self.opened.set()
        return self._uplink

    def _made(self) -> Uplink:
        try:
            return self._open()
        except StationError as error:
            raise DeliveryRejected(error.code, **error.data) from error
        except OSError as error:  # includes ssl.SSLError
            raise DeliveryRejected(UNOPENED, reason=error.strerror or str(error)) from error
        except Exception as error:  # the edge of one uplink
            reason = type(error).__name__
            if reason != self._told:  # once, not with every call
                self._told = reason
                self._on_fault(f"uplink.{self._name}", error)
            raise DeliveryRejected(UNOPENED, reason=reason) from error
