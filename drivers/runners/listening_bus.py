"""The bus of devices that send on their own: an inlet, its devices, and their messages.

    inlet ── message ──► identify ─► decode ─► counters ─► sink ── committed? ──► reply

A device is silent when it has sent nothing for three of its periods (`every_s` of its model).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from drivers.bus.stats import BusStats
from drivers.contract import (
    BusChange,
    BusState,
    Device,
    DeviceChange,
    LineDown,
    LineLost,
    NotWritable,
    OnFault,
    OnState,
    Reading,
    Sink,
    Value,
    log_fault,
)
from drivers.counters import Counters
from drivers.family import ListeningDriver
from drivers.inlets.contract import Inlet, MessageOutcome, MessageReceipt
from drivers.message import DeviceMessage
from drivers.runners.listening_device import ListeningDevice

SWEEP_S = 1.0
RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0

# If the journal has not committed after this time, the sender is asked to repeat.
STORE_WITHIN_S = 10.0


class ListeningBus:
    """`FieldBus` over an inlet."""

    def __init__(
        self,
        name: str,
        inlet: Inlet,
        devices: Iterable[tuple[Device, ListeningDriver]],
        sink: Sink,
        on_state: OnState,
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """An unforeseen exception goes to `on_fault` and costs one message."""
        self.name = name
        self.strangers = 0
        self._inlet = inlet
        self._sink = sink
        self._on_state = on_state
        self._on_fault = on_fault
        self._talkers = [ListeningDevice(device, driver) for device, driver in devices]
        self._by_address = {(each.driver.family, each.device.address): each
                            for each in self._talkers}  # fmt: skip
        self._drivers = list({each.driver.family: each.driver for each in self._talkers}.values())
        self._state = BusState.WAIT
        self._code: str | None = None
        self._opened = 0
        self._swept_s = 0.0
        self._retry_s = RETRY_MIN_S
        self._again = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._again.clear()
            try:
                await self._serve()
            except LineDown as error:
                self._down(error)
                await self._pause()

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Always NotWritable: these devices only send."""
        raise NotWritable("inlet.not-writable", device=device, point=point, value=value)

    def restart(self) -> None:
        """Close and reopen."""
        self._again.set()

    def counters(self, device: str) -> Counters | None:
        """The counters of that device; None if it is not on this bus."""
        return next((each.counters for each in self._talkers if each.device.id == device), None)

    def accept_counter(self, device: str, point: str) -> None:
        """The meter was replaced: believe the next counts of this point that agree."""
        counters = self.counters(device)
        if counters is not None:
            counters.accept_replacement(point)

    @property
    def stats(self) -> BusStats:
        """A snapshot; `transactions` counts messages of our devices."""
        stats = {each.device.id: each.stats for each in self._talkers}
        return BusStats.summarize(
            self.name, self._state, self._code, stats, opened=self._opened, moved_s=self._swept_s
        )

    async def handle_message(self, message: DeviceMessage) -> MessageReceipt:
        """Process a message; returns once the journal has decided. Never raises."""
        found = self._identified(message)
        if found is None:
            self.strangers += 1
            return MessageReceipt(MessageOutcome.UNKNOWN, self._reply_of_any(message))
        try:
            verdict = await self._judged(found, message)
        except Exception as error:  # noqa: BLE001  # the edge: it costs this message
            self._on_fault(f"bus.{self.name}", error)
            verdict = MessageOutcome.GARBLED
        self._tell(found)
        return MessageReceipt(verdict, self._reply(found.driver, message, verdict))

    def _identified(self, message: DeviceMessage) -> ListeningDevice | None:
        for driver in self._drivers:
            try:
                address = driver.identify(message)
            except Exception as error:  # noqa: BLE001  # the edge: it costs this message
                self._on_fault(f"bus.{self.name}", error)
                continue
            talker = self._by_address.get((driver.family, address)) if address else None
            if talker is not None:
                return talker
        return None

    async def _judged(self, talker: ListeningDevice, message: DeviceMessage) -> MessageOutcome:
        result = talker.handle_message(message, self._now_s())
        if result is None:
            return MessageOutcome.STORED if talker.understood else MessageOutcome.GARBLED
        stored = self._sink(result)
        try:
            async with asyncio.timeout(STORE_WITHIN_S):
                kept = await stored
        except TimeoutError:
            kept = False
        if not talker.understood:
            return MessageOutcome.GARBLED
        return MessageOutcome.STORED if kept else MessageOutcome.REFUSED

    def _reply(
        self, driver: ListeningDriver, message: DeviceMessage, verdict: MessageOutcome
    ) -> bytes | None:
        try:
            return driver.reply(message, stored=verdict is MessageOutcome.STORED)
        except Exception as error:  # noqa: BLE001  # the edge: it costs this reply
            self._on_fault(f"bus.{self.name}", error)
            return None

    def _reply_of_any(self, message: DeviceMessage) -> bytes | None:
        """The refusal of the only family here; with several families there is none."""
        only = self._drivers[0] if len(self._drivers) == 1 else None
        return None if only is None else self._reply(only, message, MessageOutcome.UNKNOWN)

    async def _serve(self) -> None:
        """Receive, and check for silent devices, until the inlet fails or must be reopened."""
        serving = asyncio.ensure_future(self._inlet.serve(self.handle_message, self._up))
        try:
            while not self._again.is_set() and not serving.done():
                await self._tick({serving})
            if serving.done():
                serving.result()
                raise LineLost("inlet.ended", bus=self.name)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def _pause(self) -> None:
        until_s = self._now_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
        while self._now_s() < until_s and not self._again.is_set():
            await self._tick(set())

    async def _tick(self, watched: set["asyncio.Future[None]"]) -> None:
        """Wait one second, or less if something happens; then check for silent devices."""
        again = asyncio.ensure_future(self._again.wait())
        waited: set[asyncio.Future[Any]] = {again, *watched}
        try:
            await asyncio.wait(waited, timeout=SWEEP_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            again.cancel()
        now_s = self._swept_s = self._now_s()
        for talker in self._talkers:
            result = talker.check_silence(now_s, deaf=self._state is not BusState.UP)
            if result is not None:
                self._sink(result)
                self._tell(talker)

    def _up(self) -> None:
        now_s = self._now_s()
        self._opened += 1
        self._retry_s = RETRY_MIN_S
        for talker in self._talkers:
            talker.start_listening(now_s)
        if self._state is not BusState.UP:
            self._say(BusState.UP, None, {})

    def _down(self, error: LineDown) -> None:
        if self._state is not BusState.DOWN or self._code != error.code:
            self._say(BusState.DOWN, error.code, error.data)

    def _say(self, state: BusState, code: str | None, data: dict[str, object]) -> None:
        self._state, self._code = state, code
        self._on_state(BusChange(self.name, state, int(self._now_s() * 1e9), code, data))

    def _tell(self, talker: ListeningDevice) -> None:
        """Report a device's state if it changed."""
        if talker.changed:
            talker.changed = False
            at_ns = int(self._now_s() * 1e9)
            change = DeviceChange(
                talker.device.id, talker.stats.state, at_ns, talker.code, talker.data
            )
            self._on_state(change)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
