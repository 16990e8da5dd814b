"""A folder beside the product that holds the toy, and a search path that is this test's alone."""

from pathlib import Path

import pytest

from gateway.upstream import uplinks
from tests.upstream.uplinks.harness import lay_toy


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a kind of uplink is laid to be found."""
    extension = lay_toy(tmp_path / "beside")
    monkeypatch.setenv("YIZHAN_EXTENSIONS", str(extension))
    monkeypatch.setattr(uplinks, "__path__", [*uplinks.__path__])
    return extension / "gateway" / "upstream" / "uplinks"
