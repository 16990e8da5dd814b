"""One transaction with one device, with all pieces of its reply: samples or a fault.

An unforeseen exception of a driver is contained here: it costs the one transaction.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from drivers.bus.device import BusDevice
from drivers.bus.link import BusLink
from drivers.contract import DeviceFault, GarbledReply, LineDown, OnFault, Sample
from drivers.family import Transaction

# A transaction that exceeds its limit by this much has lost its port without notice. Also how
# # often that is checked.
STUCK_S = 10.0

_FRAME_CHARS_MAX = 512
# Most pieces of one reply.
_MORE_MAX = 16


class TransactionRunner:
    """The pending transactions of a bus; `on_reply` is called for every reply of any content."""

    def __init__(self, bus: str, on_fault: OnFault, on_reply: Callable[[BusDevice], None]) -> None:
        self._where = f"bus.{bus}"
        self._on_fault = on_fault
        self._on_reply = on_reply
        self._under_way: dict[object, tuple[BusDevice, float]] = {}

    def find_stuck(self, now_s: float) -> BusDevice | None:
        """A device whose transaction should have ended long ago."""
        late = (member for member, over_by_s in self._under_way.values() if over_by_s < now_s)
        return next(late, None)

    async def ask(
        self, link: BusLink, member: BusDevice, transaction: Transaction
    ) -> Sequence[Sample] | DeviceFault:
        """The samples, or the fault; raises LineDown."""
        member.begin_request()
        try:
            frame = await self._exchange(link, member, transaction)
            for _ in range(_MORE_MAX):
                rest = None if transaction.more is None else transaction.more(frame)
                if rest is None:
                    return transaction.decode(frame)
                transaction = rest
                frame = await self._exchange(link, member, transaction)
            return GarbledReply("bus.endless", device=member.device.id)
        except DeviceFault as fault:
            return fault
        except LineDown:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: it costs this transaction
            return self.contain_error(member, error)

    def contain_error(self, member: BusDevice, error: Exception) -> DeviceFault:
        """Report an unforeseen exception; for the device it counts as a garbled reply."""
        self._on_fault(self._where, error)
        return GarbledReply("bus.fault", device=member.device.id)

    async def _exchange(self, link: BusLink, member: BusDevice, transaction: Transaction) -> bytes:
        timeout_s = member.timeout_s
        limit_s = 2 * timeout_s + _FRAME_CHARS_MAX * member.line.char_s + STUCK_S
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        member.asked = transaction.expect
        ticket = object()
        self._under_way[ticket] = member, began_s + limit_s
        asked = transaction
        if not member.believes_refusal(transaction, began_s) and transaction.expect is not None:
            good = transaction.expect.good_only()
            asked = msgspec.structs.replace(transaction, expect=good)
        try:
            reply = await link.exchange(asked, member.line, timeout_s)
        except DeviceFault as fault:
            member.record_unanswered(transaction, fault, began_s, loop.time())
            raise
        except BaseException:  # re-raised after recording it
            member.record_abandoned(transaction, began_s, loop.time())
            raise
        finally:
            member.asked = None
            del self._under_way[ticket]
        member.record_reply(transaction, reply, began_s, loop.time())
        self._on_reply(member)
        return reply.frame
