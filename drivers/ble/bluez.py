"""The scanner of a Linux machine: bleak, which talks to BlueZ over D-Bus.

bleak is imported when the scanner is first started, after the station is ready.
"""

import asyncio
import contextlib
from typing import Any

from drivers.ble.scanner import Advert, OnAdvert
from drivers.contract import LineDown, LineLost, PortForbidden, PortMissing, PortUnfit

# bleak's RSSI for a device whose properties changed without an advert.
_NO_RSSI = -127

_START_WITHIN_S = 10.0
_STOP_WITHIN_S = 5.0


class BluezScanner:
    """Active scanning on one adapter.

    BlueZ is asked for every advert, changed or not: a sensor with nothing new to report must still
    be known to be alive. BlueZ forgets a device after thirty seconds; we keep nothing of strangers.
    """

    def __init__(self, adapter: str | None = None) -> None:
        self._adapter = adapter
        self._scanner: Any = None

    async def start(self, heard: OnAdvert) -> None:
        """Start scanning; LineDown if that fails."""
        try:
            scanner = self._open(heard)
        except ImportError as error:
            raise PortUnfit("ble.no-library") from error
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                await scanner.start()
        except _troubles() as error:
            raise _line_down(error) from error
        self._scanner = scanner

    async def check(self) -> None:
        """LineDown if the radio is known to be gone or off."""
        from bleak import BleakAdapter  # noqa: PLC0415 - loaded when a scanner runs

        if self._adapter is not None:
            return  # bleak reports a missing adapter only when scanning begins
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                await BleakAdapter.get()
        except _troubles() as error:
            raise _line_down(error) from error

    async def stop(self) -> None:
        """Stop scanning, whatever state the radio is in."""
        scanner, self._scanner = self._scanner, None
        if scanner is None:
            return
        with contextlib.suppress(*_troubles()):  # stopping fails on a radio that is gone
            async with asyncio.timeout(_STOP_WITHIN_S):
                await scanner.stop()

    def _open(self, heard: OnAdvert) -> Any:
        from bleak import BleakScanner  # noqa: PLC0415 - loaded when a scanner runs
        from bleak.backends.bluezdbus.scanner import BleakScannerBlueZDBus  # noqa: PLC0415
        from bleak.backends.device import BLEDevice  # noqa: PLC0415

        class Forgetful(BleakScannerBlueZDBus):
            def create_or_update_device(
                self, _key: str, address: str, name: Any, details: Any, _adv: Any
            ) -> BLEDevice:
                return BLEDevice(address, name, details)

        def detected(device: BLEDevice, advert: Any) -> None:
            if advert.rssi != _NO_RSSI:
                heard(
                    Advert(
                        device.address, advert.rssi, advert.service_data, advert.manufacturer_data
                    )
                )

        bluez: Any = {"filters": {"DuplicateData": True}}
        if self._adapter is not None:
            bluez["adapter"] = self._adapter
        return BleakScanner(detected, backend=Forgetful, bluez=bluez)


def _troubles() -> tuple[type[Exception], ...]:
    """The exceptions of bleak, BlueZ, D-Bus and the socket that mean "not now"."""
    from bleak.exc import BleakError  # noqa: PLC0415 - loaded when a scanner runs
    from dbus_fast.errors import DBusFastError  # noqa: PLC0415

    return (BleakError, DBusFastError, OSError, EOFError)


def _line_down(error: Exception) -> LineDown:
    """Why there is no radio, as a FieldError."""
    from bleak.exc import (  # noqa: PLC0415 - loaded when a scanner runs
        BleakBluetoothNotAvailableError,
        BleakDBusError,
        BleakError,
    )
    from bleak.exc import BleakBluetoothNotAvailableReason as Reason  # noqa: PLC0415

    if isinstance(error, BleakBluetoothNotAvailableError):
        if error.reason is Reason.POWERED_OFF:
            return LineLost("ble.off")
        if error.reason is Reason.DENIED_BY_SYSTEM:
            return PortForbidden("ble.forbidden")
        return PortMissing("ble.no-adapter")
    if isinstance(error, BleakDBusError):
        return LineLost("ble.refused", error=error.dbus_error)
    if isinstance(error, BleakError):
        return PortMissing("ble.no-adapter")
    return LineLost("ble.no-bluez", error=type(error).__name__)
