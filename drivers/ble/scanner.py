"""Who listens to the air for the bus."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

_SERVICE_DATA = b"\x16"
_MAKER_DATA = b"\xff"
# How every 16-bit UUID of the Bluetooth SIG ends when it is written in full.
_SIG_UUID = "-0000-1000-8000-00805f9b34fb"


class Advert(NamedTuple):
    """One advert: who sent it, how strongly it was heard, what it carried."""

    address: str
    rssi: int
    service_data: Mapping[str, bytes]
    maker_data: Mapping[int, bytes]

    def messages(self) -> list[bytes]:
        """Its AD structures as they were on the air, without their length bytes."""
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
    """One radio's ears; only ever one is listening."""

    async def start(self, heard: OnAdvert) -> None:
        """Begin to listen; LineDown if that cannot be."""

    async def check(self) -> None:
        """LineDown if the radio is known to be gone or off."""

    async def stop(self) -> None:
        """Stop listening, whatever state the radio is in."""
