"""Reads `[kiosk.*]` and `[service.*]`, and checks their zones, places, services and wired keys."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from broadcast.options import KeyOptions
from gateway.config.schema import DeviceSetting, StationOptions
from gateway.toml import Decoder, KeyPath, hint
from kiosk.requests.catalogue import load_services
from kiosk.requests.options import KioskOptions, KioskSettings

KIOSKS_MAX = 16

# The numbers on the plates; the wall keys have the same.
PLATES = frozenset("01234")


class KioskReader:
    """Decodes the two sections; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        zones: Collection[str],
        places: Collection[str],
        devices: Mapping[str, DeviceSetting],
        named: Collection[str],
        microphones: Collection[str],
    ) -> None:
        """`devices` are those without a mistake, `named` all devices of the file."""
        self._microphones = microphones
        self._decoder = decoder
        self._zones = zones
        self._places = places
        self._spoilt = frozenset(named) - devices.keys()
        self._inputs = {
            f"{device.id}.{wired.id}" for device in devices.values() for wired in device.wired()
        }

    def kiosk(self, _: str, table: Any, path: KeyPath) -> KioskOptions | None:
        """Decode one `[kiosk.*]`; None after a mistake."""
        options = self._decoder.struct(KioskOptions, table, path)
        if options is None:
            return None
        refers = self._decoder.refers
        refers(options.zone, self._zones, (*path, "zone"), "rules.unknown-zone")
        if options.place is not None:
            refers(options.place, self._places, (*path, "place"), "check.unknown-place")
        if options.microphone is not None:
            at = (*path, "microphone")
            refers(options.microphone, self._microphones, at, "broadcast.no-microphone-there")
        for index, service in enumerate(options.services):
            at = (*path, "services", index)
            refers(service, load_services(), at, "requests.unknown-service")
        for number, word in options.keys.items():
            refers(number, PLATES, (*path, "keys", number), "requests.unknown-key")
            if word.partition(".")[0] not in self._spoilt:  # its own mistake has been told
                refers(word, self._inputs, (*path, "keys", number), "requests.unknown-input")
        return options

    def service(self, name: str, table: Any, path: KeyPath) -> msgspec.Struct | None:
        """Decode one `[service.*]` by its service's type; None after a mistake."""
        if name not in load_services():
            found = hint(name, load_services())
            self._decoder.blame(path, "requests.unknown-service", word=name, hint=found)
            return None
        service = load_services()[name]
        options = self._decoder.struct(service.type.options, table, path)
        if options is not None:
            pictures = {what.id for what in service.what}
            for key in service.type.picture_keys:
                for word in getattr(options, key):
                    at = (*path, key, word)
                    self._decoder.refers(word, pictures, at, "requests.unknown-what")
        return options


Each = Callable[..., dict[str, Any]]


def read_kiosks(reader: KioskReader, each: Each, station: StationOptions) -> KioskSettings:
    """Read both sections into the settings of the kiosk."""
    kiosks = each("kiosk", reader.kiosk, most=KIOSKS_MAX)
    return KioskSettings(
        kiosks=kiosks,
        services=each("service", reader.service),
        phone=station.phone or "",
        language=station.language,
    )


def without_voice(decoder: Decoder, plan: KioskSettings, speakers: Mapping[str, Any]) -> None:
    """Refuse a microphone of a kiosk without a loudspeaker: nobody is asked to speak."""
    heard = {zone for speaker in speakers.values() for zone in speaker.zones}
    for name, kiosk in plan.kiosks.items():
        if kiosk.microphone is not None and kiosk.zone not in heard:
            path = ("kiosk", name, "microphone")
            decoder.blame(path, "requests.mute-microphone", zone=kiosk.zone)


def eavesdropping(decoder: Decoder, plan: KioskSettings, keys: Mapping[str, KeyOptions]) -> None:
    """Refuse a key that would put a kiosk's microphone on the loudspeakers."""
    residents = {kiosk.microphone for kiosk in plan.kiosks.values()}
    for name, key in keys.items():
        if key.order.microphone is not None and key.order.microphone in residents:
            path = ("key", name, "order", "microphone")
            decoder.blame(path, "broadcast.kiosk-microphone", microphone=key.order.microphone)
