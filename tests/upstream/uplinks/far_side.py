"""What is behind an uplink, whatever carries it: a platform that does as docs/feed.md asks.

A kind's harness hands it the batches and the questions for commands, and carries its answers back.
It breaks at will: `fault` says how. What it has stored survives all of that.
"""

import asyncio
import enum
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gateway.demo.platform.watermark import Watermark
from gateway.event import Lane

SLOW_S = 0.12
REORDER_WITHIN_S = 0.05


class FarFault(enum.Enum):
    """What goes wrong between a batch and its receipt."""

    NONE = "none"
    # Nothing is answered until it ends.
    FROZEN = "frozen"
    # The same, for batches without an alarm.
    FROZEN_BULK = "frozen bulk"
    # The connection breaks before, or after, the batch is stored.
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    SLOW = "slow"
    # A batch comes twice, or behind the one that left after it.
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    # It is stored, but the answer holds no receipt, or one that is not true.
    WITHHELD = "withheld"
    OTHER_EPOCH = "other epoch"
    FUTURE = "future"
    BACKWARDS = "backwards"


class FarSide:
    """`fault` may change at any time. None as an answer means that the connection is cut."""

    def __init__(self, *, holds: bool = False) -> None:
        self.holds = holds
        self.marks = {lane.wire: Watermark() for lane in Lane}
        # First arrivals, in their order: lane and number.
        self.arrivals: list[tuple[str, int]] = []
        # How often each fact came into force; a fact is an event's own text, whatever its number.
        self.effects: Counter[str] = Counter()
        self.repeats = 0
        # Batches that are not answered yet, because it is frozen.
        self.held = 0
        # Batches in which the numbers of a lane do not rise.
        self.disordered = 0
        self.commands: list[bytes] = []
        self.command_states: dict[str, list[str]] = {}
        self._fault = FarFault.NONE
        self._changed = asyncio.Event()
        self._held_back: asyncio.Event | None = None

    @property
    def fault(self) -> FarFault:
        return self._fault

    @fault.setter
    def fault(self, fault: FarFault) -> None:
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    def order(self, command: bytes) -> None:
        """A command that is handed down until its receipt says what became of it."""
        self.commands.append(command)
        self._changed.set()
        self._changed = asyncio.Event()

    async def take_batch(self, epoch: str, events: Sequence[dict[str, Any]]) -> bytes | None:
        """Store it and answer with the receipt."""
        fault = self._fault
        urgent = any(event["lane"] in {"emergency", "alarm"} for event in events)
        self.held += 1
        while self._fault is FarFault.FROZEN or (
            self._fault is FarFault.FROZEN_BULK and events and not urgent
        ):
            await self._changed.wait()
        self.held -= 1
        if fault is FarFault.CUT_BEFORE and events:
            return None
        if fault is FarFault.SLOW:
            await asyncio.sleep(SLOW_S)
        if fault is FarFault.REORDERED and events:
            await self._let_pass()
        for _ in range(2 if fault is FarFault.DUPLICATED else 1):
            self._store(events)
        if fault is FarFault.CUT_AFTER and events:
            return None
        if fault is FarFault.WITHHELD:
            return b""
        return json.dumps(self._receipt(epoch, events, fault)).encode()

    async def next_commands(self, after: str, wait_s: float) -> bytes | None:
        """A JSON array of the commands that come next; waits for one."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while True:
            if self._fault in {FarFault.CUT_BEFORE, FarFault.CUT_AFTER}:
                return None
            found = [] if self._fault is FarFault.FROZEN else self._open_commands(after)
            left_s = until_s - loop.time()
            if found or left_s <= 0:
                again = found * (2 if self._fault is FarFault.DUPLICATED else 1)
                return b"[" + b",".join(again) + b"]"
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def lost(self, heads: dict[Lane, int]) -> int:
        """How many of these numbers are not there."""
        return sum(head - self.stored(lane) for lane, head in heads.items())

    def stored(self, lane: Lane) -> int:
        mark = self.marks[lane.wire]
        return mark.upto + sum(last - first + 1 for first, last in mark.early(10**6))

    def _store(self, events: Sequence[dict[str, Any]]) -> None:
        before: dict[str, int] = {}
        for event in events:
            lane, seq = event["lane"], int(event["sequence"])
            self.disordered += seq <= before.get(lane, 0)
            before[lane] = seq
            mark = self.marks[lane]
            if mark.covers(seq, seq):
                self.repeats += 1
                continue
            mark.add(seq, seq)
            self.arrivals.append((lane, seq))
            self._effect(event)

    def _effect(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"].endswith("command.receipt.v1"):
            self.command_states.setdefault(data["of"], []).append(data["state"])
        else:
            self.effects[data.get("why") or event["id"]] += 1

    def _receipt(
        self, epoch: str, events: Sequence[dict[str, Any]], fault: FarFault
    ) -> dict[str, Any]:
        lanes = {event["lane"] for event in events} or set(self.marks)
        upto = {lane: self.marks[lane].upto for lane in lanes}
        if fault is FarFault.OTHER_EPOCH:
            epoch = "0" * 16
        if fault is FarFault.FUTURE:
            upto = {lane: seq + 10**6 for lane, seq in upto.items()}
        if fault is FarFault.BACKWARDS:
            upto = {lane: max(0, seq - 7) for lane, seq in upto.items()}
        receipt: dict[str, Any] = {
            "epoch": epoch,
            "upto": upto,
            "missing": [(lane, *hole) for lane in lanes for hole in self.marks[lane].holes()],
        }
        if self.holds:
            receipt["held"] = [(lane, *each) for lane in lanes for each in self.marks[lane].early()]
        return receipt

    async def _let_pass(self) -> None:
        """Wait until a batch that left later is stored, if one comes soon."""
        if self._held_back is not None:
            self._held_back.set()
            return
        self._held_back = asyncio.Event()
        try:
            async with asyncio.timeout(REORDER_WITHIN_S):
                await self._held_back.wait()
        except TimeoutError:
            pass
        finally:
            self._held_back = None

    def _open_commands(self, after: str) -> list[bytes]:
        """Behind `after`; without it those whose end has not been reported."""
        named = [(json.loads(raw)["id"], raw) for raw in self.commands]
        if self._fault is FarFault.DUPLICATED or not after:
            return [raw for name, raw in named if len(self.command_states.get(name, ())) < 2]
        return [raw for name, raw in named if name > after]
