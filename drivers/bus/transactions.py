"""One question to one device, with all the pieces of its answer: samples, or what is wrong.

This is the bus's edge: what a driver did not foresee costs the one transaction, and is told.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from drivers.bus.device import BusDevice
from drivers.bus.link import BusLink
from drivers.contract import DeviceFault, GarbledReply, LineDown, OnFault, Sample
from drivers.family import Transaction

# A transaction that lasts so much longer than it may has lost its port without being told; that
# is looked for as often.
STUCK_S = 10.0

_FRAME_CHARS_MAX = 512
# Pieces that one answer may come in.
_MORE_MAX = 16


class TransactionRunner:
    """What is under way on one bus; `on_reply` hears of every reply, whatever it says."""

    def __init__(self, bus: str, on_fault: OnFault, on_reply: Callable[[BusDevice], None]) -> None:
        self._where = f"bus.{bus}"
        self._on_fault = on_fault
        self._on_reply = on_reply
        self._under_way: dict[object, tuple[BusDevice, float]] = {}

    def find_stuck(self, now_s: float) -> BusDevice | None:
        """A device whose transaction should long have been over."""
        late = (member for member, over_by_s in self._under_way.values() if over_by_s < now_s)
        return next(late, None)

    async def ask(
        self, link: BusLink, member: BusDevice, transaction: Transaction
    ) -> Sequence[Sample] | DeviceFault:
        """What the device says, or what is wrong with it; LineDown."""
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
        """Tell what nobody foresaw; for the device it is one answer that was none."""
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
        except BaseException:  # whatever it is, it is raised again
            member.record_abandoned(transaction, began_s, loop.time())
            raise
        finally:
            member.asked = None
            del self._under_way[ticket]
        member.record_reply(transaction, reply, began_s, loop.time())
        self._on_reply(member)
        return reply.frame
