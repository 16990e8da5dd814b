"""The steps of the setup: which are done, what is missing, and where to do it. Pure."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from gateway.event import Lane, Trust
from gateway.health import Vitals
from gateway.setup.acceptance import AcceptanceRecord
from gateway.setup.ports import SetupPlan

# The steps in order, and the page of each.
PAGES = {
    "clock": "/desk/",
    "places": "/setup/places",
    "lines": "/setup/lines",
    "devices": "/setup/devices",
    "sound": "/setup/sound",
    "platform": "/setup/platform",
    "paper": "/setup/paper",
}

SILENT = {"silent", "faulty", "stale"}


class MissingItem(NamedTuple):
    """One missing thing: a text code and its data."""

    step: str
    code: str
    data: Mapping[str, Any] = {}

    @property
    def page(self) -> str:
        """The page where it is done."""
        return PAGES[self.step]


class SetupStep(NamedTuple):
    """One step of the progress bar: `done`, `now` or `to`."""

    name: str
    state: str

    @property
    def page(self) -> str:
        """Where it is done."""
        return PAGES[self.name]


def missing_items(
    plan: SetupPlan, vitals: Vitals, records: Mapping[str, AcceptanceRecord]
) -> tuple[MissingItem, ...]:
    """Everything that an acceptance requires and that is missing, in the order of the steps."""
    return (
        *_clock(vitals),
        *_wiring(plan),
        *_devices(plan, vitals, records),
        *_sound(plan, records),
        *_platform(vitals),
        *_sandbox(plan),
    )


def setup_steps(lacks: tuple[MissingItem, ...], plan: SetupPlan) -> tuple[SetupStep, ...]:
    """All steps; the first with something missing is the present one.

    Loudspeakers are optional; without any, their step is not done.
    """
    needed = {lack.step for lack in lacks} | {"paper"}
    open_ = needed if plan.speakers else needed | {"sound"}
    now = next(name for name in PAGES if name in needed)
    return tuple(
        SetupStep(name, "now" if name == now else "to" if name in open_ else "done")
        for name in PAGES
    )


def by_step(lacks: tuple[MissingItem, ...]) -> tuple[tuple[str, tuple[MissingItem, ...]], ...]:
    """The missing items by step; they are in that order already."""
    return tuple((step, tuple(some)) for step, some in groupby(lacks, lambda lack: lack.step))


def _clock(vitals: Vitals) -> Iterator[MissingItem]:
    if vitals.clock.trust is Trust.NONE:
        yield MissingItem("clock", "setup.lack-clock")
    if vitals.journal.volatile:
        yield MissingItem("clock", "setup.lack-storage")


def _wiring(plan: SetupPlan) -> Iterator[MissingItem]:
    if not plan.places:
        yield MissingItem("places", "setup.lack-places")
    if not plan.buses:
        yield MissingItem("lines", "setup.lack-lines")
    for bus in plan.buses:
        if not bus.there:
            yield MissingItem("lines", "setup.lack-port", {"bus": bus.called, "port": bus.where})
        if not any(device.bus == bus.id for device in plan.devices):
            yield MissingItem("lines", "setup.lack-on-line", {"bus": bus.called})


def _devices(
    plan: SetupPlan, vitals: Vitals, records: Mapping[str, AcceptanceRecord]
) -> Iterator[MissingItem]:
    states = {device.id: device.state for device in vitals.devices}
    names = {
        f"{each.id}.{point.id}": point.name for each in vitals.devices for point in each.points
    }
    if not plan.devices:
        yield MissingItem("devices", "setup.lack-devices")
    for device in plan.devices:
        named = {"device": device.name}
        if states.get(device.id) in SILENT:
            yield MissingItem("devices", "setup.lack-silent", named)
        mine = {key: r for key, r in records.items() if key.startswith(f"{device.id}.")}
        for key, record in mine.items():
            if not record.good:
                yield MissingItem(
                    "devices", "setup.lack-differs", {**named, "point": names.get(key, key)}
                )
        if device.inputs and not device.wired:
            yield MissingItem("devices", "setup.lack-wired", named)
        elif not device.inputs and not mine:
            yield MissingItem("devices", "setup.lack-compared", named)
        for each in device.wired:
            if f"{device.id}.{each.id}" not in mine:
                yield MissingItem("devices", "setup.lack-pressed", {"input": each.name})


def _sound(plan: SetupPlan, records: Mapping[str, AcceptanceRecord]) -> Iterator[MissingItem]:
    for speaker in plan.speakers:
        record = records.get(f"speaker.{speaker.id}")
        if record is None or not record.good:
            yield MissingItem("sound", "setup.lack-heard", {"speaker": speaker.name or speaker.id})


def _platform(vitals: Vitals) -> Iterator[MissingItem]:
    if not vitals.uplinks:
        yield MissingItem("platform", "setup.lack-platform")
    for uplink in vitals.uplinks:
        if uplink.state != "up":
            yield MissingItem("platform", "setup.lack-reached", {"uplink": uplink.name})
    receipted = any(lane.receipted for lane in vitals.lanes if lane.lane is Lane.TELEMETRY)
    if vitals.uplinks and vitals.devices and not receipted:
        yield MissingItem("platform", "setup.lack-receipt")


def _sandbox(plan: SetupPlan) -> Iterator[MissingItem]:
    """What only root can do, after the wiring is done."""
    if plan.sandbox != "fits":
        yield MissingItem("paper", f"install.due-{plan.sandbox}")
