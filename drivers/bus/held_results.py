"""Results that are held back because one of their replies may belong to another request.

A reply does not say which request it answers. A twin's reply is only recognised by what follows:
the device's own reply arrives unexpectedly or collides with the next request.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from drivers.bus.device import BusDevice
from drivers.bus.poll import DoubtfulReply
from drivers.contract import GarbledReply, PollResult


class OnFinalResult(Protocol):
    """Called with a result once it is final."""

    def __call__(
        self, member: BusDevice, result: PollResult, *, answered: bool, fruitful: bool
    ) -> None: ...


class _HeldResult:
    """A result with its doubtful replies. `ripe`: nothing can contradict it any more."""

    def __init__(
        self,
        member: BusDevice,
        result: PollResult,
        unsure: Sequence[DoubtfulReply],
        *,
        answered: bool,
    ) -> None:
        self.member = member
        self.result = result
        self.unsure = unsure
        self.answered = answered
        self.ripe = not unsure


class HeldResults:
    """One bus's held results. `tasks` runs their timers; errors of `outcome` end the session."""

    def __init__(self, outcome: OnFinalResult) -> None:
        self.tasks: asyncio.TaskGroup | None = None
        self._outcome = outcome
        self._kept: dict[BusDevice, deque[_HeldResult]] = {}

    def holds(self, member: BusDevice) -> bool:
        """Whether a result of this device is held; later ones must then follow it."""
        return member in self._kept

    def keep(
        self,
        member: BusDevice,
        result: PollResult,
        unsure: Sequence[DoubtfulReply],
        *,
        answered: bool,
    ) -> None:
        """Pass the result on after the echo time, without what was contradicted by then."""
        kept = _HeldResult(member, result, unsure, answered=answered)
        self._kept.setdefault(member, deque()).append(kept)
        if unsure:
            assert self.tasks is not None
            self.tasks.create_task(self._after_echo(kept))

    def give_up(self) -> None:
        """The session is over: what is still doubtful can no longer be confirmed."""
        for member in tuple(self._kept):
            for kept in self._kept.pop(member):
                self._let_go(kept, lost=True)

    async def _after_echo(self, kept: _HeldResult) -> None:
        await asyncio.sleep(kept.member.quarantine.echo_s)
        kept.ripe = True
        line = self._kept[kept.member]
        while line and line[0].ripe:
            self._let_go(line.popleft())
        if not line:
            del self._kept[kept.member]

    def _let_go(self, kept: _HeldResult, *, lost: bool = False) -> None:
        member, fault = kept.member, kept.result.fault
        readings = list(kept.result.readings)
        trusted = not lost and not member.quarantine.twins
        for each in kept.unsure:
            believed = trusted and member.quarantine.upset_s < each.since_s
            if believed:
                told = member.readings(each.samples, each.at_s)
            else:
                told = member.doubtful_readings(each.samples, each.at_s)
                fault = fault or GarbledReply(member.stats.code or "bus.doubtful")
            readings += [] if each.again else told
        if kept.unsure:
            member.counters.pop_puzzled()  # the next round asks again anyway
        replaced = (*kept.result.replaced, *member.counters.pop_replacements())
        result = msgspec.structs.replace(
            kept.result, readings=tuple(readings), fault=fault, replaced=replaced
        )
        fruitful = any(reading.value is not None for reading in readings)
        self._outcome(member, result, answered=kept.answered, fruitful=fruitful)
