"""The bus of devices that act on request: a bounded queue, a deadline, a status.

An action is carried out at most once: what may have reached the device is never sent again. It is
*done* only if the device confirms it; if the device is silent or sends nonsense, it was only sent.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from drivers.bus.bus_plan import PolledBusOptions
from drivers.bus.link import BusLink
from drivers.bus.stats import BusStats, DeviceStats
from drivers.contract import (
    BusBusy,
    BusChange,
    BusState,
    Device,
    DeviceChange,
    DeviceFault,
    DeviceState,
    FieldError,
    GarbledReply,
    LineDown,
    LineLost,
    NoReply,
    OnFault,
    OnState,
    Point,
    PollResult,
    Quality,
    Reading,
    Sink,
    Value,
    WriteNotKept,
    WrongUse,
    log_fault,
)
from drivers.counters import Counters
from drivers.family import ActingDriver, ActionPlan, Transaction

QUEUE_MAX = 16
DEADLINE_S = 30.0
RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0

# Pause before a device that does not know the result yet is asked again, and how often one that is
# silent or sends nonsense is asked.
_ASK_AGAIN_S = 0.5
_DOUBTS_MAX = 3


class QueuedAction(msgspec.Struct, eq=False):
    """A waiting action, and the deadline by which it must begin."""

    device: Device
    point: Point
    value: Value
    plan: ActionPlan
    until_s: float
    done: "asyncio.Future[Quality]"


class ActingBus:
    """`FieldBus` whose writes are actions."""

    def __init__(
        self,
        name: str,
        options: PolledBusOptions,
        devices: Iterable[tuple[Device, ActingDriver]],
        sink: Sink,
        on_state: OnState,
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """An unforeseen exception of a driver goes to `on_fault` and costs one action or status."""
        self.name = name
        self._options = options
        self._devices = {device.id: (device, driver) for device, driver in devices}
        self._sink = sink
        self._on_state = on_state
        self._on_fault = on_fault
        self._stats = {device: DeviceStats() for device in self._devices}
        self._due_s = dict.fromkeys(self._devices, 0.0)
        self._queue: deque[QueuedAction] = deque()
        self._changed = asyncio.Event()
        self._again = False
        self._state = BusState.WAIT
        self._code: str | None = None
        self._opened = 0
        self._moved_s = 0.0
        self._retry_s = RETRY_MIN_S

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                try:
                    await self._session()
                except LineDown as error:
                    self._down(error)
                    await self._rest()
        finally:
            self._give_up(LineLost("bus.not-open", bus=self.name), at_s=None)

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Carry out the action; GOOD if the device confirmed it, SUBSTITUTED if it was only sent.

        NotWritable if there is no such action, BusBusy if too many are waiting; a DeviceFault or
        LineDown if it failed or could not begin in time.
        """
        target, driver, action = self._target(device, point)
        plan = driver.act(target, action, value)
        if len(self._queue) >= QUEUE_MAX:
            raise BusBusy("bus.busy", bus=self.name, waiting=len(self._queue))
        done: asyncio.Future[Quality] = asyncio.get_running_loop().create_future()
        until_s = self._now_s() + DEADLINE_S
        self._queue.append(QueuedAction(target, action, value, plan, until_s, done))
        self._changed.set()
        quality = await done
        at_ns = int(self._now_s() * 1e9)
        return Reading(device, point, value, action.unit, quality, at_ns)

    def restart(self) -> None:
        """Close and reopen."""
        self._again = True
        self._changed.set()

    def counters(self, device: str) -> Counters | None:
        """None: acting devices have no counters."""
        del device
        return None

    def accept_counter(self, device: str, point: str) -> None:
        """No effect."""

    @property
    def waiting(self) -> int:
        """Number of actions that have not begun."""
        return len(self._queue)

    @property
    def stats(self) -> BusStats:
        """A snapshot of all counters."""
        return BusStats.summarize(
            self.name,
            self._state,
            self._code,
            self._stats,
            opened=self._opened,
            moved_s=self._moved_s,
        )

    def _target(self, device: str, point: str) -> tuple[Device, ActingDriver, Point]:
        found = self._devices.get(device)
        action = None if found is None else found[0].point(point)
        if found is None or action is None:
            raise WrongUse("bus.no-point", device=device, point=point)
        return *found, action

    async def _session(self) -> None:
        """Open, act and poll the status until the line is lost or must be reopened."""
        link = await self._options.connect(lambda heard: heard)
        lost = asyncio.ensure_future(link.watch())
        try:
            self._opened += 1
            self._again = False
            self._retry_s = RETRY_MIN_S
            self._say(BusState.UP, None, {})
            while not self._again:
                self._changed.clear()
                self._moved_s = self._now_s()
                busy = BusBusy("bus.busy", bus=self.name, waiting=len(self._queue))
                self._give_up(busy, at_s=self._now_s())
                if lost.done():
                    lost.result()
                if self._queue:
                    await self._carry_out(link, self._queue.popleft())
                elif (name := self._next_status()) is not None:
                    await self._ask(link, name)
                else:
                    due_s = min(self._due_s.values(), default=self._now_s() + 1.0)
                    await self._wait(due_s, lost)
        finally:
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
            link.close()

    async def _carry_out(self, link: BusLink, action: QueuedAction) -> None:
        """One action, to its end; its caller is notified if it still waits."""
        if action.done.done():
            return
        try:
            quality = await self._sent(link, action)
        except FieldError as error:
            if not action.done.done():
                action.done.set_exception(error)
            if isinstance(error, LineDown):
                raise
            self._fault(action.device.id, error)
        except Exception as error:  # noqa: BLE001  # the edge: it costs this action
            self._on_fault(f"bus.{self.name}", error)
            if not action.done.done():
                action.done.set_exception(GarbledReply("bus.fault", device=action.device.id))
        else:
            if not action.done.done():
                action.done.set_result(quality)
        self._due_s[action.device.id] = 0.0

    async def _sent(self, link: BusLink, action: QueuedAction) -> Quality:
        for part in action.plan.send:
            await self._exchange(link, action.device, part)
        confirm = action.plan.confirm
        if confirm is None:
            return Quality.SUBSTITUTED
        doubts = 0
        until_s = self._now_s() + DEADLINE_S
        while doubts < _DOUBTS_MAX and self._now_s() < until_s:
            try:
                frame = await self._exchange(link, action.device, confirm)
                (sample,) = confirm.decode(frame)
            except DeviceFault as fault:
                self._stats[action.device.id].record_fault(fault)
                doubts += 1
                continue
            if sample.value is True:
                return Quality.GOOD
            if sample.value is False:
                data = {"device": action.device.id, "point": action.point.id}
                raise WriteNotKept("acting.not-done", **data)
            await asyncio.sleep(_ASK_AGAIN_S)
        return Quality.SUBSTITUTED

    async def _exchange(self, link: BusLink, device: Device, part: Transaction) -> bytes:
        line = device.line or self._options.usual_line
        reply = await link.exchange(part, line, device.timeout_s)
        self._stats[device.id].transactions += 1
        return reply.frame

    def _next_status(self) -> str | None:
        now_s = self._now_s()
        return next((name for name, due_s in self._due_s.items() if due_s <= now_s), None)

    async def _ask(self, link: BusLink, name: str) -> None:
        """One device's status; what cannot be read is unknown."""
        device, driver = self._devices[name]
        self._due_s[name] = self._now_s() + device.every_s
        readings: list[Reading] = []
        fault: DeviceFault | None = None
        asked = driver.status(device)
        for part in asked:
            try:
                samples = part.decode(await self._exchange(link, device, part))
            except DeviceFault as error:
                fault = fault or error
                self._stats[name].record_fault(error)
                readings += [self._reading(name, p, None, error.quality) for p in part.points]
            except LineDown:
                raise
            except Exception as error:  # noqa: BLE001  # the edge: it costs this status
                self._on_fault(f"bus.{self.name}", error)
                fault = fault or GarbledReply("bus.fault", device=name)
            else:
                readings += [self._reading(name, s.point, s.value, s.quality) for s in samples]
        if not asked:
            return
        if fault is None:
            self._stats[name].polls += 1
            self._note(name, DeviceState.OK, None)
        else:
            self._fault(name, fault)
        at_ns = int(self._now_s() * 1e9)
        self._sink(PollResult(name, at_ns, 0, tuple(readings), fault))

    def _fault(self, name: str, fault: FieldError) -> None:
        silent = isinstance(fault, NoReply)
        self._note(name, DeviceState.SILENT if silent else DeviceState.FAULTY, fault)

    def _note(self, name: str, state: DeviceState, fault: FieldError | None) -> None:
        if self._stats[name].state is state:
            return
        self._stats[name].state = state
        code, data = (None, {}) if fault is None else (fault.code, fault.data)
        self._on_state(DeviceChange(name, state, int(self._now_s() * 1e9), code, data))

    def _reading(self, device: str, point: Point, value: Value, quality: Quality) -> Reading:
        return Reading(device, point.id, value, point.unit, quality, int(self._now_s() * 1e9))

    def _give_up(self, why: FieldError, *, at_s: float | None) -> None:
        """Fail the actions that have waited too long, or (None) all of them."""
        for action in list(self._queue):
            if action.done.done() or at_s is None or action.until_s <= at_s:
                self._queue.remove(action)
                if not action.done.done():
                    action.done.set_exception(why)

    async def _wait(self, until_s: float, *more: "asyncio.Future[None]") -> None:
        """Wait until then, or until something changes."""
        changed = asyncio.ensure_future(self._changed.wait())
        watched: set[asyncio.Future[Any]] = {changed, *more}
        try:
            left_s = max(0.0, until_s - self._now_s())
            await asyncio.wait(watched, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    async def _rest(self) -> None:
        """The pause between two attempts to open the line; actions that expire in it fail."""
        until_s = self._now_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
        while self._now_s() < until_s and not self._again:
            self._changed.clear()
            self._give_up(LineLost(self._code or "bus.not-open", bus=self.name), at_s=self._now_s())
            await self._wait(min([until_s, *(action.until_s for action in self._queue)]))

    def _say(self, state: BusState, code: str | None, data: dict[str, object]) -> None:
        if (self._state, self._code) != (state, code):
            self._state, self._code = state, code
            self._on_state(BusChange(self.name, state, int(self._now_s() * 1e9), code, data))

    def _down(self, error: LineDown) -> None:
        self._say(BusState.DOWN, error.code, error.data)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
