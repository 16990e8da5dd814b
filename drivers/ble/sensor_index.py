"""Finds the sensor of an advert, by its address or by the identity it sends."""

import collections
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from drivers.ble.bind_keys import BindKey, load_key, parse_key
from drivers.ble.codec import DecodedMessage, decode_message
from drivers.ble.options import BleBusOptions, BleDeviceOptions
from drivers.ble.points import NO_MAC, check_device
from drivers.ble.scanner import Advert
from drivers.ble.sensor import BleSensor
from drivers.contract import Device, FieldError, WrongUse

_ALIASES_MAX = 64


class ScanStats(msgspec.Struct):
    """What was received: every advert is a stranger's or a known sensor's."""

    adverts: int = 0
    strangers: int = 0
    known: int = 0
    scans: int = 0
    restarts: int = 0
    heard_s: float = 0.0
    swept_s: float = 0.0


class SensorIndex:
    """The sensors of one bus. Nothing is kept of other senders, however many there are."""

    def __init__(self, devices: Iterable[Device], options: BleBusOptions) -> None:
        self.sensors: list[BleSensor] = []
        self.unusable: list[tuple[BleSensor, FieldError]] = []
        self._by_address: dict[str, BleSensor] = {}
        self._by_identity: dict[str, BleSensor] = {}
        self._aliases: collections.OrderedDict[str, BleSensor] = collections.OrderedDict()
        folder = Path(options.keys) if options.keys else None
        for device in devices:
            self._admit(device, folder)

    def find_sensor(self, advert: Advert) -> BleSensor | None:
        """The sensor that sent it; None for a stranger."""
        sensor = self._by_address.get(advert.address)
        if sensor is None and self._by_identity:
            sensor = self._named(advert)
        return sensor

    def _admit(self, device: Device, folder: Path | None) -> None:
        by = self._by_identity if "/" in device.address else self._by_address
        name = device.address if by is self._by_identity else device.address.upper()
        sensor, wrong = BleSensor(device, None), next(iter(check_device(device)), None)
        try:
            sensor = BleSensor(device, _key(device, folder))
        except WrongUse as error:
            wrong = error
        if name in by:
            wrong = WrongUse("ble.same-address", device=device.id, address=name)
        self.sensors.append(sensor)
        if wrong is None:
            by[name] = sensor
        else:
            self.unusable.append((sensor, wrong))

    def _named(self, advert: Advert) -> BleSensor | None:
        """The beacon behind a changing address; frames without identity belong to the same one."""
        for message in advert.messages():
            found = decode_message(message, NO_MAC)
            name = found.identity if isinstance(found, DecodedMessage) else None
            sensor = self._by_identity.get(name) if name is not None else None
            if sensor is not None:
                self._remember(advert.address, sensor)
        return self._aliases.get(advert.address)

    def _remember(self, address: str, sensor: BleSensor) -> None:
        self._aliases[address] = sensor
        self._aliases.move_to_end(address)
        if len(self._aliases) > _ALIASES_MAX:
            self._aliases.popitem(last=False)


def _key(device: Device, folder: Path | None) -> BindKey | None:
    """The sensor's key; WrongUse if it should have one and has not."""
    options = device.options or BleDeviceOptions()
    if options.credential is not None:
        return load_key(options.credential, os.environ, folder)
    if options.bind_key is None:
        return None
    key = parse_key(options.bind_key)
    if key is None:
        raise WrongUse("ble.bad-key", device=device.id)
    return key
