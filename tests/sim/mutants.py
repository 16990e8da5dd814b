"""Seeded defects of the station, one for each promise that the judge watches.

A mutant is put in by a test and never shipped. A simulation that does not notice it is blind.
"""

import asyncio
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from drivers.bus.actor import PolledBus
from drivers.bus.breaker import Breaker
from drivers.contract import PollResult, Quality, Reading, Value
from gateway.clock import Clock, Deadline
from gateway.event import Timestamps
from gateway.journal.lane import LaneTable
from gateway.rules.service import RuleService
from gateway.station.app import StationApp
from gateway.upstream.inbox.admission import CommandAdmission
from gateway.upstream.inbox.command import PlatformCommand
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_receipts import CommandReceipts
from gateway.upstream.inbox.command_store import CommandStore
from tests.sim.world import PROFILES

Mutant = Callable[[], Any]


def _skipped_number() -> Any:
    """A commit leaves a number out."""
    append, count = LaneTable.append, itertools.count(1)

    def mutated(self: LaneTable, bodies: Any) -> Any:
        if next(count) == 40:
            self.head += 1
        return append(self, bodies)

    return patch.object(LaneTable, "append", mutated)


def _forgotten_commit() -> Any:
    """What was committed last is not on disk when the journal is opened again."""
    load = LaneTable.load

    def mutated(self: LaneTable) -> None:
        load(self)
        if self.head > self.base:
            self._db.run(f"DELETE FROM {self._name} WHERE seq = ?", (self.head,))
            load(self)

    return patch.object(LaneTable, "load", mutated)


def _clock_ahead() -> Any:
    """Events are stamped an hour ahead."""
    stamp = Clock.stamp

    def mutated(self: Clock, at_ns: int | None = None) -> Timestamps:
        return stamp(self, (self.now_ns() if at_ns is None else at_ns) + 3600 * 10**9)

    return patch.object(Clock, "stamp", mutated)


def _last_value_for_ever() -> Any:
    """A meter that is not read again shows its last value as if it were new."""
    polled = StationApp._polled
    known: dict[str, PollResult] = {}

    def mutated(self: StationApp, poll: PollResult) -> None:
        if poll.fault is None:
            known[poll.device] = poll
        elif (last := known.get(poll.device)) is not None:
            poll = msgspec.structs.replace(
                last,
                at_ns=poll.at_ns,
                readings=tuple(
                    msgspec.structs.replace(each, at_ns=poll.at_ns) for each in last.readings
                ),
            )
        polled(self, poll)

    return patch.object(StationApp, "_polled", mutated)


def _slow_start() -> Any:
    """A step of the start waits for something before the keys live."""
    take_back = StationApp._restore_rooms

    async def mutated(self: StationApp) -> None:
        await asyncio.sleep(12.0)
        await take_back(self)

    return patch.object(StationApp, "_restore_rooms", mutated)


def _raising_rule() -> Any:
    """A rule trips over what it hears."""
    heard, count = RuleService.on_poll, itertools.count(1)

    def mutated(self: RuleService, *what: Any) -> Any:
        if next(count) % 100 == 0:
            raise ZeroDivisionError
        return heard(self, *what)

    return patch.object(RuleService, "on_poll", mutated)


def _unheard_loss() -> Any:
    """The rules are not told that a line is down."""
    return patch.object(RuleService, "on_bus_change", lambda *_: None)


def _given_up() -> Any:
    """A device that was silent is never asked again."""

    def mutated(self: Breaker, _now_s: float, _cost_s: float) -> None:
        self.retry_at_s = math.inf

    return patch.object(Breaker, "_postpone", mutated)


def _any_signature() -> Any:
    """Whoever signed it."""
    return patch.object(CommandKeys, "check", lambda *_: None)


def _for_anybody() -> Any:
    """A command for another station is taken."""
    authenticate = CommandAdmission.authenticate

    def mutated(self: CommandAdmission, command: PlatformCommand, raw: bytes) -> None:
        self._station = command.station
        authenticate(self, command, raw)

    return patch.object(CommandAdmission, "authenticate", mutated)


def _forgotten_command() -> Any:
    """What became of a command is not remembered."""
    return patch.object(CommandStore, "get", lambda *_: None)


def _never_too_late() -> Any:
    """A command is carried out however late it comes."""
    deadline = PlatformCommand.deadline

    def mutated(self: PlatformCommand, now: Timestamps, _floor_ns: int = 0) -> Deadline:
        late = deadline(self, now)
        return msgspec.structs.replace(late, at_ns=now.at_ns + 3600 * 10**9)

    return patch.object(PlatformCommand, "deadline", mutated)


def _claimed_write() -> Any:
    """A write is said to be done, and no meter is told."""

    async def mutated(self: PolledBus, device: str, point: str, value: Value) -> Reading:
        at_ns = round(asyncio.get_running_loop().time() * 1e9)
        return Reading(device, point, value, "", Quality.GOOD, at_ns)

    return patch.object(PolledBus, "write", mutated)


def _swallowed_receipt() -> Any:
    """Now and then the end of a command is told to nobody."""
    end, count = CommandReceipts.end_command, itertools.count(1)

    async def mutated(self: CommandReceipts, command_id: str, kept: Any) -> None:
        if next(count) % 5:
            await end(self, command_id, kept)

    return patch.object(CommandReceipts, "end_command", mutated)


# What the judge of commands says.
OF_COMMANDS = frozenset(
    {"forged command", "command twice", "late command", "two ends", "claim", "unanswered"}
)

# By name: the defect, and the promises by which the judge may notice it.
MUTANTS: dict[str, tuple[Mutant, frozenset[str]]] = {
    "skipped number": (_skipped_number, frozenset({"hole", "gap", "station.fault"})),
    "forgotten commit": (_forgotten_commit, frozenset({"two bodies", "hole", "gap"})),
    "clock ahead": (_clock_ahead, frozenset({"future"})),
    "last value for ever": (_last_value_for_ever, frozenset({"false value"})),
    "slow start": (_slow_start, frozenset({"late start"})),
    "raising rule": (_raising_rule, frozenset({"traceback", "station.fault"})),
    "unheard loss": (_unheard_loss, frozenset({"alarm"})),
    "given up": (_given_up, frozenset({"unread"})),
    "any signature": (_any_signature, frozenset({"forged command"})),
    "for anybody": (_for_anybody, frozenset({"forged command"})),
    "forgotten command": (_forgotten_command, frozenset({"command twice", "two ends"})),
    "never too late": (_never_too_late, frozenset({"late command"})),
    "claimed write": (_claimed_write, frozenset({"claim"})),
    "swallowed receipt": (_swallowed_receipt, frozenset({"unanswered"})),
}


@contextmanager
def mutated(name: str) -> Iterator[frozenset[str]]:
    """The station with that defect; what it should be told by.

    Platforms order only where the defect is one of commands: a write brings a device back that was
    given up, and hides another defect so.
    """
    make, kinds = MUTANTS[name]
    with ExitStack() as stack:
        stack.enter_context(make())
        if kinds.isdisjoint(OF_COMMANDS):
            silent = {key: each._replace(command_s=0) for key, each in PROFILES.items()}
            stack.enter_context(patch.dict(PROFILES, silent))
        yield kinds
