"""What the fault panel shows, card by card: a wired line with its devices, or the air.

A card knows what can be broken about it, breaks it, and says what is broken now.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from drivers.emulate.device import EmulatedDevice
from drivers.emulate.field import UNPLUGGED, EmulatedField, EmulatedFieldSpec
from drivers.profile import Profile

if TYPE_CHECKING:
    from drivers.ble.emulator import VirtualRadio

# What the radio is called, by the emulated air as well.
ADAPTER = "adapter"

# A wired sensor sees what it is there for: the first input of a contact module changes.
TRIP = "trip"

# What a device's buttons do: 0.8 s late, one byte in twenty flipped.
FAULTS: dict[str, tuple[str, Any]] = {
    "dead": ("dead", True),
    "late": ("late_s", 0.8),
    "noise": ("noise", 0.05),
    "stuck": ("stuck", True),
}

_INPUT = "input-1"
_UNIT_CHARS_MAX = 4


class PanelCard(Protocol):
    """One card of the panel."""

    name: str

    def state(self) -> dict[str, Any]:
        """The card as the page draws it."""

    def has(self, name: str) -> bool:
        """True if that line, device or sensor is on this card."""

    async def wish(self, name: str, fault: str) -> None:
        """Give it that fault, or put it right (""); KeyError if it has none such."""

    async def heal(self) -> None:
        """Put everything right."""


class LineCard:
    """A wired line with its devices."""

    def __init__(
        self, field: EmulatedField, name: str, names: Mapping[str, str], spec: EmulatedFieldSpec
    ) -> None:
        """`names` is what people call a device; `spec` says how contacts rest."""
        self.name = name
        self._field = field
        self._names = names
        self._bus = field.buses[name]
        self._meters = {
            each: meter
            for each, meter in field.meters.items()
            if meter.slave in self._bus.wire.slaves
        }
        self._rest = {
            each: bool(spec.meter[each].set.get(_INPUT, False))
            for each, meter in self._meters.items()
            if _INPUT in meter.points
        }
        self._tripped: set[str] = set()

    def state(self) -> dict[str, Any]:
        """The line, its devices, and what is wrong with each."""
        return {
            "name": self.name,
            "where": self._bus.where,
            "unplugged": UNPLUGGED in self._field.active_faults(self.name),
            "plug": True,
            "devices": [self._device(each, meter) for each, meter in self._meters.items()],
        }

    def _device(self, name: str, meter: EmulatedDevice) -> dict[str, Any]:
        return {
            "id": name,
            "name": self._names.get(name, name),
            "unit": _short(str(meter.unit)),
            "model": _model(meter.profile),
            "faults": [*FAULTS, *([TRIP] if name in self._rest else [])],
            "fault": self._fault_of(name),
        }

    def _fault_of(self, name: str) -> str:
        wrong = self._field.active_faults(name)
        tripped = TRIP if name in self._tripped else ""
        return next((fault for fault, (what, _) in FAULTS.items() if what in wrong), tripped)

    def has(self, name: str) -> bool:
        """True for the line itself and for each of its devices."""
        return name == self.name or name in self._meters

    async def wish(self, name: str, fault: str) -> None:
        """Put it right first: a device has one fault at a time."""
        if fault not in {"", UNPLUGGED if name == self.name else TRIP, *FAULTS}:
            raise KeyError(fault)
        await self._clear(name)
        if fault == TRIP:
            self._field.set_value(name, _INPUT, not self._rest[name])
            self._tripped.add(name)
        elif fault == UNPLUGGED:
            await self._field.set_fault(name, UNPLUGGED)
        elif fault:
            await self._field.set_fault(name, *FAULTS[fault])

    async def _clear(self, name: str) -> None:
        await self._field.clear_faults(name)
        if name in self._tripped:
            self._tripped.discard(name)
            self._field.set_value(name, _INPUT, self._rest[name])

    async def heal(self) -> None:
        """The line and all its devices."""
        for name in (self.name, *self._meters):
            await self._clear(name)


def _short(address: str) -> str:
    return address if len(address) <= _UNIT_CHARS_MAX else "…" + address[-_UNIT_CHARS_MAX:]


def _model(profile: Profile) -> str:
    """Maker and model; the profile's id where it is nobody's in particular."""
    return f"{profile.maker} {profile.model}" if profile.maker else profile.id


class RadioCard:
    """The air: the radio, and the sensors that it hears."""

    name = "air"

    def __init__(self, air: "VirtualRadio", names: Mapping[str, str]) -> None:
        """`names` is what people call a sensor."""
        from drivers.ble.emulator.virtual_radio import possible_faults  # noqa: PLC0415 - only where there is one

        self._air = air
        self._names = names
        self._faults_of = possible_faults

    def state(self) -> dict[str, Any]:
        """The radio and every sensor, and what is wrong with each."""
        sensors = self._air.spec.sensor
        rows = [(ADAPTER, "hci0", "")]
        rows += [(name, spec.address[-5:], spec.format) for name, spec in sensors.items()]
        return {
            "name": self.name,
            "where": "Bluetooth",
            "unplugged": False,
            "plug": False,
            "devices": [self._row(*row) for row in rows],
        }

    def _row(self, name: str, unit: str, model: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": self._names.get(name, name),
            "unit": unit,
            "model": model,
            "faults": list(self._faults_of(self._air.spec, name)),
            "fault": self._air.faults.get(name, ""),
        }

    def has(self, name: str) -> bool:
        """True for the radio and for every sensor."""
        return name == ADAPTER or name in self._air.spec.sensor

    async def wish(self, name: str, fault: str) -> None:
        """Give the radio or a sensor that fault, or none."""
        if fault and fault not in self._faults_of(self._air.spec, name):
            raise KeyError(fault)
        self._air.clear_fault(name)
        if fault:
            self._air.set_fault(name, fault)

    async def heal(self) -> None:
        """The radio and all sensors."""
        for name in tuple(self._air.faults):
            self._air.clear_fault(name)
