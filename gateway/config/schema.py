"""The sections of `station.toml`, assembled from the rooms that own them.

A section that this version does not know is a mistake: nothing would come of it.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import msgspec

from broadcast.audio_protocol.speaker_options import SpeakerOptions
from broadcast.options import (
    BroadcastOptions,
    KeyOptions,
    MicrophoneOptions,
    PresetOptions,
    VoiceOptions,
)
from drivers.contract import Device
from drivers.dry_contact import ContactOptions, SupervisedLoop
from drivers.family import Shape
from drivers.profile import Profile
from drivers.registry import families
from gateway.discovery.options import DiscoveryOptions
from gateway.event import ID_PATTERN
from gateway.intake.contact_inputs import AT_LEAST_EVERY_S, INPUT, WiredInput, input_defaults
from gateway.intake.reporting_filter import ReportOptions
from gateway.journal.options import JournalOptions
from gateway.places import PlaceName, Places
from gateway.rules.core import RulesPlan
from gateway.upstream.uplinks.options import UplinkOptions
from gateway.web.server import WebOptions
from kiosk.requests.options import KioskSettings as RequestsPlan

# The file format: a file with another `schema` is not read.
SCHEMA = 1

SECTIONS = (
    *("schema", "station", "journal", "web", "discovery", "place", "zone"),
    *("bus", "inlet", "device", "rule", "linkage", "duty", "upstream"),
    *("speaker", "broadcast", "microphone", "key", "voice", "kiosk", "service"),
)

# An input is unknown when it could not be read for this long.
LOST_S_MIN, LOST_PERIODS = 10.0, 3

DEVICES_MAX = 1000
BUSES_MAX = 32
INLETS_MAX = 8

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]


class StationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[station]`: `id` is part of every event and never changes."""

    id: Id
    name: PlaceName
    timezone: Annotated[str, msgspec.Meta(examples=["Asia/Shanghai"])] = "Asia/Shanghai"
    language: Literal["zh", "en"] = "zh"
    phone: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class ZoneOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[zone]`: places that sound together, and the limits of sound there."""

    name: PlaceName
    places: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=200)]
    sound: Literal["community", "indoors", "near"]


class LoopOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`loop` of an input with a supervised cable: what the module measures, in its own unit.

    Below `short` the cable is shorted, from `open` on it is cut; `parted` lies between the two
    levels of the sensor.
    """

    short: float
    parted: float
    open: float

    def __post_init__(self) -> None:
        if not self.short < self.parted < self.open:
            raise ValueError("loop: short < parted < open")


class InputOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inputs.<number>` of a contact module: what is wired there.

    The input has the kind, id, name and place of the sensor. `hold_s` is how long a level must last
    before it counts, `stuck_s` how long it may be active before the sensor counts as jammed; both
    default to those of the kind.
    """

    kind: Annotated[str, msgspec.Meta(examples=["smoke"])] = msgspec.field(name="is")
    id: Id
    name: PlaceName
    place: str | None = None
    normally: Literal["open", "closed"] = "open"
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    stuck_s: Annotated[float, msgspec.Meta(gt=0, le=604_800)] | None = None
    loop: LoopOptions | None = None

    def contact(self, every_s: float) -> ContactOptions:
        """How readings of the input are interpreted, if it is read at that period."""
        usual = input_defaults(self.kind)
        stuck_s = usual.stuck_s if self.stuck_s is None else self.stuck_s
        return ContactOptions(
            normally=self.normally,
            hold_s=usual.hold_s if self.hold_s is None else self.hold_s,
            lost_s=max(LOST_S_MIN, LOST_PERIODS * every_s),
            stuck_s=math.inf if stuck_s is None else stuck_s,
            loop=None if self.loop is None else self._loop(self.loop),
        )

    def _loop(self, loop: LoopOptions) -> SupervisedLoop:
        return SupervisedLoop(
            short=loop.short,
            parted=loop.parted,
            open=loop.open,
            idle_below=self.normally == "closed",
        )


class DeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[device.<id>]`: the keys that every family shares.

    A device is on a `bus`, or comes in at an `inlet`. `address` is written as printed on the
    device; `line` and `every_s` override the profile. A module with a key is read often enough to
    see a press, unless `every_s` is set.
    """

    name: PlaceName
    profile: Id
    bus: Id | None = None
    inlet: Id | None = None
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=80, examples=["1"])]
    place: str
    every_s: Annotated[float, msgspec.Meta(ge=0.05, le=86_400)] | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] | None = None
    line: Annotated[str, msgspec.Meta(examples=["9600 8N1"])] | None = None
    report: dict[str, ReportOptions] = {}
    inputs: dict[str, InputOptions] = {}

    @property
    def bus_id(self) -> str:
        """The bus or inlet of the device."""
        return self.bus or self.inlet or ""

    @property
    def pressed_every_s(self) -> float | None:
        """The longest period at which no press of its keys is missed; None without keys."""
        needed = (input_defaults(each.kind).every_s for each in self.inputs.values())
        return min((every_s for every_s in needed if every_s is not None), default=None)


class BusSetting(msgspec.Struct, frozen=True):
    """One `[bus.<id>]` or `[inlet.<id>]`: `options` are of the class that its kind declares."""

    id: str
    kind: str
    options: msgspec.Struct
    name: str = ""
    inlet: bool = False

    @property
    def called(self) -> str:
        """The name for people: the id if it has none."""
        return self.name or self.id


class ShownPoint(NamedTuple):
    """One value of a device for people; a wired sensor has its own `place` and `kind`."""

    id: str
    name: str
    unit: str
    place: str = ""
    kind: str = ""


class DeviceSetting(msgspec.Struct, frozen=True):
    """One `[device.<id>]`, its profile, and the device that the bus is given."""

    id: str
    options: DeviceOptions
    profile: Profile
    device: Device

    @property
    def shape(self) -> Shape:
        """The shape of the device's family."""
        return families()[self.profile.family].shape

    def wired(self) -> tuple[WiredInput, ...]:
        """What is wired to its inputs."""
        return tuple(
            WiredInput(
                point=INPUT + number,
                id=each.id,
                place=self.options.place if each.place is None else each.place,
                contact=each.contact(self.device.every_s),
                at_least_every_s=self._at_least_every_s(INPUT + number),
            )
            for number, each in self.options.inputs.items()
        )

    def _at_least_every_s(self, point: str) -> float:
        report = self.options.report.get(point)
        return (report and report.at_least_every_s) or AT_LEAST_EVERY_S

    def shown(self, language: str) -> Iterator[ShownPoint]:
        """The values for people, in order; what is wired to an input replaces the input.

        Once anything is wired, unused inputs are left out.
        """
        wired = self.options.inputs
        for spec in self.profile.point:
            number = spec.id.removeprefix(INPUT)
            name = spec.name.zh if language == "zh" else spec.name.en
            if number == spec.id or not wired:
                # what a sensor of its own senses is its kind, as that of one wired to an input is
                senses = spec.type == "bool" and self.profile.family == "ble"
                kind = str(spec.address) if senses else ""
                yield ShownPoint(spec.id, name, spec.unit, kind=kind)
            elif number in wired:
                each = wired[number]
                place = self.options.place if each.place is None else each.place
                yield ShownPoint(each.id, each.name, "1", place, each.kind)


class SoundSettings(msgspec.Struct, frozen=True):
    """The sections of sound, without a mistake; `presets` include the shipped ones."""

    broadcast: BroadcastOptions = BroadcastOptions()
    speakers: dict[str, SpeakerOptions] = {}
    microphones: dict[str, MicrophoneOptions] = {}
    keys: dict[str, KeyOptions] = {}
    presets: dict[str, PresetOptions] = {}
    voices: tuple[VoiceOptions, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`station.toml` without a mistake; `buses` are those of `[bus.*]` and `[inlet.*]`."""

    station: StationOptions
    journal: JournalOptions
    web: WebOptions
    discovery: DiscoveryOptions
    places: Places
    zones: dict[str, ZoneOptions]
    buses: dict[str, BusSetting]
    devices: dict[str, DeviceSetting]
    uplinks: dict[str, UplinkOptions]
    rules: RulesPlan = RulesPlan()
    requests: RequestsPlan = RequestsPlan()
    sound: SoundSettings = SoundSettings()

    def devices_on(self, bus_id: str) -> tuple[DeviceSetting, ...]:
        """The devices of one bus, in the order of the file."""
        return tuple(d for d in self.devices.values() if d.options.bus_id == bus_id)


def input_point(profile: Profile, number: str) -> str | None:
    """The point of an input of a contact module: `input-1` is the first."""
    point_id = INPUT + number
    return point_id if any(spec.id == point_id for spec in profile.point) else None
