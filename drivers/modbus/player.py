"""A Modbus device that plays a profile."""

from typing import Any

from drivers.emulate.meter import Meter
from drivers.profile import Profile


def player(profile: Profile, address: str, **options: Any) -> Meter:
    """The device at that unit address."""
    return Meter(profile, int(address), **options)
