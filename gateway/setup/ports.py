"""What the setup pages need from the station; `gateway/station/setup.py` gives it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from gateway.audit.events import Actor
from gateway.toml import Phrase

ScanPhase = Literal["idle", "searching", "paused", "reading", "ended", "failed"]


class PortPlan(msgspec.Struct, frozen=True):
    """A serial port of this machine; `bus` is the line that uses it, or "".

    `product` is the adapter's own name; `fresh`: it was plugged in a moment ago.
    """

    path: str
    bus: str = ""
    product: str = ""
    fresh: bool = False


class LinePlan(msgspec.Struct, frozen=True):
    """One line; `searchable`: `yizhan scan` can search it.

    `there`: its port is present (True if that is unknown).
    """

    id: str
    kind: str
    where: str
    line: str = ""
    searchable: bool = False
    name: str = ""
    there: bool = True

    @property
    def called(self) -> str:
        """The name for people: the id if it has none."""
        return self.name or self.id


class InputPlan(msgspec.Struct, frozen=True):
    """What is wired to one input of a contact module."""

    number: str
    id: str
    name: str
    kind: str
    place: str
    normally: str


class DevicePlan(msgspec.Struct, frozen=True):
    """One device; `inputs` are the input numbers of a contact module's model."""

    id: str
    name: str
    model: str
    bus: str
    address: str
    place: str
    inputs: tuple[str, ...] = ()
    wired: tuple[InputPlan, ...] = ()


class PlacePlan(msgspec.Struct, frozen=True):
    """One place; `path` names the places around it, outermost first."""

    id: str
    name: str
    inside: str
    path: str
    depth: int = 0


class ZonePlan(msgspec.Struct, frozen=True):
    """One zone."""

    id: str
    name: str
    places: tuple[str, ...]
    sound: str


class SpeakerPlan(msgspec.Struct, frozen=True):
    """One loudspeaker."""

    id: str
    name: str
    kind: str
    where: str
    zones: tuple[str, ...]


class UplinkPlan(msgspec.Struct, frozen=True):
    """One platform."""

    name: str
    url: str


class ModelPlan(msgspec.Struct, frozen=True):
    """A device model of the shelf."""

    id: str
    name: str
    family: str
    line: str = ""
    unverified: bool = False


class SetupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `station.toml` that the pages show or change."""

    station: str
    name: str
    phone: str | None = None
    ports: tuple[PortPlan, ...] = ()
    buses: tuple[LinePlan, ...] = ()
    devices: tuple[DevicePlan, ...] = ()
    places: tuple[PlacePlan, ...] = ()
    zones: tuple[ZonePlan, ...] = ()
    speakers: tuple[SpeakerPlan, ...] = ()
    uplinks: tuple[UplinkPlan, ...] = ()
    models: tuple[ModelPlan, ...] = ()
    kinds: tuple[str, ...] = ()

    # Whether anybody is called for critical alarms.
    calls: bool = True
    # The first on the roster.
    on_duty: str = ""
    # How the installed units' sandbox compares with this wiring.
    sandbox: Literal["fits", "loose", "tight"] = "fits"
    # Whether computers of the LAN find the station as `<id>.local`.
    announced: bool = True
    lan_port: int = 8443

    def bus_called(self, id_: str) -> str:
        """The name of a line for people."""
        return next((bus.called for bus in self.buses if bus.id == id_), id_)

    def device_at(self, bus: str, family: str, address: str) -> str:
        """The id of the device at that address, or ""."""
        families = {model.id: model.family for model in self.models}
        for device in self.devices:
            same = device.bus == bus and plain_address(device.address) == plain_address(address)
            if same and families.get(device.model, family) == family:
                return device.id
        return ""


def plain_address(address: str) -> str:
    """An address for comparison: leading zeros do not matter."""
    return address.strip().lstrip("0") if address.strip().isdecimal() else address.strip()


class FoundValue(msgspec.Struct, frozen=True):
    """One value of a found device."""

    name: str
    value: int | float | bool | str
    unit: str


class FoundDevice(msgspec.Struct, frozen=True):
    """A device found by a search; `device` is its id if the settings have it already.

    `read`: its values were requested, `said` are those it gave.
    """

    family: str
    line: str
    address: str
    models: tuple[str, ...] = ()
    clear: bool = False
    device: str = ""
    said: tuple[FoundValue, ...] = ()
    read: bool = False


class ScanStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A search: its line, progress and results. `code` with `data` says why it failed.

    `lent`: the station does not poll that line meanwhile.
    """

    bus: str = ""
    phase: ScanPhase = "idle"
    asking: str = ""
    line: str = ""
    done_s: float = 0.0
    left_s: float = 0.0
    found: tuple[FoundDevice, ...] = ()
    disturbed: tuple[str, ...] = ()
    lent: bool = False
    code: str = ""
    data: Mapping[str, Any] = {}

    @property
    def under_way(self) -> bool:
        """Whether it uses the port."""
        return self.phase in {"searching", "paused", "reading"}


class ChangeResult(msgspec.Struct, frozen=True):
    """The result of a change of the settings."""

    state: Literal["kept", "rolled-back", "restarting", "unchanged"]
    number: int
    troubles: tuple[Phrase, ...] = ()


class CertificateSummary(msgspec.Struct, frozen=True):
    """A platform's certificate: its dates, and the fingerprint to compare."""

    url: str
    fingerprint: str
    begins: str
    ends: str
    renews: str
    state: str


SettingKey = tuple[str, ...]

# Keys of `station.toml` and their new values; None removes a key.
SettingChanges = Mapping[SettingKey, Any]


class SettingsPort(Protocol):
    """The settings, and the way to change them."""

    def plan(self) -> SetupPlan:
        """The present plan."""

    async def change(self, changes: SettingChanges, who: Actor, why: str) -> ChangeResult:
        """Apply a change; SettingsError lists its mistakes, Unavailable if one is under way."""

    @property
    def under_way(self) -> bool:
        """Whether a change is being tried."""

    @property
    def last(self) -> ChangeResult | None:
        """The last change."""


class BusScanPort(Protocol):
    """The search of `yizhan scan`, on one line at a time."""

    @property
    def scan(self) -> ScanStatus:
        """The present progress."""

    async def start(self, bus: str, *, thorough: bool, only: str = "") -> None:
        """Search a line; `only` limits the line settings that are tried.

        UsageError if there is no such line, Unavailable if a search is on.
        """

    def pause(self) -> None:
        """Stop asking for now."""

    def resume(self) -> None:
        """Go on."""

    def stop(self) -> None:
        """End the search, read what was found once, and poll the line again."""

    async def again(self) -> None:
        """Read everything that was found again."""


class SpeakerTestPort(Protocol):
    """The loudspeakers, one by one."""

    async def beep(self, speaker: str, who: Actor) -> None:
        """Play a test tone on that speaker; CommandRefused or Unavailable say why not."""


class EnrolmentPort(Protocol):
    """Enrolment at a platform."""

    async def enrol(self, uplink: str, url: str, token: str, ca_file: str) -> None:
        """Exchange the token for a certificate; StationError says why not.

        `ca_file` names the platform's own authority, "" for a public one.
        """

    def certificate(self, uplink: str) -> CertificateSummary | None:
        """The certificate for that platform, if there is one that can be read."""


class SetupPorts(NamedTuple):
    """All ports; `sounds` only if there are loudspeakers.

    `lan_open`: whether desk computers can come in now.
    """

    wiring: SettingsPort
    searching: BusScanPort
    binding: EnrolmentPort
    sounds: SpeakerTestPort | None = None
    lan_open: Callable[[], bool] = lambda: False
