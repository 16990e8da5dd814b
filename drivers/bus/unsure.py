"""Results that are not handed out yet: one of their answers may have been another request's.

Nothing in a reply says what it answers, so one that is a repetition, or a twin's, shows only by
what follows: the true reply comes and nobody waits for it, or runs into the next request.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from drivers.bus.member import Member
from drivers.bus.poll import Unsure
from drivers.contract import Garbled, PollResult


class Outcome(Protocol):
    """Is given a result once it is final."""

    def __call__(  # noqa: D102
        self, member: Member, result: PollResult, *, answered: bool, fruitful: bool
    ) -> None: ...


class _Kept:
    def __init__(
        self, member: Member, result: PollResult, unsure: Sequence[Unsure], *, answered: bool
    ) -> None:
        self.member = member
        self.result = result
        self.unsure = unsure
        self.answered = answered


class UnsureResults:
    """One bus's. `tasks` runs what waits; whatever `outcome` raises ends the bus's session."""

    def __init__(self, outcome: Outcome) -> None:
        self.tasks: asyncio.TaskGroup | None = None
        self._outcome = outcome
        self._kept: dict[_Kept, None] = {}

    def keep(
        self, member: Member, result: PollResult, unsure: Sequence[Unsure], *, answered: bool
    ) -> None:
        """Hand it out after the echo time, without what something has spoken against by then."""
        assert self.tasks is not None
        kept = _Kept(member, result, unsure, answered=answered)
        self._kept[kept] = None
        self.tasks.create_task(self._after_echo(kept))

    def give_up(self) -> None:
        """The line is down: nobody can hear any more whether they were right."""
        for kept in tuple(self._kept):
            self._let_go(kept, lost=True)

    async def _after_echo(self, kept: _Kept) -> None:
        await asyncio.sleep(kept.member.quarantine.echo_s)
        self._let_go(kept)

    def _let_go(self, kept: _Kept, *, lost: bool = False) -> None:
        del self._kept[kept]
        member, fault = kept.member, kept.result.fault
        readings = list(kept.result.readings)
        for each in kept.unsure:
            believed = not lost and member.quarantine.upset_s < each.since_s
            if believed:
                told = member.readings(each.samples, each.at_s)
            else:
                told = member.void(each.samples, each.at_s)
                fault = fault or Garbled(member.stats.code or "bus.doubtful")
            readings += [] if each.again else told
        member.counters.puzzled()  # the next round asks in any case
        replaced = (*kept.result.replaced, *member.counters.replaced())
        result = msgspec.structs.replace(
            kept.result, readings=tuple(readings), fault=fault, replaced=replaced
        )
        fruitful = any(reading.value is not None for reading in readings)
        self._outcome(member, result, answered=kept.answered, fruitful=fruitful)
