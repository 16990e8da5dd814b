"""Nothing that is published changes its name by the way: see `tests/repository/published.py`."""

from pathlib import Path

import msgspec
import pytest

from gateway import schemas
from tests.repository import published


async def test_openapi(tmp_path: Path) -> None:
    assert await published.openapi_document(tmp_path) == golden("openapi.json")


def test_the_schema_of_the_settings() -> None:
    assert published.settings_schema() == golden("station.schema.json")


def test_metrics() -> None:
    assert published.metrics() == golden("metrics.txt")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_commands(language: str) -> None:
    assert published.commands(language) == golden(f"commands.{language}.txt")


class Chime(msgspec.Struct, tag=True):
    """A class that another release has called otherwise."""

    seconds: int


class Speech(msgspec.Struct, tag=True):
    after: Chime
    then: Chime | None = None


def test_a_class_that_is_renamed_keeps_its_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schemas.PUBLISHED, "Chime", "broadcast.old.Gong")
    (shape,), parts = schemas.schema_components([Speech | Chime], "#/parts/{name}")
    assert set(parts) == {"Speech", "broadcast.old.Gong"}
    assert parts["broadcast.old.Gong"]["title"] == "Gong"
    assert parts["Speech"]["properties"]["after"] == {"$ref": "#/parts/broadcast.old.Gong"}
    assert shape["discriminator"]["mapping"]["Chime"] == "#/parts/broadcast.old.Gong"


def test_two_classes_are_not_published_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schemas.PUBLISHED, "Chime", "Speech")
    with pytest.raises(ValueError, match="Speech"):
        schemas.schema_components([Speech], "#/parts/{name}")


def golden(name: str) -> str:
    return (published.FOLDER / name).read_text("utf-8")
