"""The search of `yizhan scan` for the setup pages: one line at a time, lent by the station.

    start ─► the station closes the bus ─► searching ⇄ paused ─► reading ─► ended ─► polled again
                                  └────────────┴───────────────────┴───────► failed ─────┘

Nothing is written to a device. Changing the settings of a lent line ends the search.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from drivers.bus.kinds import SerialOptions
from drivers.bus.link import BusLink
from drivers.contract import FieldError
from drivers.profile import Profile
from drivers.profiles import usable_profiles
from drivers.scan.line_scan import LineScan, ScannedDevice, ScanProgress, sort_devices
from drivers.scan.probe import family_scanners
from drivers.scan.profile_trial import try_profile
from drivers.scan.scan_plan import ScanPlan, ScanRequest
from drivers.serial_line import SerialLine
from gateway.config.schema import Settings
from gateway.errors import NotFound, Unavailable, UsageError
from gateway.setup.ports import FoundDevice, FoundValue, ScanStatus, plain_address
from gateway.station.buses import BusSet

# How many values of a found device are shown: enough to compare it with its display.
SAID_MAX = 4

# The request under way, or the reading of one device, ends within this time.
STOP_WITHIN_S = 8.0

_replace = msgspec.structs.replace


class BusScan:
    """`scan` is the present progress."""

    def __init__(self, field: BusSet, settings: Callable[[], Settings], own: Path) -> None:
        """`own` is the installer's folder of device models."""
        self.scan = ScanStatus()
        self._field = field
        self._settings = settings
        self._own = own
        self._profiles: Sequence[Profile] = ()
        self._search: LineScan | None = None
        self._found: list[ScannedDevice] = []
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self, bus: str, *, thorough: bool = False, only: str = "") -> None:
        """Search a line; UsageError if there is none, Unavailable if a search is on."""
        options = self._options(bus)
        try:
            lines = (SerialLine.parse(only),) if only else ()
        except ValueError:
            raise UsageError("setup.bad-line", line=only[:20]) from None
        wanted = ScanRequest(thorough=thorough, lines=lines)
        self._begin(ScanStatus(bus=bus, phase="searching"), options, wanted)

    async def again(self) -> None:
        """Read everything that was found again; Unavailable if a search is on."""
        self._begin(_replace(self.scan, phase="reading"), self._options(self.scan.bus), None)

    def pause(self) -> None:
        if self._search is not None and self.scan.phase == "searching":
            self._search.pause()
            self.scan = _replace(self.scan, phase="paused")

    def resume(self) -> None:
        if self._search is not None and self.scan.phase == "paused":
            self.scan = _replace(self.scan, phase="searching")
            self._search.resume()

    def stop(self) -> None:
        """End the search and read what was found; if that is under way, end it as well."""
        self._stopping = self.scan.phase == "reading"
        if self._search is not None:
            self._search.stop()
            self.scan = _replace(self.scan, phase="reading")

    async def end(self) -> None:
        """Give the line back after the present request; the results are kept."""
        self._stopping = True
        if self._search is not None:
            self._search.stop()
        if self._task is not None and not self._task.done():
            done, _ = await asyncio.wait([self._task], timeout=STOP_WITHIN_S)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])

    def _options(self, bus: str) -> SerialOptions:
        setting = self._settings().buses.get(bus)
        if setting is None:
            raise NotFound("setup.no-line", bus=bus[:40])
        if not isinstance(setting.options, SerialOptions):
            raise UsageError("setup.not-searchable", bus=bus)
        return setting.options

    def _begin(self, scan: ScanStatus, options: SerialOptions, wanted: ScanRequest | None) -> None:
        if self._task is not None and not self._task.done():
            raise Unavailable("setup.searching", bus=self.scan.bus)
        self.scan = _replace(scan, lent=bool(self._settings().devices_on(scan.bus)))
        self._stopping = False
        self._task = asyncio.create_task(self._run(options, wanted), name="search")

    async def _run(self, options: SerialOptions, wanted: ScanRequest | None) -> None:
        """Search, then read; without `wanted` only read."""
        bus = self.scan.bus
        await self._field.lend(bus, self.end)
        try:
            if wanted is not None:
                await self._look(options, wanted)
            await self._read(options)
            self.scan = _replace(self.scan, phase="ended", left_s=0.0)
        except FieldError as error:
            self.scan = _replace(self.scan, phase="failed", code=error.code, data=error.data)
        finally:
            self._search = None
            self._field.give_back(bus)

    async def _look(self, options: SerialOptions, wanted: ScanRequest) -> None:
        self._found = []
        self._profiles = await asyncio.to_thread(lambda: tuple(usable_profiles(self._own)))
        self._search = LineScan(
            options.connect,
            ScanPlan(family_scanners(), self._profiles, wanted),
            self._profiles,
            on_found=self._met,
            on_progress=self._went_on,
        )
        if not self._stopping:
            await self._search.run()
        self.scan = _replace(
            self.scan, disturbed=tuple(f"{c.line} {c.scope}" for c in self._search.disturbed)
        )

    def _met(self, found: ScannedDevice) -> None:
        self._found = sort_devices([*self._found, found])
        former = {(each.line, each.address): each for each in self.scan.found}
        seen = [
            former.get((str(each.line), each.address)) or self._seen(each) for each in self._found
        ]
        self.scan = _replace(self.scan, found=tuple(seen))

    def _went_on(self, progress: ScanProgress) -> None:
        call = progress.call
        self.scan = _replace(
            self.scan,
            asking=f"{call.scanner.family} {call.scope}".strip(),
            line=str(call.line),
            done_s=progress.done_s,
            left_s=progress.left_s,
        )

    def _seen(
        self, found: ScannedDevice, said: tuple[FoundValue, ...] | None = None
    ) -> FoundDevice:
        known = {
            plain_address(each.options.address): each.id
            for each in self._settings().devices_on(self.scan.bus)
        }
        return FoundDevice(
            family=found.family,
            line=str(found.line),
            address=found.address,
            models=tuple(match.profile.id for match in found.matches),
            clear=found.is_clear,
            device=known.get(plain_address(found.address), ""),
            said=said or (),
            read=said is not None,
        )

    async def _read(self, options: SerialOptions) -> None:
        """Read each found device with its most likely model."""
        if not self._found or self._stopping:
            return
        self.scan = _replace(self.scan, phase="reading")
        link = await options.connect(lambda heard: heard)
        try:
            for number, found in enumerate(self._found):
                said = await self._said(link, options, found)
                seen = [*self.scan.found]
                seen[number] = self._seen(found, said)
                self.scan = _replace(self.scan, found=tuple(seen))
                if self._enough():
                    return
        finally:
            link.close()

    def _enough(self) -> bool:
        return self._stopping

    async def _said(
        self, link: BusLink, options: SerialOptions, found: ScannedDevice
    ) -> tuple[FoundValue, ...]:
        if not found.matches:
            return ()
        profile = found.matches[0].profile
        device = profile.device("device", found.address, line=found.line)
        exchanges = await try_profile(link, device, found.line, options.cost(found.line))
        samples = {
            value.sample.point.id: value.sample for each in exchanges for value in each.values
        }
        language = self._settings().station.language
        return tuple(
            FoundValue(getattr(spec.name, language), sample.value, spec.unit)
            for spec in profile.point
            if (sample := samples.get(spec.id)) is not None and sample.value is not None
        )[:SAID_MAX]
