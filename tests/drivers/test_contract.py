"""The field's exception tree is printed where it is defined; errors carry a code and data."""

import re

from drivers import contract
from drivers.contract import (
    FieldError,
    GarbledReply,
    NoReply,
    PortMissing,
    Quality,
    RequestRefused,
    TargetDead,
)


def drawn() -> list[tuple[int, str]]:
    """(depth, name) of every line of the drawing."""
    lines = re.findall(r"^    ([│├└─ ]*)([A-Z]\w+)  ", contract.__doc__ or "", re.MULTILINE)
    return [(len(branch) // 4, name) for branch, name in lines]


def defined(kind: type[FieldError] = FieldError, depth: int = 0) -> list[tuple[int, str]]:
    found = [(depth, kind.__name__)]
    for child in kind.__subclasses__():
        if child.__module__ == contract.__name__:
            found += defined(child, depth + 1)
    return found


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == defined()


def test_an_error_carries_code_and_data() -> None:
    error = PortMissing("bus.port-missing", port="/dev/ttyUSB0")
    assert error.data == {"port": "/dev/ttyUSB0"}
    assert str(error) == "bus.port-missing port='/dev/ttyUSB0'"


def test_each_fault_has_the_quality_of_its_readings() -> None:
    qualities = {kind: kind.quality for kind in (NoReply, GarbledReply, RequestRefused, TargetDead)}
    assert list(qualities.values()) == [
        Quality.TIMEOUT, Quality.CRC, Quality.EXCEPTION, Quality.TIMEOUT,
    ]  # fmt: skip
