"""An emulated DL/T 645 meter that plays a profile, without our codec."""

from drivers.contract import Point, Value
from drivers.dlt645.emulator import Dlt645Slave
from drivers.emulate.device import NOON_S, EmulatedDevice, choose_line
from drivers.profile import Profile
from drivers.serial_line import SerialLine

_ADDRESS_DIGITS = 12
_RELAY = "relay"
# The default values of strings.
_SHOWN = {"date": "26112301", "time": "205830", "clock": "205830"}


class EmulatedDlt645Meter(EmulatedDevice):
    """The points of a profile as data items."""

    slave: Dlt645Slave

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
        line = choose_line(profile, line)
        self.slave = Dlt645Slave(address, line, name=name, refresh=self.move)
        self.begin()

    def show(self, point: Point, value: Value) -> None:
        """Write the value into its item; ValueError if it has too many digits."""
        item = str(point.address)
        if point.kind == "address":
            return
        if point.type == "string":
            self.slave.show(item, _SHOWN.get(point.kind, str(value).encode().hex()))
        elif point.type == "bcd":
            count = round((float(value or 0) - point.offset) / point.scale)
            digits = f"{abs(count):0{2 * (point.size or 1)}d}"
            if len(digits) > 2 * (point.size or 1):
                raise ValueError(value)
            self.slave.show(item, digits, minus=count < 0)
        else:
            self._show_bits(point, value)

    def _show_bits(self, point: Point, value: Value) -> None:
        size = point.size if point.type == "bits" else None
        mask = (1 << (size or 1)) - 1 if point.type in {"bool", "bits"} else 0xFFFF
        bits = int(value or 0) ^ (point.kind == _RELAY)  # the bit is set while the relay is open
        if bits & ~mask:
            raise ValueError(value)
        shift, item = point.bit or 0, str(point.address)
        word = int.from_bytes(self.slave.items.get(item, bytes(2)), "little")
        word = word & ~(mask << shift) | bits << shift
        self.slave.items[item] = word.to_bytes(2, "little")


emulated_device = EmulatedDlt645Meter
