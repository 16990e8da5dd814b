"""The meters' counts: kept across restarts, dropped when a meter was replaced.

One row a device, written at most once an hour, after a replacement, and at a stop: a kill loses an
hour of counts at most, and a meter only counts upwards. A restored count is evidence, never a
value.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from drivers.contract import Device, PollResult, Value
from drivers.counters import Count, CounterMark, Counters, LastCount
from gateway.audit import Actor, AuditLog
from gateway.clock import Clock
from gateway.errors import JournalError, NotFound, Unavailable
from gateway.journal import Journal, StateChange, load_state
from gateway.journal.stored_state import check_bounds, json_decoder
from gateway.station.absent_bus import ABSENT
from gateway.station.buses import BusSet
from gateway.upstream.inbox.command import CommandKind, Mandate

ROOM = "counters"
KEEP_EVERY_S = 3600.0
ACT = "meter/replaced"


class StoredLastCount(msgspec.Struct, frozen=True):
    """A last count; `pace` in counts a second, `wall_ns` (UTC) when it was read, if known."""

    count: Count
    value: Value
    pace: float = 0.0
    wall_ns: int | None = None


class StoredCount(StoredLastCount, frozen=True, omit_defaults=True):
    """One counter; `former`: the meter before, which may return; `unmoved` as in `CounterMark`."""

    former: StoredLastCount | None = None
    unmoved: bool = False


class StoredMeter(msgspec.Struct, frozen=True):
    """One device: with another `family` or `address` it is another meter.

    `accepted` are the last values of counters that a person said were replaced, and that have not
    been read since.
    """

    family: str
    address: str
    counts: dict[str, StoredCount]
    accepted: dict[str, Value] = {}


class MeterReplacement(msgspec.Struct, frozen=True):
    """The meter at this device was replaced; without `point`, all of its counters are new."""

    device: str
    point: str | None = None


class MeterCounts:
    """The counters of all devices on all buses."""

    def __init__(self, field: BusSet, journal: Journal, clock: Clock) -> None:
        """Call `load` before the first poll, then `run`."""
        self._field = field
        self._journal = journal
        self._clock = clock
        self._kept: dict[str, StoredMeter] = {}
        self._again = asyncio.Event()

    async def load(self) -> None:
        """Give every device its last counts."""
        self._kept = await load_state(self._journal, ROOM, json_decoder(StoredMeter))
        for each in self._field.devices:
            kept, counters = self._kept.get(each.id), self._counters(each.id)
            if counters is not None and kept is not None and _is(kept, each):
                counters.restore({point: self._mark(one) for point, one in kept.counts.items()})
                for point, old in kept.accepted.items():
                    counters.accept_replacement(point, old)

    def handle_poll(self, poll: PollResult) -> None:
        """Save a replacement at once: after a kill it would be reported again."""
        if poll.replaced:
            self._again.set()

    async def run(self) -> None:
        """Save them regularly."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEP_EVERY_S):
                    await self._again.wait()
            self._again.clear()
            await self.save()

    async def save(self) -> None:
        """Write what has changed; if the disk refuses, it is written later."""
        devices = {each.id: each for each in self._field.devices}
        meters = {name: meter for name, each in devices.items() if (meter := self._meter(each))}
        # a bus that could not be built knows nothing of its meters
        away = [name for name in devices.keys() & self._kept.keys() if self._counters(name) is None]
        meters |= {name: self._kept[name] for name in away}
        changed = {
            name: meter
            for name, meter in meters.items()
            if name not in self._kept or not _alike(self._kept[name], meter)
        }
        gone = self._kept.keys() - meters.keys()
        changes = [StateChange(ROOM, name, msgspec.json.encode(it)) for name, it in changed.items()]
        changes += [StateChange(ROOM, name, None) for name in gone]
        if not changes:
            return
        with contextlib.suppress(JournalError):
            await self._journal.append((), changes)
            self._kept = meters

    def points(self, device: str) -> tuple[str, ...]:
        """The counter points of that device; empty for an unknown one."""
        found = self._field.find_device(device)
        return () if found is None else tuple(p.id for p in found[1].points if p.counter)

    def last_values(self, device: str) -> dict[str, Value]:
        """The last accepted value of each of them."""
        counters = self._counters(device)
        marks = {} if counters is None else counters.marks()
        return {point: mark.value for point, mark in marks.items()}

    def accept_replacement(self, device: str, point: str | None = None) -> tuple[str, ...]:
        """A person says that the meter was replaced: accept the next counts as a new meter's.

        Returns the points; NotFound if nothing counts there, Unavailable without its bus.
        """
        points = self.points(device)
        if point is not None:
            points = tuple(each for each in points if each == point)
        found = self._field.find_device(device)
        if found is None or not points:
            raise NotFound("live.no-counter", device=device[:64], point=(point or "")[:64])
        if self._counters(device) is None:
            raise Unavailable(ABSENT, device=device)
        for each in points:
            found[0].accept_counter(device, each)
        self._again.set()
        return points

    def _counters(self, device: str) -> Counters | None:
        found = self._field.find_device(device)
        return None if found is None else found[0].counters(device)

    def _meter(self, device: Device) -> StoredMeter | None:
        counters = self._counters(device.id)
        marks = {} if counters is None else counters.marks()
        counts = {point: kept for point, mark in marks.items() if (kept := self._count(mark))}
        accepted = {} if counters is None else counters.accepted_replacements()
        if not counts and not accepted:
            return None
        return StoredMeter(device.family, device.address, counts, accepted)

    def _count(self, mark: CounterMark) -> StoredCount | None:
        """The row of a counter; None if its values do not fit a row."""
        former = mark.former
        try:
            return check_bounds(
                StoredCount(
                    mark.count,
                    mark.value,
                    mark.pace,
                    self._wall_ns(mark.at_s),
                    None
                    if former is None
                    else StoredLastCount(
                        former.count, former.value, former.pace, self._wall_ns(former.at_s)
                    ),
                    mark.unmoved,
                )
            )
        except ValueError:
            return None

    def _mark(self, kept: StoredCount) -> CounterMark:
        former = kept.former
        return CounterMark(
            kept.count,
            kept.value,
            kept.pace,
            self._at_s(kept.wall_ns),
            None
            if former is None
            else LastCount(former.count, former.value, former.pace, self._at_s(former.wall_ns)),
            kept.unmoved,
        )

    def _wall_ns(self, at_s: float | None) -> int | None:
        """UTC in ns of that time of the event loop, if known."""
        now_ns, now_s = self._clock.stamp().wall_ns, asyncio.get_running_loop().time()
        if now_ns is None or at_s is None:
            return None
        return now_ns - int((now_s - at_s) * 1e9)

    def _at_s(self, wall_ns: int | None) -> float | None:
        """The event loop's time at that UTC, if known and past."""
        now_ns, now_s = self._clock.stamp().wall_ns, asyncio.get_running_loop().time()
        if now_ns is None or wall_ns is None or wall_ns > now_ns:
            return None
        return now_s - (now_ns - wall_ns) / 1e9


def meter_replaced(counts: MeterCounts, ledger: AuditLog, uplink: str) -> CommandKind:
    """`device.replaced`: done when accepted; counts follow when they agree."""

    async def act(asked: MeterReplacement, _: Mandate) -> Any:
        points = counts.accept_replacement(asked.device, asked.point)
        await ledger.record(Actor("platform", uplink), ACT, on=asked.device)
        return {"points": points}

    return CommandKind("device.replaced", MeterReplacement, act)


def _is(kept: StoredMeter, device: Device) -> bool:
    return (kept.family, kept.address) == (device.family, device.address)


def _alike(one: StoredMeter, other: StoredMeter) -> bool:
    """Whether nothing has been counted in between."""
    before = {point: each.count for point, each in one.counts.items()}
    same = (one.family, one.address) == (other.family, other.address)
    same = same and one.accepted == other.accepted
    return same and before == {point: each.count for point, each in other.counts.items()}
