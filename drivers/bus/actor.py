"""The polled bus: sole owner of one port or gateway, and the only place that talks to its devices.

    run ─► open ─► listen for one late window ─► serve ─► (line down) ─► close ─► wait ─► open …

Serving: take the most urgent job that is ready, carry out its next transaction, evaluate the reply,
put the job back. A transaction always runs to its end, even if its caller has been cancelled.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import Sequence

from drivers.bus.bus_plan import (
    REPLY_WAIT_S,
    PolledBusOptions,
    has_alarm_inputs,
    plan_bus,
    polled_driver,
)
from drivers.bus.device import BusDevice
from drivers.bus.held_results import HeldResults
from drivers.bus.jobs import Job, ProbeJob, WriteJob
from drivers.bus.line_status import LineStatus
from drivers.bus.link import BusLink, LinkCounters
from drivers.bus.poll import BEAT_S, PollJob
from drivers.bus.quarantine import late_window_s
from drivers.bus.queue import JobQueue
from drivers.bus.stats import BusStats, Occupancy, WireStats
from drivers.bus.transactions import STUCK_S, TransactionRunner
from drivers.contract import (
    BusBusy,
    BusStuck,
    Device,
    DeviceFault,
    DeviceState,
    LineDown,
    LineLost,
    NotWritable,
    OnFault,
    OnState,
    PollResult,
    Reading,
    Sink,
    Value,
    log_fault,
)
from drivers.counters import Counters

# Most writes that may wait; people do not press more keys than this before one is done.
WRITES_MAX = 32

# Above this load, rounds of one second are spread out instead of starting on the same beat.
_CROWDED = 0.5

_ASKED_FOR, _ALL_SILENT = "bus.restarted", "bus.all-silent"


class PolledBus:
    """One bus. `sink` receives every round's result, `on_state` every change; neither may block.

    An unforeseen exception of a driver costs one transaction and is reported to `on_fault`. The
    constructor raises WrongUse if these devices cannot be polled on this bus.
    """

    def __init__(
        self,
        name: str,
        options: PolledBusOptions,
        devices: Sequence[Device],
        sink: Sink,
        on_state: OnState,
        *,
        jitter: random.Random | None = None,
        on_fault: OnFault = log_fault,
    ) -> None:
        plan = plan_bus(name, options, devices)
        if plan.faults:
            raise plan.faults[0]
        self.name = name
        self.load = plan.load
        self._options = options
        self._sink = sink
        self._on_state = on_state
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._line = LineStatus(name, on_state, self._jitter)
        cap_s = REPLY_WAIT_S if has_alarm_inputs(devices) else math.inf
        self._members = {
            device.id: BusDevice(
                device,
                driver=polled_driver(device.family),
                line=device.line or options.usual_line,
                wire=options.cost(device.line or options.usual_line),
                rounds=plan.rounds[device.id],
                jitter=self._jitter,
                cap_s=cap_s,
            )
            for device in devices
        }
        self._all = tuple(self._members.values())
        self._polls: list[PollJob] = []
        self._queue: JobQueue[Job] = JobQueue()
        self._writes: set[WriteJob] = set()
        self._exchanges = TransactionRunner(name, on_fault, self._replied)
        self._unsure = HeldResults(self._outcome)
        self._changed = asyncio.Event()
        self._restart = asyncio.Event()
        self._restart_why = _ASKED_FOR
        self._past = LinkCounters()
        self._link: BusLink | None = None
        self._occupied: Occupancy | None = None
        self._moved_s = 0.0
        self._opened = 0
        self._any_reply = False

    async def run(self) -> None:
        """Serve until cancelled. A line that goes down is reopened, without limit.

        May be called again after it has ended.
        """
        if self._occupied is None:
            self._line_up(asyncio.get_running_loop().time())
        while True:
            try:
                await self._session()
            except LineDown as down:
                self._went_down(down)
            await asyncio.sleep(self._line.reopen_s())

    def restart(self) -> None:
        """Close and reopen. Pending transactions and waiting writes fail with LineLost."""
        self._restart_why = _ASKED_FOR
        self._restart.set()

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Write, read back and return the reading; a FieldError says why that failed.

        A point that cannot be read back returns the written value, as `substituted`. Cancelled
        while it waits, nothing is written; cancelled later, the write runs to its end.
        """
        member = self._members.get(device)
        target = None if member is None else member.device.point(point)
        if member is None or target is None:
            raise NotWritable("bus.no-point", device=device, point=point)
        if self._line.down is not None:
            # raised many times: its traceback must not grow
            raise self._line.down.with_traceback(None)
        if len(self._writes) >= WRITES_MAX:
            raise BusBusy("bus.busy", bus=self.name, waiting=len(self._writes))
        plan = member.driver.write(member.device, target, value, member.wire)
        job = WriteJob(member, plan, asyncio.get_running_loop().time())
        self._writes.add(job)
        self._queue.put(job)
        self._changed.set()
        try:
            return await job.done
        finally:
            if job in self._queue:
                self._queue.discard(job)
                self._writes.discard(job)

    def counters(self, device: str) -> Counters | None:
        """The counters of that device; None if it is not on this bus."""
        member = self._members.get(device)
        return None if member is None else member.counters

    def accept_counter(self, device: str, point: str) -> None:
        """The meter was replaced: believe the next counts of this point that agree."""
        self._members[device].counters.accept_replacement(point)

    @property
    def stats(self) -> BusStats:
        """A snapshot of all counters."""
        now_s = asyncio.get_running_loop().time()
        devices = {name: member.stats for name, member in self._members.items()}
        link = self._past if self._link is None else self._past.plus(self._link.counters)
        live = [each for each in devices.values() if each.state is DeviceState.OK]
        return BusStats.summarize(
            self.name,
            self._line.state,
            self._line.code,
            devices,
            opened=self._opened,
            moved_s=self._moved_s,
            wire=WireStats(
                planned=self.load.share,
                load=self._occupied.share(now_s) if self._occupied is not None else 0.0,
                cycle_s=max((each.period_s for each in live), default=0.0),
                silence_kept=link.silence_kept,
                silence_broken=link.silence_broken,
                line_changes=link.line_changes,
                stray_bytes=link.stray_bytes,
                late=link.late + sum(each.late for each in devices.values()),
            ),
        )

    def _line_up(self, start_s: float) -> None:
        """Schedule all rounds: on the common beat, or spread where that would crowd the line."""
        self._occupied = Occupancy(start_s)
        planned = [(member, one) for member in self._members.values() for one in member.rounds]
        beat_from_s = BEAT_S if self.load.share <= _CROWDED else 2 * BEAT_S
        for index, (member, one) in enumerate(planned):
            phase = index / len(planned)
            self._polls.append(PollJob(member, one, start_s, phase, beat_from_s=beat_from_s))
        for poll in self._polls:
            self._queue.put(poll)
        for member in self._all:
            self._queue.put(ProbeJob(member))

    async def _session(self) -> None:
        """Open, settle and serve; ends only with LineDown."""
        self._restart.clear()
        self._link = link = await self._options.connect(self._overheard)
        try:
            await link.settle(self._late_window_s())
            self._came_up()
            async with asyncio.TaskGroup() as tasks:
                self._unsure.tasks = tasks
                for _ in range(self._options.inflight):
                    tasks.create_task(self._serve(link))
                tasks.create_task(self._watch())
                tasks.create_task(link.watch())
        except BaseExceptionGroup as group:
            down, other = group.split(LineDown)
            if down is None or other is not None:
                raise
            raise _first(down) from group
        finally:
            self._link = None
            self._past = self._past.plus(link.counters)
            link.close()

    def _late_window_s(self) -> float:
        """How long a reply to the previous user of the port may still arrive."""
        return max((late_window_s(member.device.timeout_s) for member in self._all), default=0.0)

    async def _watch(self) -> None:
        """End the session on request, or when a transaction never returns.

        One watcher instead of a timer per transaction, nearly all of which would be set for
        nothing.
        """
        loop = asyncio.get_running_loop()
        while not self._restart.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STUCK_S):
                    await self._restart.wait()
            stuck = self._exchanges.find_stuck(loop.time())
            if stuck is not None:
                raise BusStuck("bus.stuck", bus=self.name, device=stuck.device.id)
        raise LineLost(self._restart_why, bus=self.name)

    async def _serve(self, link: BusLink) -> None:
        while True:
            job = await self._next_job()
            try:
                await self._carry_out(link, job)
            finally:
                self._put_back(job)

    async def _next_job(self) -> Job:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            job, next_s = self._queue.pop_ready(loop.time())
            if job is not None:
                return job
            wake = None if math.isinf(next_s) else loop.call_at(next_s, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                if wake is not None:
                    wake.cancel()

    def _put_back(self, job: Job) -> None:
        if isinstance(job, WriteJob) and (job.is_over or job not in self._writes):
            self._writes.discard(job)
        else:
            self._queue.put(job)
        self._changed.set()

    async def _carry_out(self, link: BusLink, job: Job) -> None:
        """One transaction of the job, and its consequences."""
        loop = asyncio.get_running_loop()
        member, transaction = job.member, job.current()
        if isinstance(job, ProbeJob):
            member.breaker.begin_probe()
        began_s, unsure = loop.time(), member.is_unsure
        outcome = await self._exchanges.ask(link, member, transaction)
        since_s = began_s if unsure or member.is_doubtful else None
        self._moved_s = now_s = loop.time()
        member.record_use(began_s, now_s)
        if self._occupied is not None:
            self._occupied.add(began_s, now_s)
        if not isinstance(outcome, DeviceFault):
            try:
                job.on_reply(outcome, now_s, unsure_since_s=since_s)
            except Exception as error:  # noqa: BLE001 - the edge: it costs this transaction
                outcome = self._exchanges.contain_error(member, error)
        if isinstance(outcome, DeviceFault):
            member.record_fault(transaction, outcome, now_s - began_s)
            job.on_fault(outcome, now_s - began_s, now_s)
        if job.is_over:
            self._judge(job, now_s)
        if member.quarantine.twice:
            await asyncio.sleep(member.listening_s)

    def _replied(self, member: BusDevice) -> None:
        """A device has answered: the line works."""
        self._line.reset_back_off()
        self._any_reply = True
        self._complain(member)

    def _judge(self, job: Job, now_s: float) -> None:
        """A job has ended: update the breaker and report the result and the device's state."""
        member = job.member
        was_closed = member.breaker.is_closed
        alive, fruitful, fault = job.alive, job.is_fruitful, job.fault
        if alive:
            member.breaker.record_answer()
        else:
            member.breaker.record_failure(now_s, job.wasted_s)
        if isinstance(job, PollJob):
            unsure, result = job.unsure, job.result(now_s)
            if unsure or self._unsure.holds(member):
                self._unsure.keep(member, result, unsure, answered=alive)
            else:
                self._outcome(member, result, answered=alive, fruitful=fruitful)
        elif alive and was_closed and isinstance(job, ProbeJob):
            return  # its rounds show how well it is
        elif member.end_round(answered=alive, fruitful=fruitful, fault=fault):
            self._on_state(member.state_change(fault, now_s))
        if member.breaker.is_closed and not was_closed:
            member.quarantine.distrust()
            self._start_over(now_s, member)
        elif not self._any_reply or any(each.breaker.is_closed for each in self._all):
            return
        else:  # a hung adapter or gateway looks like this; reopening it may help
            self._any_reply = False
            self._restart_why = _ALL_SILENT
            self._restart.set()

    def _outcome(
        self, member: BusDevice, result: PollResult, *, answered: bool, fruitful: bool
    ) -> None:
        """A round's result is final: pass it on, and report the device's state if it changed."""
        self._sink(result)
        if member.end_round(answered=answered, fruitful=fruitful, fault=result.fault):
            self._on_state(member.state_change(result.fault, asyncio.get_running_loop().time()))

    def _complain(self, member: BusDevice) -> None:
        """Report once when a device starts to answer twice, and once when it stops."""
        if member.surplus_changed():
            now_s = asyncio.get_running_loop().time()
            self._on_state(member.state_change(None, now_s))
            if not member.quarantine.twice:
                self._start_over(now_s, member)

    def _start_over(self, now_s: float, only: BusDevice | None = None) -> None:
        """Make waiting rounds due now: the device, or the whole bus, is back."""
        for poll in self._polls:
            if (only is None or poll.member is only) and poll in self._queue:
                poll.start_over(now_s)

    def _overheard(self, heard: bytes) -> bytes:
        """Stray bytes arrived. Returns what is not a complete reply of one of our devices."""
        now_s = asyncio.get_running_loop().time()
        for member in self._all:
            rest = member.filter_stray(heard, now_s)
            if len(rest) < len(heard):
                heard = rest
                self._complain(member)
                self._changed.set()
        return heard

    def _came_up(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._unsure.give_up()  # left over from a cancelled session
        self._opened += 1
        for member in self._all:
            member.breaker.on_line_up(now_s)
        self._start_over(now_s)
        self._line.set_up()

    def _went_down(self, down: LineDown) -> None:
        for job in tuple(self._writes):
            job.abandon(down)
            self._queue.discard(job)
        self._writes.clear()
        self._unsure.give_up()
        self._line.set_down(down, report=down.code != _ALL_SILENT)


def _first(group: BaseExceptionGroup[LineDown]) -> LineDown:
    """One LineDown, even if several transactions failed with it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LineDown)
    return error
