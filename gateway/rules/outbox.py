"""Outcomes of the rules on their way into the journal: each in one commit, or held and tried again.

An outcome's events, of whatever lane, and the state that goes with them are stored together or not
at all. Only where the journal has no room for the whole does the emergency part go alone, with the
state that belongs to it; the rest is held back, events and state, so that after a kill nothing is
remembered that the journal does not tell: what was raised and held is raised anew.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from gateway.errors import JournalError, JournalFull
from gateway.event import Event, Lane
from gateway.faults import OnFault, log_fault
from gateway.health import RefusalVitals
from gateway.journal import Journal, StateChange
from gateway.rules.core import HEAD, ROOM, Head
from gateway.rules.linkage import Task

log = logging.getLogger(__name__)

# What is held back for want of room is tried again so often.
RETRY_S = 5.0

# Outcomes on their way; beyond it the oldest without an emergency is given up, and counted.
#
# How many have one is bounded by the settings.
WAITING_MAX = 1000

# Outcomes that share a commit, and their state: far below what the journal takes at once.
BATCH_MAX, BATCH_BYTES_MAX = 100, 128 * 1024


class Part(NamedTuple):
    """The events of one record, and the keys of the state that belongs to it."""

    events: tuple[Event, ...]
    keys: frozenset[str] = frozenset()

    @property
    def urgent(self) -> bool:
        """Whether it is an emergency's."""
        return any(event.travels is Lane.EMERGENCY for event in self.events)


class Waiting(msgspec.Struct):
    """One outcome as it will be written, and what begins once that has been tried."""

    parts: list[Part]
    keep: dict[str, bytes | None]
    tasks: list[Task]
    tried: bool = False

    @property
    def urgent(self) -> bool:
        """Whether there is an emergency in it."""
        return any(part.urgent for part in self.parts)

    @property
    def events(self) -> list[Event]:
        """All of them, in the order of what happened."""
        return [event for part in self.parts for event in part.events]

    @property
    def state_bytes(self) -> int:
        """Bytes of state."""
        return sum(len(key) + len(body or b"") for key, body in self.keep.items())

    def split(self) -> tuple["Waiting", "Waiting"]:
        """The emergencies with their state, and the rest with its own; what is nobody's goes first.

        A state that belongs to both goes with the emergency, whose event tells of it.
        """
        first = [part for part in self.parts if part.urgent]
        rest = [part for part in self.parts if not part.urgent]
        held = frozenset[str]().union(*(part.keys for part in rest))
        held -= frozenset[str]().union(*(part.keys for part in first))
        kept: dict[str, bytes | None] = {}
        left: dict[str, bytes | None] = {}
        for key, body in self.keep.items():
            (left if key in held else kept)[key] = body
        return Waiting(first, kept, []), Waiting(rest, left, [])


class Outbox:
    """`put` at any time and `run` for ever; `flush` at the end."""

    def __init__(
        self,
        journal: Journal,
        head: Callable[[], Head],
        begin: Callable[[Task], None],
        now_ns: Callable[[], int],
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`head` goes with every commit; `begin` gets the tasks of what was tried, once."""
        self._journal = journal
        self._head = head
        self._begin = begin
        self._now_ns = now_ns
        self._on_fault = on_fault
        self._waiting: deque[Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._full = False
        self._refused = self._held = self._lost = 0
        self._refused_ns: int | None = None

    def __len__(self) -> int:
        """How many outcomes wait."""
        return len(self._waiting)

    @property
    def refusals(self) -> RefusalVitals:
        """What the journal has refused."""
        return RefusalVitals(ROOM, self._refused, self._refused_ns, self._held, self._lost)

    def put(self, waiting: Waiting) -> None:
        """Take an outcome along; never raises, never waits."""
        self._waiting.append(waiting)
        self._bound()
        self._wake.set()

    async def run(self) -> None:
        """Write what comes, and try again what was held back."""
        while True:
            try:
                async with asyncio.timeout(RETRY_S if self._full else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._written()

    async def flush(self) -> None:
        """Write what waits; what is refused now is given up."""
        if self._writing is not None:  # `run` was ended in the midst of it
            await self._written()
        while self._waiting:
            await self._written()
            if self._full:
                break
        for one in self._waiting:
            self._count(one.events, lost=True)
        self._waiting.clear()

    async def _written(self) -> None:
        """Whoever is cancelled leaves the write under way, and all that is in it, to `flush`."""
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="rules outbox")
        writing = self._writing
        await asyncio.wait({writing})
        if self._writing is writing:
            self._writing = None
        writing.result()

    async def _write(self) -> None:
        """Everything that waits, in commits as large as may be; what is refused stays in front."""
        waiting = deque(piece for one in self._waiting for piece in _pieces(one))
        self._waiting.clear()
        held: list[Waiting] = []
        self._full = False
        try:
            while waiting:
                batch = _batch(waiting)
                if self._full or not await self._stored(_joined(batch), alone=len(batch) == 1):
                    await self._one_by_one(batch, held)
                self._begin_all(batch)
        finally:
            self._waiting.extendleft(reversed([*held, *waiting]))
            self._bound()
        self._held = sum(len(one.events) for one in held)

    async def _one_by_one(self, batch: Sequence[Waiting], held: list[Waiting]) -> None:
        """Add to `held` what has no room; once one is refused only emergencies are tried."""
        for one in batch:
            may = one.urgent or not self._full
            if may and await self._stored(one, alone=True):
                _forget(one.keep, held)
                continue
            rest = await self._emergency_of(one, held) if one.urgent else one
            if rest.parts or rest.keep:
                if not rest.tried:
                    self._count(rest.events)
                rest.tried = True
                held.append(rest)

    async def _emergency_of(self, one: Waiting, held: Sequence[Waiting]) -> Waiting:
        """Store its emergency alone; what is left of it."""
        first, rest = one.split()
        if not await self._stored(first, alone=True):
            return one
        _forget(first.keep, held)
        return rest

    async def _stored(self, one: Waiting, *, alone: bool) -> bool:
        """Whether that is decided: False if there is no room for it, or one of several is bad."""
        try:
            events = one.events
            states = [StateChange(ROOM, key, body) for key, body in one.keep.items()]
            states.append(StateChange(ROOM, HEAD, msgspec.msgpack.encode(self._head())))
            await self._journal.append(events, states)
        except JournalFull:
            self._full = True
            return False
        except JournalError as error:
            # An I/O error has already told the station through `journal.fatal`; alarms go on in
            # memory, and what they do goes on, too.
            self._count(one.events, lost=True)
            log.error("%d events of the rules could not be stored: %s", len(one.events), error)  # noqa: TRY400  # said whole
        except Exception as error:  # noqa: BLE001  # the edge: one outcome's mistake costs that outcome
            if not alone:
                return False
            self._count(one.events, lost=True)
            self._on_fault("rules.outbox", error)
        return True

    def _begin_all(self, batch: Sequence[Waiting]) -> None:
        """Full or not, what is to be done is done: once, the first time that it was tried."""
        for one in batch:
            tasks, one.tasks = one.tasks, []
            for task in tasks:
                self._begin(task)

    def _bound(self) -> None:
        while len(self._waiting) > WAITING_MAX:
            at = next((n for n, one in enumerate(self._waiting) if not one.urgent), None)
            if at is None:
                return
            given_up = self._waiting[at]
            del self._waiting[at]
            self._begin_all([given_up])
            self._count(given_up.events, lost=True)
            log.error("%d events of the rules are given up", len(given_up.events))

    def _count(self, events: Sequence[Event], *, lost: bool = False) -> None:
        if events:
            self._refused += 1
            self._refused_ns = self._now_ns()
            self._lost += len(events) if lost else 0


def _pieces(one: Waiting) -> Iterator[Waiting]:
    """An outcome is whole; state that no event tells of goes in pieces that the journal takes."""
    if one.parts or one.state_bytes <= BATCH_BYTES_MAX:
        yield one
        return
    piece = Waiting([], {}, one.tasks)
    for key, body in one.keep.items():
        piece.keep[key] = body
        if piece.state_bytes > BATCH_BYTES_MAX // 2:
            yield piece
            piece = Waiting([], {}, [])
    yield piece


def _batch(waiting: deque[Waiting]) -> list[Waiting]:
    """The next that share a commit, taken out of `waiting`."""
    batch = [waiting.popleft()]
    size = batch[0].state_bytes
    while waiting and len(batch) < BATCH_MAX:
        size += waiting[0].state_bytes
        if size > BATCH_BYTES_MAX:
            break
        batch.append(waiting.popleft())
    return batch


def _forget(keys: Mapping[str, bytes | None], held: Sequence[Waiting]) -> None:
    """What is newer in the journal is not overwritten by what was held back before it."""
    for one in held:
        for key in keys.keys() & one.keep.keys():
            del one.keep[key]


def _joined(batch: Sequence[Waiting]) -> Waiting:
    """Several outcomes as one commit; the later state of a key holds."""
    whole = Waiting([], {}, [])
    for one in batch:
        whole.parts.extend(one.parts)
        whole.keep.update(one.keep)
    return whole
