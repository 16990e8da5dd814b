"""The sections of `station.toml`, assembled from the rooms that own them.

A section of a room that this version does not have is a mistake: an installer who writes it must
hear that nothing would come of it.
"""

from typing import Annotated, Literal

import msgspec

from drivers.contract import Device
from drivers.profile import Profile
from gateway.event import ID_PATTERN
from gateway.intake.report import Report
from gateway.journal.options import JournalOptions
from gateway.places import Name, Places
from gateway.upstream.options import Options as UplinkOptions
from gateway.web.server import Options as WebOptions

SCHEMA = 1
"""The number that `schema = 1` means; a file of another number is not read."""

SECTIONS = ("schema", "station", "journal", "web", "place", "zone", "bus", "device", "upstream")

DEVICES_MAX = 1000
BUSES_MAX = 32

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]


class StationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[station]`: `id` stands in every event and never changes."""

    id: Id
    name: Name
    timezone: Annotated[str, msgspec.Meta(examples=["Asia/Shanghai"])] = "Asia/Shanghai"
    language: Literal["zh", "en"] = "zh"
    phone: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class ZoneOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[zone]`: places that sound together, and how careful sound must be there."""

    name: Name
    places: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=200)]
    sound: Literal["community", "indoors", "near"]


class InputOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inputs.<number>` of a contact module: what is wired there.

    A wired device is not a thing of its own: the input has its kind, id, name and place.
    """

    kind: Annotated[str, msgspec.Meta(examples=["smoke"])] = msgspec.field(name="is")
    id: Id
    name: Name
    place: str | None = None
    normally: Literal["open", "closed"] = "open"


class DeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[device.<id>]`: what every family shares; its own keys stand beside them.

    `address` is written as printed on the device; `line` and `every_s` replace the profile's.
    """

    name: Name
    profile: Id
    bus: Id
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=40, examples=["1"])]
    place: str
    every_s: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] | None = None
    line: Annotated[str, msgspec.Meta(examples=["9600 8N1"])] | None = None
    report: dict[str, Report] = {}
    inputs: dict[str, InputOptions] = {}


class BusSetting(msgspec.Struct, frozen=True):
    """One `[bus.<id>]`: `options` is what the kind declares."""

    id: str
    kind: str
    options: msgspec.Struct


class DeviceSetting(msgspec.Struct, frozen=True):
    """One `[device.<id>]`, its profile, and the device that a bus is given."""

    id: str
    options: DeviceOptions
    profile: Profile
    device: Device

    def point_name(self, point_id: str, language: str) -> str:
        """What people call a point: the input wired there, else the profile's name."""
        for number, wired in self.options.inputs.items():
            if input_point(self.profile, number) == point_id:
                return wired.name
        for spec in self.profile.point:
            if spec.id == point_id:
                return spec.name.zh if language == "zh" else spec.name.en
        return point_id


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`station.toml` without a mistake."""

    station: StationOptions
    journal: JournalOptions
    web: WebOptions
    places: Places
    zones: dict[str, ZoneOptions]
    buses: dict[str, BusSetting]
    devices: dict[str, DeviceSetting]
    uplinks: dict[str, UplinkOptions]

    def devices_on(self, bus_id: str) -> tuple[DeviceSetting, ...]:
        """The devices of one bus, as they stand in the file."""
        return tuple(d for d in self.devices.values() if d.options.bus == bus_id)


def input_point(profile: Profile, number: str) -> str | None:
    """The point that stands for an input of a contact module: `input-1` is the first."""
    point_id = f"input-{number}"
    return point_id if any(spec.id == point_id for spec in profile.point) else None
