"""Whose advert this is: a configured sensor's, by its address or by what it calls itself."""

import collections
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from drivers.ble.codec import Heard, understand
from drivers.ble.keys import Key, load, parse
from drivers.ble.options import BusOptions, Options
from drivers.ble.points import NO_MAC, check_device
from drivers.ble.scanner import Advert
from drivers.ble.sensor import Sensor
from drivers.contract import Device, FieldError, WrongUse

_ALIASES_MAX = 64


class AirStats(msgspec.Struct):
    """What was heard: every advert is a stranger's or a known sensor's."""

    adverts: int = 0
    strangers: int = 0
    known: int = 0
    scans: int = 0
    restarts: int = 0
    heard_s: float = 0.0
    swept_s: float = 0.0


class Ears:
    """The sensors of one bus. Nothing is kept of anybody else, whatever the air holds."""

    def __init__(self, devices: Iterable[Device], options: BusOptions) -> None:
        self.sensors: list[Sensor] = []
        self.unfit: list[tuple[Sensor, FieldError]] = []
        self._by_address: dict[str, Sensor] = {}
        self._by_identity: dict[str, Sensor] = {}
        self._aliases: collections.OrderedDict[str, Sensor] = collections.OrderedDict()
        folder = Path(options.keys) if options.keys else None
        for device in devices:
            self._admit(device, folder)

    def whose(self, advert: Advert) -> Sensor | None:
        """The sensor that sent it; None for a stranger."""
        sensor = self._by_address.get(advert.address)
        if sensor is None and self._by_identity:
            sensor = self._named(advert)
        return sensor

    def _admit(self, device: Device, folder: Path | None) -> None:
        by = self._by_identity if "/" in device.address else self._by_address
        name = device.address if by is self._by_identity else device.address.upper()
        sensor, wrong = Sensor(device, None), next(iter(check_device(device)), None)
        try:
            sensor = Sensor(device, _key(device, folder))
        except WrongUse as error:
            wrong = error
        if name in by:
            wrong = WrongUse("ble.same-address", device=device.id, address=name)
        self.sensors.append(sensor)
        if wrong is None:
            by[name] = sensor
        else:
            self.unfit.append((sensor, wrong))

    def _named(self, advert: Advert) -> Sensor | None:
        """The beacon behind an address that changes; its unnamed frames come from the same one."""
        for message in advert.messages():
            found = understand(message, NO_MAC)
            name = found.identity if isinstance(found, Heard) else None
            sensor = self._by_identity.get(name) if name is not None else None
            if sensor is not None:
                self._remember(advert.address, sensor)
        return self._aliases.get(advert.address)

    def _remember(self, address: str, sensor: Sensor) -> None:
        self._aliases[address] = sensor
        self._aliases.move_to_end(address)
        if len(self._aliases) > _ALIASES_MAX:
            self._aliases.popitem(last=False)


def _key(device: Device, folder: Path | None) -> Key | None:
    """The sensor's key; WrongUse if there should be one and there is none."""
    options = device.options or Options()
    if options.credential is not None:
        return load(options.credential, os.environ, folder)
    if options.bind_key is None:
        return None
    key = parse(options.bind_key)
    if key is None:
        raise WrongUse("ble.bad-key", device=device.id)
    return key
