"""`[device.*]`: common options, the family's own, the profile, and whether all of it fits."""

from collections.abc import Collection
from typing import Any

from drivers import registry, shelf
from drivers.bus.line import Line
from drivers.contract import BadProfile
from drivers.family import Driver
from drivers.profile import Profile
from gateway.appliance.schema import (
    DeviceOptions,
    DeviceSetting,
    input_point,
)
from gateway.settings import Decoder, KeyPath, Phrase, hint


class Devices:
    """Decodes devices one by one; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        buses: Collection[str],
        places: Collection[str],
    ) -> None:
        """`buses` and `places` are the ids that are written down."""
        self._decoder = decoder
        self._buses = buses
        self._places = places
        self._taken: dict[tuple[str, str, str], str] = {}

    def device(self, device_id: str, table: Any, path: KeyPath) -> DeviceSetting | None:
        """One device; None after a mistake."""
        profile = self._profile(table, path)
        driver = self._driver(profile, path) if profile else None
        shapes = (DeviceOptions, driver.Options) if driver else (DeviceOptions,)
        before = len(self._decoder.mistakes)
        parts = self._decoder.structs(shapes, table, path, others=driver is None)
        if parts is None or profile is None or driver is None:
            return None
        options = parts[0]
        assert isinstance(options, DeviceOptions)
        self._references(options, path)
        self._points(options, profile, path)
        own_line = None if options.line is None else line(self._decoder, options.line, path)
        setting = DeviceSetting(
            id=device_id,
            options=options,
            profile=profile,
            device=profile.device(
                device_id,
                options.address,
                line=own_line,
                every_s=options.every_s,
                timeout_s=options.timeout_s,
                options=parts[1],
            ),
        )
        self._address(setting, path)
        return setting if len(self._decoder.mistakes) == before else None

    def _profile(self, table: Any, path: KeyPath) -> Profile | None:
        """The profile that the table names; nothing is said where its key is not even a text."""
        name = table.get("profile") if isinstance(table, dict) else None
        if not isinstance(name, str):
            return None
        try:
            return shelf.find(name)
        except BadProfile as error:
            at = (*path, "profile")
            if name not in shelf.names():
                meant = hint(name, shelf.names())
                self._decoder.blame(at, "check.unknown-profile", profile=name, hint=meant)
            else:
                reason = "; ".join(map(str, error.data.get("mistakes", [error])))
                self._decoder.blame(at, "check.bad-profile", profile=name, reason=reason)
            return None

    def _driver(self, profile: Profile, path: KeyPath) -> Driver | None:
        drivers = registry.families()
        if profile.family in drivers:
            return drivers[profile.family]
        meant = hint(profile.family, drivers)
        at = (*path, "profile")
        self._decoder.blame(at, "check.unknown-family", family=profile.family, hint=meant)
        return None

    def _references(self, options: DeviceOptions, path: KeyPath) -> None:
        if options.bus not in self._buses:
            meant = hint(options.bus, self._buses)
            self._decoder.blame((*path, "bus"), "check.unknown-bus", bus=options.bus, hint=meant)
        self._place(options.place, (*path, "place"))
        for number, wired in options.inputs.items():
            if wired.place is not None:
                self._place(wired.place, (*path, "inputs", number, "place"))

    def _place(self, place: str, path: KeyPath) -> None:
        if place not in self._places:
            meant = hint(place, self._places)
            self._decoder.blame(path, "check.unknown-place", place=place, hint=meant)

    def _points(self, options: DeviceOptions, profile: Profile, path: KeyPath) -> None:
        """Reports and inputs name what the device has, and each input bears an id of its own."""
        points = [spec.id for spec in profile.point]
        for point in options.report:
            if point not in points:
                meant = hint(point, points)
                at = (*path, "report", point)
                self._decoder.blame(at, "check.unknown-point", point=point, hint=meant)
        wired_at: dict[str, str] = {}
        for number, wired in options.inputs.items():
            at = (*path, "inputs", number)
            if input_point(profile, number) is None:
                self._decoder.blame(at, "check.no-input", profile=profile.id, number=number)
            first = wired_at.setdefault(wired.id, number)
            if first != number:
                self._decoder.blame((*at, "id"), "check.input-twice", id=wired.id, first=first)

    def _address(self, setting: DeviceSetting, path: KeyPath) -> None:
        """Two devices with one address would answer at once, and neither be understood."""
        options = setting.options
        address = options.address.lstrip("0") if options.address.isdecimal() else options.address
        key = (options.bus, setting.profile.family, address)
        first = self._taken.setdefault(key, setting.id)
        if first != setting.id:
            at = (*path, "address")
            self._decoder.blame(
                at, "check.address-twice", address=options.address, bus=options.bus, first=first
            )


def line(decoder: Decoder, text: str, path: KeyPath) -> Line | None:
    """The serial line that an option `line` names; None after a mistake."""
    try:
        return Line.parse(text)
    except ValueError:
        expected = Phrase("expected.like", {"example": str(Line())})
        decoder.blame((*path, "line"), "settings.wrong-value", expected=expected, found=text)
        return None
