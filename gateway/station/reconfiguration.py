"""The running station for a change of settings: what it restarts, and whether it works."""

from collections.abc import Callable, Iterator

from drivers.contract import BusState
from drivers.family import Shape
from gateway.config.schema import DeviceSetting, Settings
from gateway.health import Vitals
from gateway.intake import Intake
from gateway.intake.intake import IntakeDevice
from gateway.reconfigure.lifecycle import RestartScope, needs_restart
from gateway.reconfigure.records import WorkingParts
from gateway.station.buses import BusSet
from gateway.station.health import HealthCollector
from gateway.toml import Phrase
from gateway.upstream.connections import Uplinks

# A device that merely waits may be one that speaks seldom: it delays the verdict on a change, it
# does not fail it.
FAILED_STATES = frozenset({"silent", "faulty"})


class LiveReconfiguration:
    """Switches to other settings; only buses and uplinks that differ are reopened."""

    def __init__(
        self,
        settings: Settings,
        *,
        field: BusSet,
        intake: Intake,
        uplinks: Uplinks,
        watch: HealthCollector,
        restart: Callable[[], None],
    ) -> None:
        """`restart` ends the process so that it starts anew."""
        self.settings = settings
        self.restart = restart
        self._field = field
        self._intake = intake
        self._uplinks = uplinks
        self._watch = watch

    def restart_scope(self, after: Settings) -> RestartScope:
        """What other settings would restart; new buses and uplinks are not included."""
        if needs_restart(self.settings, after):
            return RestartScope(True, tuple(self._field.buses), tuple(self.settings.uplinks))
        uplinks = self.settings.uplinks.items()
        return RestartScope(
            False,
            tuple(sorted(self._field.changed_buses(after))),
            tuple(name for name, options in uplinks if after.uplinks.get(name) != options),
        )

    def working_parts(self, touched: RestartScope, after: Settings) -> WorkingParts:
        """The parts in that scope that work now and exist in the new settings."""
        vitals = self._watch()
        live = {device.options.bus_id for device in after.devices.values()}
        up = {bus.id for bus in vitals.buses if bus.state == BusState.UP.value}
        answering = {
            device.id
            for device in vitals.devices
            if device.bus in touched.buses and device.state == "ok"
        }
        reached = {uplink.name for uplink in vitals.uplinks if uplink.state == "up"}
        return WorkingParts(
            tuple(sorted(up & live & {*touched.buses})),
            tuple(sorted(answering & after.devices.keys())),
            tuple(sorted(reached & after.uplinks.keys() & {*touched.uplinks})),
        )

    async def switch_to(self, after: Settings) -> None:
        """Switch; other buses go on reading without a pause."""
        await self._field.stop_buses(self._field.changed_buses(after))
        go_over = await self._intake.prepare(intake_devices(after))
        # No pause in these lines: whoever looks sees the former station or the new one.
        self._field.replace(after)
        go_over()
        self._watch.use_settings(after)
        self.settings = after
        self._field.start()
        await self._uplinks.change(after.uplinks)

    def troubles(self, working: WorkingParts, *, final: bool) -> list[Phrase]:
        """What does not work (yet); with `final`, only what certainly does not."""
        return list(_troubles(self._watch(), working, final=final))


def _troubles(vitals: Vitals, working: WorkingParts, *, final: bool) -> Iterator[Phrase]:
    buses = {bus.id: bus.state for bus in vitals.buses}
    devices = {device.id: device.state for device in vitals.devices}
    uplinks = {uplink.name: uplink.state for uplink in vitals.uplinks}
    for bus in working.buses:
        if buses.get(bus) != BusState.UP.value:
            yield Phrase("appliance.bus-lost", {"bus": bus})
    for device in working.devices:
        state = devices.get(device)
        if state in FAILED_STATES or (state != "ok" and not final):
            yield Phrase("appliance.device-lost", {"device": device})
    for uplink in working.uplinks:
        if uplinks.get(uplink) != "up":
            yield Phrase("appliance.uplink-lost", {"uplink": uplink})


def intake_devices(settings: Settings) -> list[IntakeDevice]:
    """The devices whose readings go to intake; measured ones do not."""
    told = (each for each in settings.devices.values() if each.shape is not Shape.MEASURED)
    return [intake_device(each) for each in told]


def intake_device(setting: DeviceSetting) -> IntakeDevice:
    """A device as intake needs it."""
    return IntakeDevice(
        setting.id,
        setting.options.place,
        setting.device.every_s,
        setting.options.report,
        setting.wired(),
    )
