"""The settings of a BLE bus and of a sensor on it."""

from typing import Annotated

import msgspec


class BleDeviceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sensor's own keys in `[device.*]`: how its messages are decrypted.

    `bind_key` is the maker's 32 hexadecimal digits, `credential` the name of one that holds them.
    """

    bind_key: str | None = None
    credential: str | None = None

    def __repr__(self) -> str:
        sealed = "…" if self.bind_key else None
        return f"Options(bind_key={sealed}, credential={self.credential!r})"


class BleBusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of `[bus.*]` with `kind = "ble"`.

    `adapter` is BlueZ's name (`hci0`), None the first one that is powered. A scan that receives
    nothing at all for `watchdog_s` is restarted. `keys` is the folder of the credentials where
    systemd provides none.
    """

    adapter: Annotated[str, msgspec.Meta(pattern=r"^hci[0-9]{1,3}$")] | None = None
    watchdog_s: Annotated[float, msgspec.Meta(ge=10, le=3600)] = 60.0
    keys: str | None = None

    @property
    def where(self) -> str:
        return self.adapter or "Bluetooth"
