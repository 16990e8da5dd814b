"""Families are found by folder, in the product and in folders beside it."""

import sys

import pytest

from drivers import registry
from drivers.extensions import EXTENSIONS_VARIABLE
from drivers.family import Shape
from drivers.message import Radio

FAMILY = """
from drivers.family import Shape

class Toy:
    family = "toy-of-the-registry"
    shape = Shape.ACTING

DRIVER = Toy()
"""


def test_every_family_declares_its_shape() -> None:
    shapes = {name: driver.shape for name, driver in registry.families().items()}
    assert shapes == {
        "ble": Shape.LISTENING,
        "cjt188": Shape.POLLED,
        "dlt645": Shape.POLLED,
        "modbus": Shape.POLLED,
    }
    assert registry.families()["ble"].inlet == Radio("ble")


def test_a_folder_beside_the_product_is_searched_too(tmp_path, monkeypatch) -> None:
    for name in ("toy_of_the_registry", "modbus"):
        folder = tmp_path / "drivers" / name
        folder.mkdir(parents=True)
        (folder / "driver.py").write_text(FAMILY)
    shipped = registry.families()["modbus"]
    monkeypatch.setenv(EXTENSIONS_VARIABLE, str(tmp_path))
    assert registry.family_names().count("toy_of_the_registry") == 1
    assert registry.families()["toy_of_the_registry"].shape is Shape.ACTING
    assert registry.families()["modbus"] is shipped
    monkeypatch.delenv(EXTENSIONS_VARIABLE)
    sys.modules.pop("drivers.toy_of_the_registry.driver", None)
    assert "toy_of_the_registry" not in registry.family_names()
    with pytest.raises(KeyError):
        registry.families()["toy_of_the_registry"]
