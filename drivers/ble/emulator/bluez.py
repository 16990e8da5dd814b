"""BlueZ's side of D-Bus as far as scanning needs it (bluez/doc/org.bluez.Adapter.rst, Device.rst).

One adapter, hci0. It behaves like bluetoothd where that matters to a scanner: adverts are only
signalled during a scan, unchanged ones only with `DuplicateData`; the signal strength is withdrawn
when the scan stops, and a device is forgotten after thirty seconds without an advert.
"""

import asyncio
import collections
import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"

FORGET_AFTER_S = 30.0
_SWEEP_S = 5.0
# Signals that fit into the socket; dbus-fast closes its connection when one does not.
_BATCH = 64

_OUTBOX_MAX = 20_000
# Without `DuplicateData` smaller changes of the signal strength are not signalled.
_RSSI_STEP = 8


class AdvertPayload(NamedTuple):
    """The content of one advert."""

    service_data: Mapping[str, bytes] = {}
    maker_data: Mapping[int, bytes] = {}


class _Device:
    """What bluetoothd remembers of a device."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.path = f"{ADAPTER_PATH}/dev_{address.replace(':', '_')}"
        self.services: dict[str, bytes] = {}
        self.makers: dict[int, bytes] = {}
        self.rssi: int | None = None
        self.heard_s = 0.0

    def changed(self, said: AdvertPayload, rssi: int, now_s: float, *, duplicates: bool) -> bool:
        """Process an advert; True if it must be signalled."""
        news = (
            any(self.services.get(uuid) != data for uuid, data in said.service_data.items())
            or any(self.makers.get(maker) != data for maker, data in said.maker_data.items())
            or self.rssi is None
            or abs(self.rssi - rssi) >= _RSSI_STEP
        )
        self.services.update(said.service_data)
        self.makers.update(said.maker_data)
        self.heard_s = now_s
        if news or duplicates:
            self.rssi = rssi
        return news or duplicates

    def advertised(self) -> dict[str, Variant]:
        """The properties that adverts provide; no signal strength outside a scan."""
        properties = {} if self.rssi is None else {"RSSI": Variant("n", self.rssi)}
        if self.services:
            services = {uuid: Variant("ay", data) for uuid, data in self.services.items()}
            properties["ServiceData"] = Variant("a{sv}", services)
        if self.makers:
            makers = {maker: Variant("ay", data) for maker, data in self.makers.items()}
            properties["ManufacturerData"] = Variant("a{qv}", makers)
        return properties

    def properties(self) -> dict[str, Variant]:
        """All properties."""
        return {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", self.address.replace(":", "-")),
            "Adapter": Variant("o", ADAPTER_PATH),
            "Connected": Variant("b", False),
            "Paired": Variant("b", False),
            "UUIDs": Variant("as", []),
            **self.advertised(),
        }


class FakeBluez:
    """`org.bluez` on the bus given to `serve`. `deaf` until scanning is restarted."""

    def __init__(self) -> None:
        self.plugged = True
        self.powered = True
        self.deaf = False
        self.told = 0
        self.scans = 0
        self._bus: MessageBus | None = None
        self._scanning: dict[str, dict[str, Variant]] = {}
        self._filters: dict[str, dict[str, Variant]] = {}
        self._devices: dict[str, _Device] = {}
        self._outbox: collections.deque[Message] = collections.deque()
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_scanning(self) -> bool:
        """True while any client scans."""
        return bool(self._scanning)

    @property
    def device_count(self) -> int:
        """Number of remembered devices."""
        return len(self._devices)

    async def serve(self, address: str) -> None:
        """Appear on that bus."""
        self._bus = await MessageBus(address, bus_type=BusType.SYSTEM).connect()
        self._bus.add_message_handler(self._handle)
        await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=["type='signal',member='NameOwnerChanged'"],
            )
        )
        await self._bus.request_name("org.bluez")
        self._tasks = [
            asyncio.create_task(self._send_all()),
            asyncio.create_task(self._forget_the_unheard()),
        ]

    async def close(self) -> None:
        """Leave the bus, like a daemon that is stopped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._scanning.clear()
        self._devices.clear()
        self._outbox.clear()
        if self._bus is not None:
            self._bus.disconnect()
            with contextlib.suppress(EOFError, OSError):  # the bus may have ended before us
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast's

    def advert(self, address: str, said: AdvertPayload, rssi: int = -60) -> bool:
        """An advert is received; True if it was signalled."""
        if not (self.plugged and self.powered and self._scanning) or self.deaf:
            return False
        if len(self._outbox) >= _OUTBOX_MAX:
            return False
        now_s = asyncio.get_running_loop().time()
        device = self._devices.get(address)
        if device is None:
            device = self._devices[address] = _Device(address)
            device.changed(said, rssi, now_s, duplicates=True)
            self._signal(
                "/", _OBJECTS, "InterfacesAdded", "oa{sa{sv}}",
                [device.path, {DEVICE: device.properties()}],
            )  # fmt: skip
        elif device.changed(said, rssi, now_s, duplicates=self._duplicates()):
            self._changed(device.path, DEVICE, device.advertised())
        else:
            return False
        self.told += 1
        return True

    def power(self, *, on: bool) -> None:
        """Switch the radio on or off."""
        self.powered = on
        if not on:
            self._scanning.clear()
        state = {"Powered": Variant("b", on), "Discovering": Variant("b", self.is_scanning)}
        self._changed(ADAPTER_PATH, ADAPTER, state)

    def unplug(self) -> None:
        """Remove the adapter."""
        self.plugged = False
        self._scanning.clear()
        for address in list(self._devices):
            self.forget(address)
        self._signal("/", _OBJECTS, "InterfacesRemoved", "oas", [ADAPTER_PATH, [ADAPTER]])

    def plug(self) -> None:
        """Insert the adapter again."""
        self.plugged = True
        body = [ADAPTER_PATH, {ADAPTER: self._adapter()}]
        self._signal("/", _OBJECTS, "InterfacesAdded", "oa{sa{sv}}", body)

    def forget(self, address: str) -> None:
        """A device has not been received for too long."""
        device = self._devices.pop(address, None)
        if device is not None:
            self._signal("/", _OBJECTS, "InterfacesRemoved", "oas", [device.path, [DEVICE]])

    async def _send_all(self) -> None:
        """Send the waiting signals, in batches that the other end confirms."""
        assert self._bus is not None
        ping = Message(
            destination="org.freedesktop.DBus",
            path="/org/freedesktop/DBus",
            interface="org.freedesktop.DBus.Peer",
            member="Ping",
        )
        while True:
            await self._more.wait()
            self._more.clear()
            while self._outbox:
                for _ in range(min(_BATCH, len(self._outbox))):
                    self._bus.send(self._outbox.popleft())
                await self._bus.call(ping)

    async def _forget_the_unheard(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            limit_s = loop.time() - FORGET_AFTER_S
            for device in list(self._devices.values()):
                if device.heard_s < limit_s:
                    self.forget(device.address)

    def _duplicates(self) -> bool:
        """True if any scanning client wants unchanged adverts, too (BlueZ's own default)."""
        asked = [filters.get("DuplicateData") for filters in self._scanning.values()]
        return any(each is None or each.value for each in asked)

    def _adapter(self) -> dict[str, Variant]:
        return {
            "Address": Variant("s", "02:00:00:00:00:01"),
            "Alias": Variant("s", "emulated"),
            "Powered": Variant("b", self.powered),
            "Discovering": Variant("b", self.is_scanning),
            "Roles": Variant("as", ["central", "peripheral"]),
        }

    def _handle(self, message: Message) -> Message | bool | None:
        """Answer a call; dbus-fast refuses what BlueZ does not know."""
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self._scanning.pop(message.body[0], None)
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])
        if message.interface != ADAPTER or message.path != ADAPTER_PATH or not self.plugged:
            return None
        handler = {
            "SetDiscoveryFilter": self._set_filter,
            "StartDiscovery": self._start,
            "StopDiscovery": self._stop,
        }.get(message.member or "")
        return None if handler is None else handler(message)

    def _objects(self) -> dict[str, Any]:
        if not self.plugged:
            return {}
        devices = {each.path: {DEVICE: each.properties()} for each in self._devices.values()}
        return {ADAPTER_PATH: {ADAPTER: self._adapter()}, **devices}

    def _set_filter(self, message: Message) -> Message:
        self._filters[message.sender or ""] = message.body[0]
        return Message.new_method_return(message)

    def _start(self, message: Message) -> Message:
        sender = message.sender or ""
        if not self.powered:
            return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
        if sender in self._scanning:
            return Message.new_error(message, "org.bluez.Error.InProgress", "In progress")
        self._scanning[sender] = self._filters.get(sender, {})
        self.scans += 1
        self.deaf = False
        self._changed(ADAPTER_PATH, ADAPTER, {"Discovering": Variant("b", True)})
        return Message.new_method_return(message)

    def _stop(self, message: Message) -> Message:
        if self._scanning.pop(message.sender or "", None) is None:
            return Message.new_error(message, "org.bluez.Error.Failed", "No discovery started")
        for device in self._devices.values():
            device.rssi = None
            self._changed(device.path, DEVICE, {}, ["RSSI"])
        self._changed(ADAPTER_PATH, ADAPTER, {"Discovering": Variant("b", False)})
        return Message.new_method_return(message)

    def _changed(
        self, path: str, interface: str, changed: dict[str, Variant], gone: list[str] | None = None
    ) -> None:
        body = [interface, changed, gone or []]
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        self._outbox.append(Message.new_signal(path, interface, member, signature, body))
        self._more.set()
