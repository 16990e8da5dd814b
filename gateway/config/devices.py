"""Reads `[device.*]`: common options, the family's own, the profile, and whether they fit."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from drivers import registry
from drivers.contract import BadProfile
from drivers.family import Driver
from drivers.profile import Profile
from drivers.profiles import find_profile, profile_ids
from drivers.serial_line import SerialLine, serial_line_fault
from gateway.config.profile_check import profile_reasons, unit_faults
from gateway.config.schema import (
    DeviceOptions,
    DeviceSetting,
    Id,
    input_point,
)
from gateway.toml import Decoder, KeyPath, Phrase
from gateway.toml.expectations import expected_phrase


class DeviceReader:
    """Decodes devices one by one; mistakes go to the decoder."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        buses: Collection[str],
        inlets: Collection[str],
        places: Collection[str],
        own: Path,
    ) -> None:
        """`buses`, `inlets` and `places` are the ids that the file defines.

        `own` is the folder of the installer's own profiles.
        """
        self._decoder = decoder
        self._buses = buses
        self._inlets = inlets
        self._places = places
        self._own = own
        self._profiles: dict[str, Profile] = {}
        self._taken: dict[tuple[str, str, str], str] = {}

    def device(self, device_id: str, table: Any, path: KeyPath) -> DeviceSetting | None:
        """Decode one device; None after a mistake."""
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
        own_line = None if options.line is None else serial_line(self._decoder, options.line, path)
        setting = DeviceSetting(
            id=device_id,
            options=options,
            profile=profile,
            device=profile.device(
                device_id,
                options.address,
                line=own_line,
                every_s=options.every_s or options.pressed_every_s,
                timeout_s=options.timeout_s,
                options=parts[1],
            ),
        )
        self._address(setting, path)
        return setting if len(self._decoder.mistakes) == before else None

    def _profile(self, table: Any, path: KeyPath) -> Profile | None:
        """Find the profile that the table names; None without a mistake if the key is no text."""
        name = table.get("profile") if isinstance(table, dict) else None
        if not isinstance(name, str):
            return None
        try:
            if name not in self._profiles:
                self._profiles[name] = find_profile(name, self._own)
                for fault in unit_faults(self._profiles[name]):
                    if fault.data["unit"].isascii():
                        continue  # `yizhan check` asks about it: others may read it all the same
                    self._decoder.judge((*path, "profile"), fault.code, **fault.data)
            return self._profiles[name]
        except BadProfile as error:
            at = (*path, "profile")
            if self._decoder.refers(name, profile_ids(self._own), at, "check.unknown-profile"):
                file = Path(error.data["file"])
                code = "check.bad-own-profile" if file.parent == self._own else "check.bad-profile"
                self._decoder.blame(
                    at, code, profile=name, file=str(file), reason=profile_reasons(error)
                )
            return None

    def _driver(self, profile: Profile, path: KeyPath) -> Driver | None:
        families = registry.families()
        at = (*path, "profile")
        if not self._decoder.refers(profile.family, families, at, "check.unknown-family"):
            return None
        return families[profile.family]

    def _references(self, options: DeviceOptions, path: KeyPath) -> None:
        if options.bus is None and options.inlet is None:
            wanted = expected_phrase(Id)
            self._decoder.blame((*path, "bus"), "settings.missing-key", key="bus", expected=wanted)
        if options.bus is not None and options.inlet is not None:
            self._decoder.blame((*path, "inlet"), "check.bus-and-inlet")
        if options.bus is not None:
            self._decoder.refers(options.bus, self._buses, (*path, "bus"), "check.unknown-bus")
        if options.inlet is not None:
            at = (*path, "inlet")
            self._decoder.refers(options.inlet, self._inlets, at, "check.unknown-inlet")
        self._place(options.place, (*path, "place"))
        for number, wired in options.inputs.items():
            if wired.place is not None:
                self._place(wired.place, (*path, "inputs", number, "place"))

    def _place(self, place: str, path: KeyPath) -> None:
        self._decoder.refers(place, self._places, path, "check.unknown-place")

    def _points(self, options: DeviceOptions, profile: Profile, path: KeyPath) -> None:
        """Check that reports and inputs name points of the device, and input ids are unique."""
        points = [spec.id for spec in profile.point]
        for point in options.report:
            self._decoder.refers(point, points, (*path, "report", point), "check.unknown-point")
        wired_at: dict[str, str] = {}
        for number, wired in options.inputs.items():
            at = (*path, "inputs", number)
            read_by = input_point(profile, number)
            if read_by is None:
                self._decoder.blame(at, "check.no-input", profile=profile.id, number=number)
            elif wired.loop is not None and _is_switch(profile, read_by):
                self._decoder.blame((*at, "loop"), "check.no-loop", number=number)
            first = wired_at.setdefault(wired.id, number)
            if first != number:
                self._decoder.blame((*at, "id"), "check.input-twice", id=wired.id, first=first)

    def _address(self, setting: DeviceSetting, path: KeyPath) -> None:
        """Refuse a second device at the same address: both would answer at once."""
        options = setting.options
        address = options.address.lstrip("0") if options.address.isdecimal() else options.address
        key = (options.bus_id, setting.profile.family, address)
        first = self._taken.setdefault(key, setting.id)
        if first != setting.id:
            at = (*path, "address")
            self._decoder.blame(
                at, "check.address-twice", address=options.address, bus=options.bus_id, first=first
            )


def _is_switch(profile: Profile, point: str) -> bool:
    """Whether the input is only open or closed, so that no cable can be measured with it."""
    return any(spec.id == point and spec.type == "bool" for spec in profile.point)


def serial_line(decoder: Decoder, text: str, path: KeyPath) -> SerialLine | None:
    """The serial line that an option `line` names; None after a mistake."""
    try:
        return SerialLine.parse(text)
    except ValueError:
        fault = serial_line_fault(text)
        if fault is not None:
            decoder.blame((*path, "line"), fault.code, **fault.data)
            return None
        expected = Phrase("expected.like", {"example": str(SerialLine())})
        decoder.blame((*path, "line"), "settings.wrong-value", expected=expected, found=text)
        return None
