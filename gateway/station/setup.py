"""The setup pages in the running station: plan, changes, search, test tone, enrolment."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.bus.kinds import SerialOptions
from drivers.profiles import usable_profiles
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.config.schema import BusSetting, DeviceSetting, Settings
from gateway.errors import StationError
from gateway.event import Severity
from gateway.health import Vitals
from gateway.install.due import worst_fit
from gateway.intake.contact_inputs import HABITS, INPUT
from gateway.journal import Journal
from gateway.reconfigure.lifecycle import ChangeRequest, SettingsLifecycle
from gateway.reconfigure.records import digest_of
from gateway.setup.acceptance import AcceptanceRecords
from gateway.setup.page_handlers import PeopleNames
from gateway.setup.plugged_ports import PluggedPorts
from gateway.setup.ports import (
    CertificateSummary,
    ChangeResult,
    DevicePlan,
    InputPlan,
    LinePlan,
    ModelPlan,
    PlacePlan,
    PortPlan,
    SettingChanges,
    SetupPlan,
    SetupPorts,
    SpeakerPlan,
    UplinkPlan,
    ZonePlan,
)
from gateway.setup.section import section
from gateway.station.bus_scan import BusScan
from gateway.station.buses import BusSet
from gateway.toml import edit_text
from gateway.upstream.connections import Uplinks
from gateway.web.section import Section

if TYPE_CHECKING:
    from gateway.setup.ports import SpeakerTestPort

# How soon an adapter that was just plugged in is seen; each look walks through /sys.
PORTS_EVERY_S = 3.0


class SettingsEditor:
    """The settings as the pages see and change them."""

    def __init__(self, cycle: SettingsLifecycle, settings: Callable[[], Settings]) -> None:
        """`settings` are those that the station runs on."""
        self._cycle = cycle
        self._settings = settings
        self._models: tuple[ModelPlan, ...] = ()
        self._made: tuple[Settings, float, SetupPlan] | None = None
        self._plugged = PluggedPorts()

    def plan(self) -> SetupPlan:
        """The present plan; cached briefly, as each page asks several times."""
        settings, now_s = self._settings(), time.monotonic()
        if self._made is None or self._made[0] is not settings or now_s > self._made[1]:
            self._made = (settings, now_s + PORTS_EVERY_S, self._plan(settings))
        return self._made[2]

    async def change(self, changes: SettingChanges, who: Actor, why: str) -> ChangeResult:
        """Check, try and keep a change, or roll it back."""
        running = self._cycle.running
        text = await asyncio.to_thread(edit_text, running.decode("utf-8-sig"), changes)
        outcome = await self._cycle.apply(
            ChangeRequest(
                text=text.encode(), who=f"{who.kind}:{who.id}", why=why, base=digest_of(running)
            )
        )
        return ChangeResult(outcome.state, outcome.number, outcome.troubles)

    @property
    def under_way(self) -> bool:
        """Whether a change is being tried."""
        return self._cycle.busy

    @property
    def last(self) -> ChangeResult | None:
        """The last change, not counting edits of the file by hand."""
        record = next(iter(self._cycle.records[-1:]), None)
        if record is None or record.state == "found":
            return None
        return ChangeResult(record.state, record.number, record.troubles)

    def _plan(self, settings: Settings) -> SetupPlan:
        from drivers.bus.port import serial_port_products  # noqa: PLC0415  # pyserial, when somebody sets up

        if not self._models:
            own = self._cycle.shelf.file.parent / "devices"
            self._models = tuple(_models(settings.station.language, own))
        tree = settings.places
        return SetupPlan(
            station=settings.station.id,
            name=settings.station.name,
            phone=settings.station.phone,
            ports=self._ports(settings, serial_port_products()),
            buses=tuple(_bus(each) for each in settings.buses.values() if not each.inlet),
            devices=tuple(map(_device, settings.devices.values())),
            places=tuple(
                PlacePlan(
                    each.id,
                    each.name,
                    each.parent or "",
                    tree.path(each.id),
                    len(tree.chain(each.id)) - 1,
                )
                for each in tree.below("")[1:]
            ),
            zones=tuple(
                ZonePlan(id_, zone.name, zone.places, zone.sound)
                for id_, zone in settings.zones.items()
            ),
            speakers=tuple(
                SpeakerPlan(id_, each.name, _kind(each), _where(each), each.zones)
                for id_, each in settings.sound.speakers.items()
            ),
            uplinks=tuple(UplinkPlan(name, each.url) for name, each in settings.uplinks.items()),
            models=self._models,
            kinds=tuple(HABITS),
            calls=any(s.concerns(Severity.CRITICAL) for s in settings.rules.duty.escalate),
            on_duty=next((shift.who for shift in settings.rules.duty.roster), ""),
            sandbox=worst_fit(settings, self._cycle.shelf.file.parent),
            announced=settings.discovery.announce,
            lan_port=settings.web.lan_port,
        )

    def _ports(self, settings: Settings, there: Mapping[str, str]) -> tuple[PortPlan, ...]:
        """Free ports first, and of those the ones just plugged in."""
        taken = {
            os.path.realpath(port): bus.id
            for bus in settings.buses.values()
            if (port := getattr(bus.options, "port", "")).startswith("/")
        }
        fresh = self._plugged.fresh(there, time.monotonic())
        found = [
            PortPlan(path, taken.get(os.path.realpath(path), ""), product, path in fresh)
            for path, product in there.items()
        ]
        return tuple(sorted(found, key=lambda port: (bool(port.bus), not port.fresh, port.path)))


class EnrolmentAdapter:
    """Enrolment at a platform, as with `yizhan enrol`."""

    def __init__(
        self, settings: Callable[[], Settings], state: Path, uplinks: Uplinks, clock: Clock
    ) -> None:
        """Keys are kept in that state; dates are judged by the station's clock."""
        self._settings = settings
        self._state = state
        self._clock = clock
        self._uplinks = uplinks

    async def enrol(self, uplink: str, url: str, token: str, ca_file: str) -> None:
        """Exchange the token, and use the certificate at once if the uplink is open."""
        from gateway.enrol.enrolment import PlatformEnrolment  # noqa: PLC0415  # X.509 costs 8 MB

        desk = PlatformEnrolment(
            self._settings(), self._state, uplink, url, ca_file or None, clock=self._clock
        )
        await desk.enrol(token)
        await self._uplinks.reopen(uplink)

    def certificate(self, uplink: str) -> CertificateSummary | None:
        """The certificate, if it can be read."""
        if not (self._state / "keys" / f"{uplink}.enrolment").exists():
            return None
        from gateway.enrol.enrolment import PlatformEnrolment  # noqa: PLC0415  # as above

        try:
            shown = PlatformEnrolment(
                self._settings(), self._state, uplink, clock=self._clock
            ).status()
        except StationError:  # the uplink's own mark says what is wrong with its papers
            return None
        return CertificateSummary(
            shown.url, shown.fingerprint, shown.begins, shown.ends, shown.renews, shown.state
        )


class SetupAdapter:
    """Everything behind `/setup/`."""

    def __init__(
        self,
        cycle: SettingsLifecycle,
        settings: Callable[[], Settings],
        state: Path,
        clock: Clock,
        journal: Journal,
        *,
        field: BusSet,
        uplinks: Uplinks,
        vitals: Callable[[], Vitals],
        names: PeopleNames,
        sounds: "SpeakerTestPort | None",
        lan_open: Callable[[], bool],
    ) -> None:
        """Nothing is opened before a person asks for it."""
        self._records = AcceptanceRecords(journal, clock)
        self._searcher = BusScan(field, settings, cycle.shelf.file.parent / "devices")
        roof = SetupPorts(
            wiring=SettingsEditor(cycle, settings),
            searching=self._searcher,
            binding=EnrolmentAdapter(settings, state, uplinks, clock),
            sounds=sounds,
            lan_open=lan_open,
        )
        self.section: Section = section(roof, self._records, vitals, names)

    async def start(self) -> None:
        """Restore the acceptance records."""
        await self._records.load()

    async def stop(self) -> None:
        """Release a port that is being searched."""
        await self._searcher.end()


def _bus(bus: BusSetting) -> LinePlan:
    where = str(getattr(bus.options, "where", ""))
    return LinePlan(
        bus.id,
        bus.kind,
        where,
        str(getattr(bus.options, "line", "")),
        isinstance(bus.options, SerialOptions),
        bus.name,
        there=not where.startswith("/") or Path(where).exists(),
    )


def _models(language: str, own: Path) -> list[ModelPlan]:
    found = [
        ModelPlan(
            each.id, getattr(each.name, language), each.family, each.line or "", each.unverified
        )
        for each in usable_profiles(own)
    ]
    return sorted(found, key=lambda model: (model.family, model.name))


def _device(setting: DeviceSetting) -> DevicePlan:
    options = setting.options
    numbers = [spec.id.removeprefix(INPUT) for spec in setting.profile.point if INPUT in spec.id]
    return DevicePlan(
        id=setting.id,
        name=options.name,
        model=setting.profile.id,
        bus=options.bus_id,
        address=options.address,
        place=options.place,
        inputs=tuple(numbers),
        wired=tuple(
            InputPlan(
                number,
                each.id,
                each.name,
                each.kind,
                options.place if each.place is None else each.place,
                each.normally,
            )
            for number, each in options.inputs.items()
        ),
    )


def _kind(speaker: object) -> str:
    return str(type(speaker).__struct_config__.tag)  # type: ignore[attr-defined]  # a tagged struct


def _where(speaker: object) -> str:
    """How it is reached, for people."""
    for name in ("group", "uri", "device"):
        if (value := getattr(speaker, name, None)) is not None:
            return str(value)
    return ", ".join(getattr(speaker, "to", ()))
