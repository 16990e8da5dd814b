"""Writes outcomes of the rules to the journal: each in one commit, or held and retried.

An outcome's events, of any lane, and their state are stored together or not at all. Only if the
journal has no room for the whole, the emergency part goes alone with its own state. The rest is
held, events and state, so after a kill nothing is remembered that the journal does not tell: what
was raised and held is raised again.
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
from gateway.rules.core import HEAD, ROOM, RulesHead
from gateway.rules.linkage import LinkageTask

log = logging.getLogger(__name__)

# Retry interval for what is held.
RETRY_S = 5.0

# Pending outcomes; beyond it the oldest without an emergency is dropped and counted.
#
# The number of those with an emergency is bounded by the settings.
WAITING_MAX = 1000

# Outcomes, and bytes of state, in one commit: far below what the journal accepts.
BATCH_MAX, BATCH_BYTES_MAX = 100, 128 * 1024


class OutboxPart(NamedTuple):
    """The events of one record, and the keys of the state that belongs to it."""

    events: tuple[Event, ...]
    keys: frozenset[str] = frozenset()

    @property
    def urgent(self) -> bool:
        """Whether it belongs to an emergency."""
        return any(event.travels is Lane.EMERGENCY for event in self.events)


class PendingOutcome(msgspec.Struct):
    """One outcome to be written, and the tasks that start once that was tried."""

    parts: list[OutboxPart]
    keep: dict[str, bytes | None]
    tasks: list[LinkageTask]
    tried: bool = False

    @property
    def urgent(self) -> bool:
        """Whether it contains an emergency."""
        return any(part.urgent for part in self.parts)

    @property
    def events(self) -> list[Event]:
        """All events, in the order of what happened."""
        return [event for part in self.parts for event in part.events]

    @property
    def state_bytes(self) -> int:
        return sum(len(key) + len(body or b"") for key, body in self.keep.items())

    def split(self) -> tuple["PendingOutcome", "PendingOutcome"]:
        """The emergencies with their state, and the rest; unowned state goes with the first.

        State that belongs to both goes with the emergency, whose event reports it.
        """
        first = [part for part in self.parts if part.urgent]
        rest = [part for part in self.parts if not part.urgent]
        held = frozenset[str]().union(*(part.keys for part in rest))
        held -= frozenset[str]().union(*(part.keys for part in first))
        kept: dict[str, bytes | None] = {}
        left: dict[str, bytes | None] = {}
        for key, body in self.keep.items():
            (left if key in held else kept)[key] = body
        return PendingOutcome(first, kept, []), PendingOutcome(rest, left, [])


class RulesOutbox:
    """`put` at any time and `run` for ever; `flush` at the end."""

    def __init__(
        self,
        journal: Journal,
        head: Callable[[], RulesHead],
        begin: Callable[[LinkageTask], None],
        now_ns: Callable[[], int],
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`head` is stored with every commit; `begin` gets the tasks of each outcome once."""
        self._journal = journal
        self._head = head
        self._begin = begin
        self._now_ns = now_ns
        self._on_fault = on_fault
        self._waiting: deque[PendingOutcome] = deque()
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
        return RefusalVitals(ROOM, self._refused, self._refused_ns, self._held, self._lost)

    def put(self, waiting: PendingOutcome) -> None:
        """Queue an outcome; never raises, never waits."""
        self._waiting.append(waiting)
        self._bound()
        self._wake.set()

    async def run(self) -> None:
        """Write outcomes, and retry those that are held."""
        while True:
            try:
                async with asyncio.timeout(RETRY_S if self._full else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._written()

    async def settle(self) -> bool:
        """Write all that was put until now; False if there is no room for some of it."""
        if self._writing is not None:  # it may have begun before the last `put`
            await self._written()
        if self._waiting:
            await self._written()
        return not self._full

    async def flush(self) -> None:
        """Write what waits; what is refused now is dropped."""
        if self._writing is not None:  # `run` was cancelled meanwhile
            await self._written()
        while self._waiting:
            await self._written()
            if self._full:
                break
        for one in self._waiting:
            self._count(one.events, lost=True)
        self._waiting.clear()

    async def _written(self) -> None:
        """A cancelled caller leaves the current write, and its outcomes, to `flush`."""
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="rules outbox")
        writing = self._writing
        await asyncio.wait({writing})
        if self._writing is writing:
            self._writing = None
        writing.result()

    async def _write(self) -> None:
        """Write everything that waits, in large commits; what is refused stays in front."""
        waiting = deque(piece for one in self._waiting for piece in _pieces(one))
        self._waiting.clear()
        held: list[PendingOutcome] = []
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

    async def _one_by_one(
        self, batch: Sequence[PendingOutcome], held: list[PendingOutcome]
    ) -> None:
        """Add refused outcomes to `held`; after the first refusal only emergencies are tried."""
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

    async def _emergency_of(
        self, one: PendingOutcome, held: Sequence[PendingOutcome]
    ) -> PendingOutcome:
        """Store its emergency alone; returns the rest."""
        first, rest = one.split()
        if not await self._stored(first, alone=True):
            return one
        _forget(first.keep, held)
        return rest

    async def _stored(self, one: PendingOutcome, *, alone: bool) -> bool:
        """Whether it is settled: False if there is no room, or one of several is bad."""
        try:
            events = one.events
            states = [StateChange(ROOM, key, body) for key, body in one.keep.items()]
            states.append(StateChange(ROOM, HEAD, msgspec.msgpack.encode(self._head())))
            await self._journal.append(events, states)
        except JournalFull:
            self._full = True
            return False
        except JournalError as error:
            # An I/O error has already stopped the station through `journal.fatal`; until then
            # alarms and their actions go on in memory.
            self._count(one.events, lost=True)
            log.error("%d events of the rules could not be stored: %s", len(one.events), error)  # noqa: TRY400  # said whole
        except Exception as error:  # noqa: BLE001   # the edge: a mistake in one outcome affects that outcome only
            if not alone:
                return False
            self._count(one.events, lost=True)
            self._on_fault("rules.outbox", error)
        return True

    def _begin_all(self, batch: Sequence[PendingOutcome]) -> None:
        """Stored or not, its tasks start once, at the first attempt."""
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


def _pieces(one: PendingOutcome) -> Iterator[PendingOutcome]:
    """An outcome stays whole; state without an event is split into pieces of accepted size."""
    if one.parts or one.state_bytes <= BATCH_BYTES_MAX:
        yield one
        return
    piece = PendingOutcome([], {}, one.tasks)
    for key, body in one.keep.items():
        piece.keep[key] = body
        if piece.state_bytes > BATCH_BYTES_MAX // 2:
            yield piece
            piece = PendingOutcome([], {}, [])
    yield piece


def _batch(waiting: deque[PendingOutcome]) -> list[PendingOutcome]:
    """Take the next outcomes that share a commit out of `waiting`."""
    batch = [waiting.popleft()]
    size = batch[0].state_bytes
    while waiting and len(batch) < BATCH_MAX:
        size += waiting[0].state_bytes
        if size > BATCH_BYTES_MAX:
            break
        batch.append(waiting.popleft())
    return batch


def _forget(keys: Mapping[str, bytes | None], held: Sequence[PendingOutcome]) -> None:
    """Do not overwrite newer state in the journal by what was held before it."""
    for one in held:
        for key in keys.keys() & one.keep.keys():
            del one.keep[key]


def _joined(batch: Sequence[PendingOutcome]) -> PendingOutcome:
    """Several outcomes as one commit; the later state of a key wins."""
    whole = PendingOutcome([], {}, [])
    for one in batch:
        whole.parts.extend(one.parts)
        whole.keep.update(one.keep)
    return whole
