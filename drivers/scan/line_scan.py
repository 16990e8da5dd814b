"""The scan over one link: sends probes, receives, reports devices; never writes.

    probes ─► silence → no device
           ─► a reply → a device (and, where several may answer, a wait for the others)
           ─► repeatedly only noise → several at once: the scope is divided

A reply that comes after its probe was given up is recognised, and its sender is asked once more
with a longer timeout.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from drivers.bus.link import BusLink, OnStrayBytes
from drivers.contract import DeviceFault, GarbledReply, NoReply
from drivers.family import Framing, Transaction, WireCost
from drivers.profile import Profile
from drivers.scan.model_match import ModelMatch, ModelMatcher, is_clear_match
from drivers.scan.probe import FamilyScanner, ScanHit, ScanProbe
from drivers.scan.scan_plan import ScanPlan, split_probe
from drivers.serial_line import SerialLine

# How often a probe is sent that is answered by noise only.
TRIES = 3

# Multiple of the usual timeout for a device that answered too late.
PATIENCE = 5

# No device gets a longer timeout than this.
LATE_S_MAX = 1.0

# Recent probes whose reply may still come.
_LATE_MAX = 4

_READ_WAIT_S = 0.5

OpenLink = Callable[[OnStrayBytes], Awaitable[BusLink]]


class ScannedDevice(msgspec.Struct, frozen=True):
    """A device that was found, and the models it may be, the likeliest first."""

    family: str
    line: SerialLine
    address: str
    matches: tuple[ModelMatch, ...]

    @property
    def is_clear(self) -> bool:
        """True if there is no doubt about its model."""
        return is_clear_match(self.matches)


class ScanProgress(msgspec.Struct, frozen=True):
    """How far a scan is: the present probe, and how long the rest takes if nothing answers."""

    call: ScanProbe
    done_s: float
    left_s: float


class LineScan:
    """One scan. `found` and `disturbed` grow while it runs; `stop` ends it after a probe.

    `pause` keeps the port open without sending, until `resume` or `stop`.
    """

    def __init__(
        self,
        connect: OpenLink,
        plan: ScanPlan,
        profiles: Sequence[Profile],
        *,
        on_found: Callable[[ScannedDevice], None],
        on_progress: Callable[[ScanProgress], None],
    ) -> None:
        """`connect` opens the port; nothing is opened before `run`."""
        self.found: list[ScannedDevice] = []
        self.disturbed: list[ScanProbe] = []
        self.asked = 0
        self._connect = connect
        self._plan = plan
        self._profiles = profiles
        self._on_found = on_found
        self._on_progress = on_progress
        self._models: dict[str, ModelMatcher] = {}
        self.stopped = False
        self._going = asyncio.Event()
        self._going.set()
        self._began_s = 0.0
        self._late: deque[tuple[ScanProbe, Transaction]] = deque(maxlen=_LATE_MAX)
        self._again: list[ScanProbe] = []
        self._silent: list[ScanProbe] = []
        self._noisy: set[SerialLine] = set()

    def stop(self) -> None:
        """End after the present probe; what was found is kept."""
        self.stopped = True
        self._going.set()

    def pause(self) -> None:
        """Send nothing after the present probe, until `resume`."""
        if not self.stopped:
            self._going.clear()

    def resume(self) -> None:
        self._going.set()

    @property
    def is_paused(self) -> bool:
        return not self._going.is_set()

    @property
    def estimate_s(self) -> float:
        """How long it takes if nothing answers."""
        return self._plan.cost_s(0, ())

    async def run(self) -> None:
        """Scan until all probes are sent or `stop`; LineDown if the port is lost."""
        self._began_s = asyncio.get_running_loop().time()
        link = await self._connect(self._overheard)
        try:
            for number in range(len(self._plan.waves)):
                await self._wave(link, number)
        finally:
            link.close()

    async def _wave(self, link: BusLink, number: int) -> None:
        """All probes of one wave; where there are devices or noise, the unanswered ones twice.

        Noise may spoil a whole probe. The many addresses of the last wave are repeated only where
        there was noise.
        """
        last = number == len(self._plan.waves) - 1
        await self._all(link, number, self._plan.wave(number, self._places()))
        doubtful = self._noisy if last else self._noisy | {each.line for each in self.found}
        silent, self._silent = self._silent, []
        await self._all(link, number, [each for each in silent if each.line in doubtful])
        self._silent.clear()

    async def _all(self, link: BusLink, number: int, planned: Iterable[ScanProbe]) -> None:
        calls = deque(planned)
        while calls and not self.stopped:
            await self._going.wait()
            call = calls.popleft()
            if self._known(call):
                continue
            later_s = self._plan.cost_s(number + 1, self._places())
            self._tell(call, later_s + sum(each.cost_s for each in (call, *calls)))
            calls.extendleft(reversed(await self._call(link, call)))
            calls.extendleft(self._again)
            self._again.clear()

    def _places(self) -> set[tuple[str, SerialLine]]:
        return {(each.family, each.line) for each in self.found}

    def _known(self, call: ScanProbe) -> bool:
        """True if the device was already found, on this line or one of its speed."""
        return any(
            each.address == call.scope
            and each.family == call.scanner.family
            and each.line.baud == call.line.baud
            for each in self.found
        )

    def _tell(self, call: ScanProbe, left_s: float) -> None:
        done_s = asyncio.get_running_loop().time() - self._began_s
        self._on_progress(ScanProgress(call, done_s, left_s))

    async def _call(self, link: BusLink, call: ScanProbe) -> list[ScanProbe]:
        """Send one probe, and more where several devices have answered at once."""
        for asked in call.requests:
            outcome = await self._ask(link, call, asked)
            if isinstance(outcome, NoReply):
                if call.wait_s < LATE_S_MAX:
                    self._late.append((call, asked))
                continue
            if isinstance(outcome, DeviceFault):
                return self._crowd(call)
            others = call.scanner.may_collide(call.scope) and await self._others(link, call)
            await self._meet(link, call, call.scanner.parse_hit(call.scope, outcome))
            return self._crowd(call) if others else []
        self._silent.append(call)
        return []

    async def _ask(self, link: BusLink, call: ScanProbe, asked: Transaction) -> bytes | DeviceFault:
        """One probe, repeated while only noise comes back."""
        fault: DeviceFault = NoReply("bus.no-reply")
        for _ in range(TRIES):
            self.asked += 1
            try:
                return (await link.exchange(asked, call.line, call.timeout_s(asked))).frame
            except NoReply as silence:
                # Noise before it may have been part of another device's reply: then it is repeated.
                return fault if isinstance(fault, GarbledReply) else silence
            except DeviceFault as noise:
                fault = noise
                self._noisy.add(call.line)
        return fault

    def _crowd(self, call: ScanProbe) -> list[ScanProbe]:
        parts = split_probe(call)
        if not parts:
            self.disturbed.append(call)
        return parts

    async def _others(self, link: BusLink, call: ScanProbe) -> bool:
        """Wait for devices that answer more slowly than the first."""
        strays = link.counters.stray_bytes
        await asyncio.sleep(call.wait_s)
        return link.counters.stray_bytes > strays

    async def _meet(self, link: BusLink, call: ScanProbe, sign: ScanHit) -> None:
        """A device has answered: find out its model, once."""
        family = call.scanner.family
        if any(
            (each.family, each.address, each.line.baud) == (family, sign.address, call.line.baud)
            for each in self.found
        ):
            return
        wire = WireCost(Framing.STREAM, call.line.char_s, 0.02, call.line.silence_s)
        patient = msgspec.structs.replace(call, wait_s=max(call.wait_s, _READ_WAIT_S))

        async def read(asked: Transaction) -> bytes | DeviceFault:
            outcome = await self._ask(link, patient, asked)
            if isinstance(
                outcome, NoReply
            ):  # it has just answered, and may have missed the request
                return await self._ask(link, patient, asked)
            return outcome

        matches = await self._of(call.scanner).find_matches(sign, call.line, wire, read)
        device = ScannedDevice(family, call.line, sign.address, tuple(matches))
        self.found.append(device)
        self._on_found(device)

    def _of(self, finder: FamilyScanner) -> ModelMatcher:
        if finder.family not in self._models:
            self._models[finder.family] = ModelMatcher(finder, self._profiles)
        return self._models[finder.family]

    def _overheard(self, heard: bytes) -> bytes:
        """Stray bytes: they may be the late reply to an earlier probe."""
        for call, asked in tuple(self._late):
            assert asked.expect is not None
            place = asked.expect.find(heard, final=True)
            if place is not None:
                self._late.remove((call, asked))
                self._again.append(msgspec.structs.replace(call, wait_s=call.wait_s * PATIENCE))
                return heard[: place[0]] + heard[place[1] :]
        return heard


def sort_devices(found: Iterable[ScannedDevice]) -> list[ScannedDevice]:
    """By line, family and address, as people list them."""
    return sorted(found, key=lambda each: (str(each.line), each.family, each.address.zfill(14)))
