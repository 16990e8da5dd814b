"""An emulated CJ/T 188 meter that plays a profile, without our codec."""

from drivers.cjt188.emulator import Cjt188Slave
from drivers.contract import Point, Value
from drivers.emulate.device import NOON_S, EmulatedDevice, choose_line
from drivers.profile import Profile
from drivers.serial_line import SerialLine

_ADDRESS_DIGITS = 14
_ITEM_DIGITS = 4
_TYPES = {
    "cold-water": 0x10, "hot-water": 0x11, "drinking-water": 0x12, "reclaimed-water": 0x13,
    "heat": 0x20, "cooling": 0x21, "heat-and-cooling": 0x22, "gas": 0x30,
}  # fmt: skip
_UNIT_BYTES = {
    "J": 0x01, "W.h": 0x02, "kW.h": 0x05, "MW.h": 0x08, "kJ": 0x0B, "MJ": 0x0E, "GJ": 0x11,
    "W": 0x14, "kW": 0x17, "MW": 0x1A, "L": 0x29, "m3": 0x2C, "L/h": 0x32, "m3/h": 0x35,
}  # fmt: skip
_CLOCK = bytes.fromhex("30582023112620")
_STATUS_BYTES = 2


class EmulatedCjt188Meter(EmulatedDevice):
    """The points of a profile as fields of a reply."""

    slave: Cjt188Slave

    def __init__(
        self,
        profile: Profile,
        address: str,
        *,
        name: str = "",
        line: SerialLine | None = None,
        seed: int = 0,
        day_starts_s: float = NOON_S,
    ) -> None:
        """Power it up; a short address is padded with zeros."""
        address = address.zfill(_ADDRESS_DIGITS)
        super().__init__(profile, address, seed=seed, day_starts_s=day_starts_s)
        first = next(iter(self.points.values()))
        self.slave = Cjt188Slave(
            _TYPES[first.kind], address, choose_line(profile, line), name=name, refresh=self.move
        )
        for point in self.points.values():
            if "control" in point.extra:
                self.slave.habits.valve_control = point.extra["control"]
            if point.type in {"bool", "bits"}:
                self.slave.status_at[_item(point)] = point.at
        self.begin()

    def show(self, point: Point, value: Value) -> None:
        """Write the value into its field; ValueError if it has too many digits."""
        if point.extra.get("is") == "valve":
            self.slave.valve = self.slave.valve_next = int(value is False)
        elif point.type in {"bool", "bits"}:
            self.slave.battery_low = bool(value)
        else:
            self._put(_item(point), point.at, _field(point, value))

    def _put(self, item: str, at: int, field: bytes) -> None:
        data = self.slave.fields.get(item, b"").ljust(at + len(field), b"\0")
        status_at = self.slave.status_at.get(item)
        if status_at is not None:
            data = data.ljust(status_at + _STATUS_BYTES, b"\0")
        self.slave.fields[item] = data[:at] + field + data[at + len(field) :]


def _item(point: Point) -> str:
    return str(point.address)[:_ITEM_DIGITS]


def _field(point: Point, value: Value) -> bytes:
    """The bytes of one field, with its unit byte if the profile has one."""
    if point.extra.get("is") == "clock":
        return _CLOCK
    size = point.size or 1
    if isinstance(value, str):
        return bytes(size)
    count = round((float(value or 0) - point.offset) / point.scale)
    digits = f"{max(0, count):0{2 * size}d}"
    if len(digits) > 2 * size or count < 0:
        raise ValueError(value)
    field, unit = bytes.fromhex(digits)[::-1], point.extra.get("unit")
    if unit is None:
        return field
    mark = bytes([_UNIT_BYTES[point.unit]])
    return mark + field if unit == "before" else field + mark


emulated_device = EmulatedCjt188Meter
