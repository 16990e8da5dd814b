"""The scanner as the BLE bus uses it, and the adverts it delivers."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

_SERVICE_DATA = b"\x16"
_MAKER_DATA = b"\xff"
# The ending of every 16-bit UUID of the Bluetooth SIG when written in full.
_SIG_UUID = "-0000-1000-8000-00805f9b34fb"


class Advert(NamedTuple):
    """One advert: its sender, signal strength and content."""

    address: str
    rssi: int
    service_data: Mapping[str, bytes]
    maker_data: Mapping[int, bytes]

    def messages(self) -> list[bytes]:
        """Its AD structures as sent, without their length bytes."""
        services = [
            _SERVICE_DATA + bytes.fromhex(uuid[4:8])[::-1] + data
            for uuid, data in self.service_data.items()
            if uuid.endswith(_SIG_UUID) and uuid.startswith("0000")
        ]
        makers = [
            _MAKER_DATA + maker.to_bytes(2, "little") + data
            for maker, data in self.maker_data.items()
        ]
        return services + makers


OnAdvert: TypeAlias = Callable[[Advert], None]


class BleScanner(Protocol):
    """One radio; only one scan runs at a time."""

    async def start(self, heard: OnAdvert) -> None:
        """Start scanning; LineDown if that fails."""

    async def check(self) -> None:
        """LineDown if the radio is known to be gone or off."""

    async def stop(self) -> None:
        """Stop scanning, whatever state the radio is in."""
